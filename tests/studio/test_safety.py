"""Who may talk to the page, what they may send, and which files it touches."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from studio_pictures import draw

from ganvas.core.errors import ConfigError, DataError, RunError
from ganvas.data.scan import scan
from ganvas.studio import guard, uploads
from ganvas.studio.command import is_loopback
from ganvas.studio.guard import LOOPBACK, Guard
from ganvas.studio.places import Places

fastapi = pytest.importorskip("fastapi", reason="pip install 'ganvas[studio]'")
testclient = pytest.importorskip("starlette.testclient", reason="pip install 'ganvas[test]'")

TOKEN = "a-token-for-tests"
HOME = "http://127.0.0.1:7860"


async def count(request: fastapi.Request) -> int:
    """Say how many bytes have arrived."""
    return len(await request.body())


def application(**settings) -> testclient.TestClient:
    """A page with two routes behind the guard."""
    app = fastapi.FastAPI()
    app.add_middleware(Guard, **({"hosts": LOOPBACK, "token": None} | settings))
    app.get("/")(lambda: "welcome")
    app.post("/gradio_api/upload")(lambda: "taken")
    app.post("/run")(count)
    return testclient.TestClient(app, base_url=HOME, follow_redirects=False)


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1:7860", "[::1]:7860", "LOCALHOST"])
def test_the_page_answers_to_this_machine(host):
    assert application().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.9:7860", ""])
def test_a_foreign_name_is_refused(host):
    assert application().get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:7860.evil"]
)
def test_another_page_may_not_send(origin):
    answer = application().post("/gradio_api/upload", headers={"origin": origin})
    assert answer.status_code == 403


def test_the_page_itself_may_send():
    answer = application().post("/gradio_api/upload", headers={"origin": HOME})
    assert (answer.status_code, answer.json()) == (200, "taken")


def test_another_page_may_link_here_but_not_read():
    client, elsewhere = application(), {"sec-fetch-site": "cross-site"}
    assert client.get("/", headers=elsewhere | {"sec-fetch-mode": "navigate"}).status_code == 200
    assert client.get("/", headers=elsewhere | {"sec-fetch-mode": "no-cors"}).status_code == 403


def test_nothing_is_loaded_from_elsewhere():
    headers = application().get("/").headers
    policy = headers["content-security-policy"]
    assert "http" not in policy
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_a_body_that_says_it_is_too_large_is_not_read():
    size = str(guard.MAX_BODY_BYTES + 1)
    assert application().post("/run", headers={"content-length": size}).status_code == 413


def test_a_body_that_hides_its_size_is_cut_off(monkeypatch):
    monkeypatch.setattr(guard, "MAX_BODY_BYTES", 1000)

    def pieces(number: int) -> Iterator[bytes]:
        yield from [b"x" * 300] * number

    assert application().post("/run", content=pieces(3)).json() == 900
    assert application().post("/run", content=pieces(4)).status_code == 413


def test_without_the_token_there_is_nothing():
    client = application(hosts=None, token=TOKEN)
    assert client.get("/").status_code == 401
    assert client.get("/?token=guess").status_code == 401
    client.cookies.set(guard.COOKIE, "guess")
    assert client.get("/").status_code == 401


def test_the_token_moves_from_the_link_into_a_cookie():
    client = application(hosts=None, token=TOKEN)
    answer = client.get(f"/?token={TOKEN}&theme=dark")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?theme=dark")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_this_machine_needs_no_token(host, expected):
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    "typed", ["..", "../runs", "/etc", "/", "mine/../..", "link", "\0", "~root"]
)
def test_no_path_leads_out_of_the_chosen_folders(typed, places):
    (places.pictures[0] / "link").symlink_to("/etc")
    with pytest.raises(DataError):
        places.source(typed)


def test_a_refusal_does_not_tell_whether_the_file_exists(places):
    with pytest.raises(DataError) as there:
        places.source("/etc")
    with pytest.raises(DataError) as nowhere:
        places.source("/xyz")
    assert str(there.value).replace("/etc", "") == str(nowhere.value).replace("/xyz", "")


def test_a_hidden_folder_is_not_opened(places):
    draw(places.pictures[0] / ".secret")
    with pytest.raises(DataError, match="hidden"):
        places.source(".secret")


def test_uploads_are_opened_wherever_the_runs_are(tmp_path):
    places = Places(tmp_path / "runs", (tmp_path,))
    folder, _ = uploads.accept(places, sorted(draw(tmp_path / "mine", 3).iterdir()))
    assert places.source(folder) == folder


def test_a_name_that_waits_to_be_made_is_taken(places):
    (places.runs / "digits-1").mkdir()
    assert places.free_name("", "builtin:digits", []) == "digits-2"
    assert places.free_name("", "builtin:digits", ["digits-2", "mine"]) == "digits-3"
    for taken in ("mine", "digits-1"):
        with pytest.raises(ConfigError, match="already"):
            places.free_name(taken, "builtin:digits", ["digits-2", "mine"])


def test_a_chosen_folder_is_opened(places):
    folder = draw(places.pictures[0] / "cats")
    assert places.source("cats") == places.source(f' "{folder}" ') == str(folder)
    assert places.source("builtin:digits") == "builtin:digits"


@pytest.mark.parametrize("name", ["../mine", "/etc", ".studio", "", "absent", None])
def test_only_listed_runs_are_opened(name, places):
    with pytest.raises(RunError):
        places.run(name)


@pytest.mark.parametrize("name", ["../x", "a/b", "--new", ".x", "x" * 80, "a b"])
def test_a_run_cannot_be_named_like_a_path_or_a_flag(name, places):
    with pytest.raises(ConfigError):
        places.free_name(name, "builtin:digits", [])


def png(side: int = 24) -> bytes:
    """A small picture as bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, "PNG")
    return buffer.getvalue()


