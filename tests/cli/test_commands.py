"""Every command as a user types it: what it writes, says and returns."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import TINY, runner

from ganvas.data.store import load_store
from ganvas.models import registry
from ganvas.models.stylegan2.config import Config
from ganvas.runs.generator_file import save_generator

WRONG_USAGE = {
    "trian photos": 'Did you mean "train"',
    "train photos --loss.gama 2": "Did you mean --loss.gamma",
    "train": "IMAGES",
    "train photos more": "more",
    "train photos --kimg 1 --minutes 1": "--kimg or as --minutes",
    "train photos --kimg -1": "kimg is -1",
    "train photos --loss.gamma -2": "loss.gamma is -2",
    "train photos --arch vgg": "choose from dcgan",
    "train photos --preset best": "choose from",
    "train photos --fit squeeze": '"crop", "pad", "stretch"',
    "train photos --resolution 17 --arch resnet": "17",
    "train photos --arch mlp --model.blocks 2": "--model.blocks",
    "train photos --config nothing.json": "nothing.json",
    "generate some -o out --seeds 9-2": "2-9",
    "walk some -o out.webp --seeds 9-2": "2-9",
    "project some photos/p00.png -o out --steps 0": "--steps is 0",
    "project some photos/p00.png -o out --space x": '"z", "w", "w+"',
    "mix some -o out.png --rows 9-2": "2-9",
    "directions some -o out.png --num 0": "--num is 0",
}
FAILURES = {
    "train photo": "did you mean photos",
    "inspect photos/p00.png": "p00.png",
    "generate nothing -o out": "nothing",
    "timelapse nothing -o out.webp": "nothing",
    "walk nothing -o out.webp": "nothing",
    "mix nothing -o out.png": "nothing",
    "directions nothing -o out.png": "nothing",
    "project nothing photos/p00.png -o out": "nothing",
    "evaluate nothing": "nothing",
    "export nothing -o out.onnx": "nothing",
}


@pytest.mark.parametrize(
    ("line", "code", "part"),
    [(line, 2, part) for line, part in WRONG_USAGE.items()]
    + [(line, 1, part) for line, part in FAILURES.items()],
)
def test_what_goes_wrong_is_one_helpful_sentence(line, code, part, typed):
    returned, out, err = typed(line)
    assert (returned, out) == (code, "")
    assert err.startswith("ganvas: ")
    assert err.count("\n") == 1
    assert part in err


def test_a_real_process_returns_the_code(ganvas):
    done = ganvas("train", "photos", "--kimg", "-1")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_debug_shows_the_traceback(ganvas):
    done = ganvas("train", "photo", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("ganvas: ")


def test_an_error_nobody_foresaw_is_one_sentence_too(ganvas, workplace):
    (workplace / "runs").write_text("a file where the folder of runs should be")
    done = ganvas("train", "photos", "--kimg", "0.008", *TINY)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_version(ganvas):
    assert ganvas("--version").stdout[0].isdigit()


def dry(ganvas, *flags: str) -> dict:
    done = ganvas("train", "photos", "--dry-run", *flags)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_a_dry_run_prints_settings_that_can_be_given_back(ganvas, workplace):
    first = dry(ganvas, "--arch", "mlp", "--seed", "7", "--optim.lr-d", "1e-4")
    assert (first["model"]["arch"], first["seed"], first["optim"]["lr_d"]) == ("mlp", 7, 1e-4)
    (workplace / "config.json").write_text(json.dumps(first))
    assert dry(ganvas, "--config", "config.json") == first
    assert not (workplace / "runs").exists()


def test_flags_win_over_the_file_and_the_file_over_the_preset(ganvas, workplace):
    file = {"kimg": 3, "minutes": None, "loss": {"gamma": 5.0, "gamma_end": 4.0}, "batch_size": 16}
    (workplace / "config.json").write_text(json.dumps(file))
    found = dry(ganvas, "--config", "config.json", "--minutes", "2", "--loss.gamma", "6")
    assert (found["minutes"], found["kimg"]) == (2.0, None)
    assert (found["loss"]["gamma"], found["loss"]["gamma_end"]) == (6.0, 4.0)
    assert found["batch_size"] == 16


def test_a_file_for_another_architecture_is_refused(ganvas, workplace):
    (workplace / "config.json").write_text('{"model": {"arch": "dcgan"}}')
    done = ganvas("train", "photos", "--config", "config.json", "--arch", "mlp")
    assert done.returncode == 2
    assert "dcgan" in done.stderr


def test_everyday_flags_end_up_in_the_settings(ganvas, workplace):
    for name in ("a", "b"):
        shutil.copytree(workplace / "photos", workplace / "sets" / name)
    done = ganvas(
        *("train", "sets", "--dry-run", "--classes", "folders", "--only", "a", "--fit", "pad"),
        *("--guard", "off", "--device", "cpu", "--batch-size", "4", "--resolution", "32"),
        *("--augment.operations", "flip", "scale", "--augment.no-adaptive"),
    )
    found = json.loads(done.stdout)
    assert found["data"]["fit"] == "pad"
    assert (found["data"]["classes"], found["data"]["only"]) == ("folders", "a")
    assert (found["guard"], found["device"], found["batch_size"]) == ("off", "cpu", 4)
    assert (found["data"]["resolution"], found["preset"]) == (32, "few")
    assert found["augment"]["operations"] == ["flip", "scale"]
    assert found["augment"]["adaptive"] is False


def test_inspect_says_what_is_skipped_and_why(ganvas, workplace):
    photos = workplace / "photos"
    (photos / "notes.txt").write_text("no picture")
    (photos / "cut.png").write_bytes((photos / "p00.png").read_bytes()[:60])
    done = ganvas("inspect", "photos", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["usable"] == 16
    assert {one["name"] for one in found["skipped"]} == {"notes.txt", "cut.png"}
    assert all(one["reason"] for one in found["skipped"])
    assert (found["resolution"], found["preset"], found["channels"]) == (16, "few", 3)
    assert found["sizes"]["median"] == [20, 20]
    shown = ganvas("inspect", "photos").stdout
    for part in ("16 of 18", "20 x 20", "cut.png", "notes.txt", "16 px", "few"):
        assert part in shown


def test_inspect_says_in_one_line_what_hardly_differs(ganvas, workplace):
    assert json.loads(ganvas("inspect", "photos", "--json").stdout)["alike"] == []
    assert "alike" not in ganvas("inspect", "photos").stdout
    with Image.open(workplace / "photos" / "p03.png") as picture:
        picture.resize((40, 40)).save(workplace / "photos" / "twin.png")
    found = json.loads(ganvas("inspect", "photos", "--json").stdout)
    assert found["alike"] == [["twin.png", "p03.png"]]
    line = "1 nearly the same as another (p03.png as twin.png)"
    assert line in ganvas("inspect", "photos").stdout


def test_inspect_suggests_the_shape_of_most_pictures(ganvas, workplace):
    assert json.loads(ganvas("inspect", "photos", "--json").stdout)["oblong"] is None
    for path in sorted((workplace / "photos").iterdir())[4:]:
        with Image.open(path) as picture:
            picture.resize((80, 121)).save(path)
    assert json.loads(ganvas("inspect", "photos", "--json").stdout)["oblong"] == "64x96"
    assert "--resolution 64x96" in ganvas("inspect", "photos").stdout
    config = json.loads(ganvas("train", "photos", "--resolution", "64x96", "--dry-run").stdout)
    assert config["data"]["resolution"] == "64x96"


def test_inspect_counts_sub_folders_as_classes(ganvas, workplace):
    for name in ("cats", "[red]dogs"):
        (workplace / "sets" / name).mkdir(parents=True)
    for index, path in enumerate(sorted((workplace / "photos").iterdir())):
        shutil.copy(path, workplace / "sets" / ("cats" if index < 5 else "[red]dogs"))
    (workplace / "sets" / "cats" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    found = json.loads(ganvas("inspect", "sets", "--json").stdout)
    assert found["classes"] == {"[red]dogs": 11, "cats": 5}
    assert "[red]dogs 11" in ganvas("inspect", "sets").stdout


def test_info_is_one_json_object(ganvas, workplace):
    found = json.loads(ganvas("info", "--json").stdout)
    assert {"ganvas", "versions", "devices", "precision", "threads", "cache", "extras"} <= set(
        found
    )
    assert found["cache"] == {"path": str(workplace / "cache"), "bytes": 0}
    assert found["embedded"]["vgg19.safetensors"] > 10_000_000


def test_training_in_a_pipe_is_lines_and_ends_with_what_to_do(trained):
    said = (trained / "said.txt").read_text()
    kinds = [line.split()[0] for line in said.splitlines()]
    assert kinds[:2] == ["note", "train"]
    # The log shows the first and the last tick and few between; the run's own file has all.
    (stats,) = trained.glob("runs/*/stats.jsonl")
    assert len(stats.read_text().splitlines()) == 8
    assert 2 <= kinds.count("tick") <= 8
    assert "\x1b" not in said
    assert "ganvas generate 00001-photos-16 -o pictures --grid" in said


def test_the_same_command_says_that_it_is_done(trained):
    done = runner(trained)("train", "photos", "--kimg", "0.064", *TINY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Already done" in done.stdout


def test_seeds_mean_pictures(trained, tmp_path):
    run = runner(trained)
    for out, seeds in ((tmp_path / "a", "0-2,9"), (tmp_path / "b", "9")):
        done = run("generate", "1", "-o", str(out), "--seeds", seeds, "--grid")
        assert (done.returncode, done.stderr) == (0, "")
    names = ["grid.png", "seed0000.png", "seed0001.png", "seed0002.png", "seed0009.png"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == names
    first, second = (np.asarray(Image.open(tmp_path / d / "seed0009.png")) for d in "ab")
    assert first.shape == (16, 16, 3)
    np.testing.assert_array_equal(first, second)
    with Image.open(tmp_path / "a" / "grid.png") as grid:
        assert min(grid.size) > 32


def test_an_exported_file_is_enough(trained, tmp_path):
    (source,) = (trained / "runs").glob("*/generator.safetensors")
    shutil.copy(source, tmp_path / "mine.safetensors")
    done = runner(tmp_path)("generate", "mine.safetensors", "--out", "out", "--seeds", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "seed0000.png").exists()


def test_timelapse_has_a_frame_a_snapshot(trained, tmp_path):
    film = tmp_path / "films" / "learn.webp"
    done = runner(trained)("timelapse", "00001-photos-16", "-o", str(film))
    assert (done.returncode, done.stderr) == (0, "")
    samples = list((trained / "runs").glob("*/samples/*.png"))
    with Image.open(film) as picture:
        assert picture.n_frames == len(samples) > 2


def test_a_walk_is_a_film(trained, tmp_path):
    film = tmp_path / "films" / "walk.webp"
    done = runner(trained)("walk", "1", "-o", str(film), "--seeds", "0,4", "--seconds", "0.4")
    assert (done.returncode, done.stderr) == (0, "")
    assert "10 frames" in done.stdout
    with Image.open(film) as picture:
        assert picture.size == (256, 256)
    alone = runner(trained)("walk", "1", "-o", str(film), "--seeds", "4")
    assert (alone.returncode, "two different seeds" in alone.stderr) == (2, True)


def test_a_photo_is_projected(trained, tmp_path):
    done = runner(trained)(
        *("project", "1", "photos/p00.png", "-o", str(tmp_path / "found")),
        *("--steps", "3", "--starts", "1"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    names = ["comparison.png", "latent.json", "projection.png", "way.webp"]
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == names
    found = json.loads((tmp_path / "found" / "latent.json").read_text())
    assert (len(found["latent"][0]), found["label"], found["step"]) == (8, None, 3)
    with Image.open(tmp_path / "found" / "comparison.png") as picture:
        assert picture.size == (2 * 16 + 6, 16 + 4)
    latent = str(tmp_path / "found" / "latent.json")
    again = runner(trained)(
        "generate", "1", "-o", str(tmp_path / "again"), "--seeds", f"4,{latent}"
    )
    assert (again.returncode, again.stderr) == (0, "")
    assert "seed0004.png latent0001.png" in again.stdout
    made, shown = tmp_path / "again" / "latent0001.png", tmp_path / "found" / "projection.png"
    with Image.open(made) as one, Image.open(shown) as other:
        assert np.abs(np.asarray(one, np.int16) - np.asarray(other)).max() <= 1


def test_directions_are_a_sheet_and_a_film_and_mixing_needs_styles(trained, tmp_path):
    done = runner(trained)("directions", "1", "-o", str(tmp_path / "new" / "sheet.png"))
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "new" / "sheet.png") as picture:
        assert picture.size == (7 * 18 + 2, 8 * 18 + 2)
    film = str(tmp_path / "film.webp")
    flags = ("--seeds", "0", "--direction", "2", "--by", "2", "--seconds", "0.4")
    done = runner(trained)("walk", "1", "-o", film, *flags)
    assert (done.returncode, "10 frames" in done.stdout) == (0, True)
    done = runner(trained)("mix", "1", "-o", str(tmp_path / "grid.png"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "no styles: train one with --arch stylegan2" in done.stderr


def test_styles_are_mixed_in_a_grid(typed, workplace):
    model, shape = Config(base=64, most=8), {"channels": 1, "resolution": 8}
    G, _ = registry.build(model, **shape)
    header = {"model": model.to_dict(), **shape}
    save_generator(workplace / "style.safetensors", G.state_dict(), header)
    line = "mix style.safetensors -o new/grid.png --rows 0,1 --columns 2-4 --fine-from"
    assert typed(f"{line} 1") == (0, "Grid: new/grid.png\n", "")
    with Image.open(workplace / "new" / "grid.png") as picture:
        assert picture.size == (4 * 10 + 2, 3 * 10 + 2)
    code, _, err = typed(f"{line} 5")
    assert (code, "from 0 to 4" in err) == (2, True)


def test_runs_can_live_elsewhere(trained, tmp_path):
    done = runner(tmp_path)(
        *("timelapse", "1", "-o", "learn.gif"), env={"GANVAS_RUNS": str(trained / "runs")}
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_export_writes_what_the_name_says(trained, tmp_path):
    for name in ("copy.safetensors", "new/page.html"):
        done = runner(trained)("export", "1", "-o", str(tmp_path / name))
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{tmp_path / name}, " in done.stdout
    done = runner(tmp_path)("export", "copy.safetensors", "--format", "html", "-o", "again.html")
    assert (done.returncode, "no run" in done.stderr) == (1, True)


@pytest.mark.slow
def test_export_says_how_near_other_runtimes_come(trained, tmp_path):
    for name in ("g.onnx", "g.keras"):
        environment = {"KERAS_HOME": str(tmp_path)}
        done = runner(trained)("export", "1", "-o", str(tmp_path / name), env=environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert "pictures differ from the run's by at most" in done.stdout


@pytest.mark.slow
def test_evaluate_gives_the_scores_asked_for(trained):
    run = runner(trained)
    done = run("evaluate", "1", "--metrics", "kid,ms_ssim", "--num", "16", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["num_images"], found["num_real"]) == (16, 16)
    assert found["images_per_second"] > 0
    assert {"metric/kid_vgg19", "metric/kid_vgg19_floor", "metric/ms_ssim_real"} <= set(found)
    assert "metric/fd_vgg19" not in found
    wrong = run("evaluate", "1", "--metrics", "inception")
    assert (wrong.returncode, "choose from kid, fd, prdc" in wrong.stderr) == (2, True)
    alone = run("evaluate", "1", "--metrics", "fid")
    assert (alone.returncode, "--inception FILE" in alone.stderr) == (2, True)


@pytest.mark.slow
def test_evaluate_draws_the_nearest_training_pictures(trained, tmp_path):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    done = runner(tmp_path)("evaluate", "1", "--num", "8", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    for metric in ("kid", "fd", "precision", "recall", "density", "coverage", "copies"):
        assert f"metric/{metric}_vgg19" in found
    run = tmp_path / "runs" / "00001-photos-16"
    assert found["copies"] == str((run / "copies.png").relative_to(tmp_path))
    environment = json.loads((run / "environment.json").read_text())
    trained_on = load_store(Path(environment["data"]["store"])).images
    with Image.open(run / "copies.png") as picture:
        cells = np.asarray(picture)[2:].reshape(-1, 18, 38, 3)[:, :16]
    assert 1 <= len(cells) <= 8
    for row in cells:
        fake, real = row[:, 2:18], row[:, 20:36]
        assert (trained_on == real).all(axis=(1, 2, 3)).sum() == 1
        assert not (trained_on == fake).all(axis=(1, 2, 3)).any()


@pytest.mark.slow
def test_the_demo_makes_digits_repaints_a_cat_and_says_where(ganvas, workplace):
    done = ganvas("demo", "-o", "show", "--minutes", "0.1")
    assert done.returncode == 0, done.stderr
    assert "show/digits/grid.png" in done.stdout
    assert (workplace / "show" / "digits" / "grid.png").exists()
    assert list((workplace / "show" / "runs").glob("*/reals.png"))
    with Image.open(workplace / "show" / "cat.png") as cat:
        assert cat.size == (384, 255)


@pytest.mark.slow
def test_new_starts_afresh_and_a_name_is_kept(ganvas, workplace):
    command = ("train", "photos", "--kimg", "0.008", *TINY)
    for extra in ((), ("--new",), ("--run", "mine")):
        assert ganvas(*command, *extra).returncode == 0
    names = sorted(path.name for path in (workplace / "runs").iterdir())
    assert names == ["00001-photos-16", "00002-photos-16", "mine"]
