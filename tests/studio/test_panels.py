"""What the panels compute: groups alike, walks, mixtures, searches, and the doctor's words."""

import json
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from studio_pictures import draw

import ganvas
from ganvas.core.errors import ConfigError, DataError
from ganvas.models import registry
from ganvas.runs.folder import RunFolder
from ganvas.studio import doctor_panel, jobs, latent_panel, style_tab, train_tab, watching
from ganvas.studio.shared import Studio
from ganvas.studio.texts import Texts
from ganvas.training.doctor import Diagnosis, Finding


@pytest.fixture
def studio(places, monkeypatch) -> Studio:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(places.make("gradio")))
    monkeypatch.setenv("GANVAS_CACHE", str(places.make("cache")))
    monkeypatch.setattr(latent_panel, "load_newest", lambda studio, run: network(arch="mlp"))
    return Studio(places, Texts("en"))


def network(*, channels: int = 3, num_classes: int = 0, **model: object):
    built = registry.parse(model)
    G, _ = registry.build(built, channels=channels, resolution=16, num_classes=num_classes)
    return G.eval()


def keep(studio: Studio, number: int, **note: object) -> str:
    folder = studio.places.make("favourites", f"{number:06d}")
    Image.new("RGB", (4, 4)).save(folder / "a.png")
    (folder / "a.json").write_text(json.dumps({"psi": 1.0, "label": None} | note))
    return folder.name


def test_all_but_the_largest_of_a_group_are_left_out_in_one_step(studio):
    mine = draw(studio.places.pictures[0], 3)
    for name, side in (("large & <b>.png", 48), ("small.png", 20)):
        with Image.open(mine / "p01.png") as picture:
            picture.resize((side, side), Image.Resampling.LANCZOS).save(mine / name)
    found = train_tab._look(studio, str(mine), {}, gr.Progress())
    assert found.groups() == [["large & <b>.png", "p01.png", "small.png"]]
    *_, html, button = train_tab._show(studio, found)
    assert "Nearly the same as another: 2" in html
    assert html.count("data:image/webp;base64,") == 3
    assert html.index("large &amp; &lt;b&gt;.png") < html.index("p01.png")
    assert button.visible
    left = train_tab._leave_alike(found)
    assert left.names() == ["large & <b>.png", "p00.png", "p02.png"]
    *_, html, button = train_tab._show(studio, left)
    assert (html, button.visible) == ("", False)
    back = replace(left, steps=left.steps[:-1])
    assert (back.names(), back.groups()) == (found.names(), found.groups())


def test_a_walk_goes_through_favourites_of_one_training(studio):
    one, two = (keep(studio, n, run="a", seed=n, name=f"{n}") for n in (1, 2))
    other = keep(studio, 3, run="b", seed=2, name="3")
    for chosen in (None, [one], [one, other], [one, "../000002"]):
        with pytest.raises(ConfigError, match="two or more"):
            latent_panel._walk(studio, chosen)
    with Image.open(latent_panel._walk(studio, [one, two]).value["path"]) as film:
        assert film.n_frames > 1