def pack(path: Path, members: dict[str, bytes]) -> Path:
    """Write a zip, with names as they are given."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_zip_cannot_write_outside_its_folder(tmp_path, places):
    names = ["../evil.png", "/evil.png", "a/../../evil.png", "C:\\evil.png", "cats/good.png"]
    file = pack(tmp_path / "pictures.zip", dict.fromkeys(names, png()))
    folder, skipped = uploads.accept(places, [file])
    written = [one for one in Path(folder).rglob("*") if one.is_file()]
    assert [str(one.relative_to(folder)) for one in written] == ["cats/good.png"]
    assert len(skipped) == 4
    assert not list(tmp_path.rglob("evil*"))


def test_classes_keep_their_names_in_every_script(tmp_path, places):
    names = ["кошки/один.png", "собаки/один.png", "猫/1.png", "Été/a.png", "ete/a.png", "x. /a.png"]
    file = pack(tmp_path / "pictures.zip", dict.fromkeys(names, png()))
    folder, _ = uploads.accept(places, [file])
    found = scan(folder, classes="folders")
    assert sorted(found.class_names) == sorted(["кошки", "собаки", "猫", "Été", "ete", "x"])
    assert (Path(folder) / "кошки" / "один.png").is_file()
    less = scan(uploads.without(places, folder, ["猫/1.png"]), classes="folders")
    assert sorted(less.class_names) == sorted(["кошки", "собаки", "Été", "ete", "x"])


@pytest.mark.parametrize("part", ["..", " . ", "\0", "a/b", "a\\b", "C:", ".hidden", "я" * 200])
def test_no_name_is_more_than_a_name(part, tmp_path):
    name = uploads._safe(part)
    (tmp_path / name).mkdir()
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert not name.startswith(".")


def test_a_bomb_is_left_out(tmp_path, places):
    file = pack(tmp_path / "b.zip", {"bomb.png": png() + bytes(2**26), "good.png": png()})
    folder, skipped = uploads.accept(places, [file])
    assert [one.name for one in Path(folder).iterdir()] == ["good.png"]
    assert "bomb" in skipped[0].reason


def test_too_many_pictures_are_refused_and_nothing_stays(tmp_path, places, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_PICTURES", 3)
    files = sorted(draw(tmp_path / "many", 4).iterdir())
    with pytest.raises(DataError, match="more than 3"):
        uploads.accept(places, files)
    assert not list(places.make("sets").iterdir())


def test_a_photo_with_too_many_pixels_is_refused_by_its_head(tmp_path):
    Image.new("1", (9000, 9000)).save(tmp_path / "large.png")
    with pytest.raises(DataError, match="too large"):
        uploads.photo(tmp_path / "large.png", tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_left_out_pictures_are_not_in_the_set_and_the_folder_stays_as_it_was(places):
    folder = draw(places.pictures[0] / "cats", 5)
    before = sorted(folder.iterdir())
    made = Path(uploads.without(places, str(folder), ["p01.png", "p03.png"]))
    assert sorted(one.name for one in made.iterdir()) == ["p00.png", "p02.png", "p04.png"]
    assert made == Path(uploads.without(places, str(folder), ["p03.png", "p01.png"]))
    assert sorted(folder.iterdir()) == before
    assert uploads.without(places, str(folder), []) == str(folder)


def test_a_folder_that_has_changed_makes_another_set(places):
    folder = draw(places.pictures[0] / "cats", 3)
    first = uploads.without(places, str(folder), ["p01.png"])
    (folder / "p02.png").rename(folder / "new.png")
    second = uploads.without(places, str(folder), ["p01.png"])
    assert sorted(one.name for one in Path(second).iterdir()) == ["new.png", "p00.png"]
    (folder / "new.png").write_bytes(png())
    assert uploads.without(places, str(folder), ["p01.png"]) not in (first, second)


def test_links_are_not_counted_and_copies_that_are_too_many_leave_nothing(places, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_PICTURES", 2)
    folder = draw(places.pictures[0] / "cats", 4)
    assert len(list(Path(uploads.without(places, str(folder), ["p00.png"])).iterdir())) == 3
    before = list(places.make("sets").iterdir())
    monkeypatch.setattr(uploads.os, "link", lambda *_: (_ for _ in ()).throw(OSError))
    with pytest.raises(DataError, match="more than 2"):
        uploads.without(places, str(folder), ["p01.png"])
    assert list(places.make("sets").iterdir()) == before
