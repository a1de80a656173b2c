"""Every kind of picture is used rightly or skipped with its reason: in a folder and in a zip."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from pictures import Case, unusable, usable
from sources import DOT, zipped

from ganvas.core import images
from ganvas.core.errors import UnreadablePicture
from ganvas.core.images import Picture
from ganvas.data.scan import Scan, scan

GOOD = "zz good.png"
USABLE, UNUSABLE = list(usable()), list(unusable())


def put(folder: Path, cases: list[Case]) -> Path:
    """Write the files, and a plain good one beside them."""
    plain = Case(GOOD, DOT)
    for case in [*cases, plain]:
        path = folder / case.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(case.data)
    return folder


def pack(folder: Path, cases: list[Case]) -> Path:
    """The same as a zip."""
    path = folder / "all.zip"
    members = {case.name: case.data for case in cases}
    path.write_bytes(zipped(members | {GOOD: DOT}))
    return path


def outcomes(found: Scan) -> dict[str, Picture | str]:
    """Read everything: a picture or the reason for each name."""
    results: dict[str, Picture | str] = {one.name: one.reason for one in found.skipped}
    assert len(results) == len(found.skipped)
    for entry in found.entries:
        assert entry.name not in results
        try:
            with entry.open() as file:
                results[entry.name] = images.read(file)
        except UnreadablePicture as error:
            results[entry.name] = str(error)
    return results


def assert_shows(picture: Picture | str, case: Case) -> None:
    """Size, orientation, colours, opacity and facts are those of the case."""
    assert isinstance(picture, Picture), picture
    assert (picture.width, picture.height) == case.size
    height, width = picture.pixels.shape[:2]
    assert (width, height) == case.size
    rows, columns = [height // 4, height * 3 // 4], [width // 4, width * 3 // 4]
    middles = picture.pixels[np.ix_(rows, columns)].astype(int)
    wanted = case.quadrants if case.quadrants.ndim == 3 else case.quadrants[..., None]
    np.testing.assert_allclose(middles, np.broadcast_to(wanted, (2, 2, 3)), atol=case.tolerance)
    if case.alpha is None:
        assert picture.alpha is None
    else:
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha[np.ix_(rows, columns)], case.alpha)
    assert {name: getattr(picture, name) for name in case.facts} == case.facts


def test_the_table_is_long():
    assert len(USABLE) + len(UNUSABLE) >= 110
    names = [case.name for case in USABLE + UNUSABLE]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", USABLE, ids=lambda case: case.name[:40])
def test_usable_pictures_are_seen_as_they_are(case, tmp_path):
    assert_shows(outcomes(scan(put(tmp_path, [case])))[case.name], case)


@pytest.mark.parametrize("case", UNUSABLE, ids=lambda case: case.name)
def test_unusable_files_are_skipped_with_their_reason(case, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "_formats", lambda: images.FORMATS)
    results = outcomes(scan(put(tmp_path, [case])))
    assert isinstance(results.pop(GOOD), Picture)
    # A folder that is not entered answers for what is in it.
    [(name, reason)] = results.items()
    assert name in (case.name, f"{case.name.split('/')[0]}/")
    assert isinstance(reason, str)
    assert case.reason in reason


@pytest.mark.parametrize("container", [put, pack])
def test_no_file_is_lost(container, tmp_path):
    cases = USABLE + UNUSABLE
    found = scan(container(tmp_path, cases))
    results = outcomes(found)
    assert len(found.entries) + len(found.skipped) == len(cases) + 1
    for case in USABLE:
        assert_shows(results[case.name], case)
    assert sum(isinstance(result, Picture) for result in results.values()) == len(USABLE) + 1
    assert all(len(result) > 8 for result in results.values() if isinstance(result, str))


def test_a_zip_and_a_folder_give_the_same(tmp_path):
    cases = [case for case in USABLE + UNUSABLE if "/" not in case.name]
    packed = outcomes(scan(pack(tmp_path, cases)))
    (tmp_path / "folder").mkdir()
    loose = outcomes(scan(put(tmp_path / "folder", cases)))
    assert list(loose) == list(packed)
    for one, other in zip(loose.values(), packed.values(), strict=True):
        if isinstance(one, str):
            assert one == other
        else:
            np.testing.assert_array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("new\nline.png", "new\\nline.png"),
        ("red \x1b[31m.png", "red \\x1b[31m.png"),
        ("not utf-8 \udcff\udcfe.png", "not utf-8 \\udcff\\udcfe.png"),
        (" space .png", " space .png"),
    ],
)
def test_names_no_terminal_should_see_are_escaped_and_used(name, shown, tmp_path):
    case = Case(name, DOT)
    found = scan(put(tmp_path, [case]))
    assert {entry.name for entry in found.entries} == {shown, GOOD}
    assert found.skipped == ()
    assert all(isinstance(result, Picture) for result in outcomes(found).values())
    shown.encode()


def test_every_mutilation_is_a_picture_or_a_reason():
    rng = np.random.default_rng(1)
    reasons = set()
    smallest = {case.name.rsplit(".")[-1].lower(): case for case in USABLE if len(case.name) < 30}
    for case, attempt in itertools.product(smallest.values(), range(60)):
        data = bytearray(case.data)
        for place in rng.integers(0, len(data), 1 + attempt % 6):
            data[place] = rng.integers(0, 256)
        del data[rng.integers(len(data) // 4, 4 * len(data)) :]
        try:
            assert images.read(io.BytesIO(bytes(data))).pixels.size
        except UnreadablePicture as error:
            reasons.add(str(error).split(":")[0])
    assert len(reasons) >= 3