def test_a_film_shows_each_favourite_as_it_was_kept(studio, monkeypatch):
    G = network(arch="mlp", num_classes=3)
    monkeypatch.setattr(latent_panel, "load_newest", lambda studio, run: G)
    notes = [{"seed": 4, "label": "2", "psi": 1.0}, {"seed": 4, "label": None, "psi": 0.3}]
    kept = [keep(studio, n, run="a", name=f"{n}", **note) for n, note in enumerate(notes, start=1)]
    with Image.open(latent_panel._walk(studio, kept).value["path"]) as film:
        for at, note in ((0, notes[0]), (film.n_frames // 2, notes[1])):
            film.seek(at)
            frame = np.asarray(film.convert("RGB").resize((16, 16)), float)
            alone = ganvas.generate(G, [note["seed"]], psi=note["psi"], label=note["label"])[0]
            assert np.abs(frame - np.asarray(alone)).mean() < 3


def test_stop_reaches_the_job_that_trains_and_not_one_that_waits(studio):
    folders = [jobs.new_folder(studio.places.make("jobs")) for _ in range(3)]
    for folder in folders:
        (folder / "job.json").write_text(json.dumps({"argv": [], "kind": "train", "run": "a"}))
    (folders[0] / "exit.json").write_text('{"code": 0}')
    assert watching.look(studio.places, "a").job.path == folders[1]
    assert studio.coming() == ["a", "a"]
    for folder in folders:
        (folder / "exit.json").write_text('{"code": 0}')
    assert watching.look(studio.places, "a").job.path == folders[2]
    assert studio.coming() == []


def test_a_painting_that_was_killed_keeps_its_newest_preview(studio):
    folder = jobs.new_folder(studio.places.make("jobs"))
    about = {"argv": [], "kind": "style", "work": [[256, 30]]}
    (folder / "job.json").write_text(json.dumps(about))
    (folder / "exit.json").write_text('{"code": -9}')
    Image.new("RGB", (16, 16), "white").save(folder / "photo.png")
    for name, color in {
        "out.png": "red",
        "out-000010.png": "green",
        "out-000020.png": "blue",
    }.items():
        Image.new("RGB", (16, 16), color).save(folder / name)
    for _ in range(2):
        *_, download, _ = style_tab._look_at(studio, folder.name, None)
        with Image.open(download.value["path"]) as picture:
            assert picture.getpixel((0, 0)) == (0, 0, 255)
    assert (folder / "out-000020.png").is_file()
    (folder / "out.png").unlink()
    (studio.places.home / "pictures" / f"painting-{folder.name}.png").unlink()
    assert style_tab._look_at(studio, folder.name, None)[4].visible


@pytest.mark.parametrize("channels", [1, 3])
def test_mixtures_are_a_grid_between_what_is_mixed(studio, channels, monkeypatch):
    G = network(arch="stylegan2", base=64, most=8, channels=channels)
    monkeypatch.setattr(latent_panel, "load_newest", lambda studio, run: G)
    for sides in ([None, ["1"]], [["1"], []], [["0-8"], ["1"]]):
        with pytest.raises(ConfigError, match="at least one seed"):
            latent_panel._mix(studio, "a", 1.0, "", *sides)
    shown = latent_panel._mix(studio, "a", 1.0, "", ["3", "8"], ["1", "5-6"])
    with Image.open(shown.value["path"]) as grid:
        assert abs(grid.width / grid.height - (4 * 18 + 2) / (3 * 18 + 2)) < 0.01
        small = np.asarray(grid.resize((74, 56), Image.Resampling.BOX))
    assert (small[4:16, 4:16] == 255).all()
    assert small[4:16, 22:].std() > 1


def test_only_trainings_with_styles_can_be_mixed(studio):
    for arch in ("stylegan2", "mlp"):
        run = RunFolder.create(studio.places.runs, arch, "x")
        run.write_config({"model": {"arch": arch}})
        assert latent_panel.has_styles(studio, arch) == (arch == "stylegan2")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.slow
def test_a_photo_is_shown_beside_what_is_found(studio, tmp_path, channels, monkeypatch):
    monkeypatch.setattr(latent_panel, "STEPS", 2)
    G = network(arch="mlp", channels=channels)
    monkeypatch.setattr(latent_panel, "load_newest", lambda studio, run: G)
    (photo,) = draw(tmp_path / "photos", 1, 64).iterdir()
    with pytest.raises(DataError, match="choose a photo"):
        latent_panel._find(studio, None, None)
    shown = latent_panel._find(studio, None, str(photo))
    with Image.open(shown.value["path"]) as pair:
        assert pair.width > 1.8 * pair.height


def test_the_doctor_is_quoted_and_nothing_of_it_is_taken_for_html():
    finding = Finding("collapse", 8, "It <collapsed>.", ("All alike",), ("Back",), None, None)
    said = doctor_panel.in_words(
        Diagnosis("runs/a", 8, 9, "troubled", "In trouble", (finding,), "L", "P", "Try: x")
    )
    for words in ("a: In trouble", "It &lt;collapsed&gt;. All alike Back", "Try: x"):
        assert words in said
