"""n + m steps equal n steps, a checkpoint and m steps: bit for bit, for whatever can be trained."""

from typing import Any

import pytest
import torch

from ganvas.core.device import Numerics
from ganvas.core.errors import CheckpointError
from ganvas.models import registry
from ganvas.runs import checkpoint
from ganvas.runs.folder import RunFolder
from ganvas.training import guard
from ganvas.training.loop import train_steps
from ganvas.training.recipes import registry as recipes
from ganvas.training.state import TrainState
from ganvas.training.troubles import Trouble

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"arch {arch}": (arch, {}) for arch in registry.names()},
    "packing, noise, augmentation": (
        "resnet",
        {
            "cure": {"pack": 2, "instance_noise": 0.1},
            "loss": {"penalty_stride": 1},
            "augment": {"operations": ["flip", "scale", "translation", "color", "cutout"]},
        },
    ),
    "adaptive augmentation": (
        "resnet",
        {"augment": {"operations": ["color"], "adaptive": True, "p": 0.2, "speed_kimg": 0.1}},
    ),
    "wgan-gp, five D steps": (
        "resnet",
        {
            "loss": {"adversarial": "wgan", "penalties": ["wgan-gp"], "drift": 0.001},
            "optim": {"n_critic": 5},
        },
    ),
    "lazy penalty, soft hinge": (
        "resnet",
        {
            "loss": {
                "adversarial": "hinge",
                "soft": 0.8,
                "penalty_mode": "lazy",
                "penalty_every": 2,
            }
        },
    ),
    "finite differences": ("resnet", {"loss": {"penalty_mode": "finite-difference"}}),
    "spectral norm": ("dcgan", {"model": {"norm_d": "spectral"}}),
    "freezing D": ("resnet", {"optim": {"freeze_d": 2}}),
    "skipping D": ("dcgan", {"optim": {"skip_d_above": 0.6}}),
    "simultaneous, fitted to contrast": (
        "dcgan",
        {"recipe": "simultaneous", "model": {"norm_d": "none"}, "cure": {"fit_contrast": True}},
    ),
    "simultaneous pairs": (
        "resnet",
        {"recipe": "simultaneous", "cure": {"pack": 2}, "loss": {"penalty_stride": 1}},
    ),
    "styles mixed, paths even": (
        "stylegan2",
        {
            "recipe": "stylegan2",
            "styles": {"mixing": 0.9, "path_length": 2.0, "path_length_every": 2},
        },
    ),
    "growing, packed": ("progressive", {"cure": {"pack": 2}, "loss": {"penalty_stride": 1}}),
    "all sizes, augmented, in pairs": (
        "msg",
        {
            "loss": {"adversarial": "relativistic", "penalties": ["r1", "r2"]},
            "augment": {"operations": ["flip", "scale", "translation", "color"], "p": 0.5},
            "cure": {"instance_noise": 0.1},
        },
    ),
    "oblong, augmented": (
        "resnet",
        {
            "data": {"resolution": "24x16"},
            "augment": {"operations": ["flip", "scale", "translation", "color", "cutout"]},
            "cure": {"instance_noise": 0.1},
        },
    ),
    "oblong styles, mixed, even": (
        "stylegan2",
        {
            "data": {"resolution": "12x16"},
            "styles": {"mixing": 0.9, "path_length": 2.0, "path_length_every": 2},
        },
    ),
    "oblong, rebuilt": ("fastgan", {"data": {"resolution": "32x24"}}),
    **{
        f"oblong {arch}": (arch, {"data": {"resolution": "24x16"}})
        for arch in ("mlp", "dcgan", "vae")
    },
    "weight decay, warm-up, cosine": (
        "mlp",
        {"optim": {"weight_decay": 0.01, "warmup_kimg": 0.02, "lr_end": 0.0}},
    ),
}
CLASSES = {"data": {"classes": "folders"}}


def run_steps(config, source, state, num) -> TrainState:
    steps = train_steps(config, source, state=state)
    for _ in range(num):
        next(steps)
    return state


def fresh(config, source) -> TrainState:
    return TrainState(config, source, Numerics(torch.device(config.device), "fp32"))


def assert_equal(one: TrainState, other: TrainState) -> None:
    assert one.meta() | {"seconds": 0} == other.meta() | {"seconds": 0}
    for file, tensors in one.tensors().items():
        others = other.tensors()[file]
        assert tensors.keys() == others.keys()
        for name, tensor in tensors.items():
            assert torch.equal(tensor, others[name]), name


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("name", VARIANTS)
def test_a_stopped_training_equals_an_uninterrupted_one(
    name, num_classes, tiny, pictures, tmp_path
):
    arch, changes = VARIANTS[name]
    if num_classes and changes.get("cure", {}).get("pack", 1) > 1:
        pytest.skip("packing is refused with classes")
    config = tiny(arch, changes | (CLASSES if num_classes else {}))
    source = pictures(config.data.resolution, num_classes=num_classes)
    whole = run_steps(config, source, fresh(config, source), 5)

    first = run_steps(config, source, fresh(config, source), 2)
    run = RunFolder.create(tmp_path, "run", "")
    checkpoint.save(run, first.nimg, first.tensors(), first.meta(), 1)
    saved = checkpoint.newest(run)
    second = fresh(config, source)
    second.load({file: saved.tensors(file) for file in first.tensors()}, saved.meta)
    run_steps(config, source, second, 3)
    assert_equal(second, whole)


@pytest.mark.parametrize("recipe", [name for name in recipes.names() if name != "vae"])
def test_it_does_so_while_the_guard_acts(recipe, tiny, pictures, tmp_path, monkeypatch):
    """Every third step a check, each of which acts: all factors move, all averages are in use."""
    for name, value in {
        "CHECK_STEPS": 3,
        "FIRST_CHECKS": 2,
        "CONFIRMED": 1,
        "PAUSE_CHECKS": 0,
    }.items():
        monkeypatch.setattr(guard, name, value)
    monkeypatch.setattr(guard, "PAUSE_SHARE", 0.0)
    always = Trouble(
        lambda _: 2.0, ("gap",), ("augment", "rate_d", "gamma", "rates"), "trouble", "Trouble."
    )
    monkeypatch.setattr(guard, "TROUBLES", {"trouble": always})
    # A recipe of one architecture bears its name.
    config = tiny(
        recipe if recipe in registry.names() else "resnet",
        {
            "recipe": recipe,
            "kimg": 0.4,
            "augment": {"operations": ["color"], "p": 0.6},
            "loss": {"adversarial": "bce"},
        },
    )
    source = pictures(config.data.resolution)
    whole = run_steps(config, source, fresh(config, source), 26)
    assert whole.guard.rate_d == 0.25
    if recipe in ("standard", "simultaneous"):
        assert whole.guard.gamma == 4
    elif whole.guard.gamma == 1:  # These have other losses: a gap that takes D's rate other steps
        assert not {"r1", "r2"} & set(config.loss.penalties)  # and perhaps no gamma to raise.
        assert whole.guard.rate <= 0.5
    else:
        assert whole.guard.gamma >= 2
    assert whole.augment_floor.item() == pytest.approx(0.8)
    assert whole.guard.checks == 8

    first = run_steps(config, source, fresh(config, source), 13)
    run = RunFolder.create(tmp_path, "run", "")
    checkpoint.save(run, first.nimg, first.tensors(), first.meta(), 1)
    saved = checkpoint.newest(run)
    second = fresh(config, source)
    second.load({file: saved.tensors(file) for file in first.tensors()}, saved.meta)
    run_steps(config, source, second, 13)
    assert_equal(second, whole)


@pytest.mark.parametrize("num", [1, 2, 3])
def test_gradients_of_steps_before_the_stop_are_still_judged(num, tiny, pictures, monkeypatch):
    """With three D steps to one of G, a check sees G's gradient of up to two steps before."""
    monkeypatch.setattr(guard, "CHECK_STEPS", 1)
    config, source = tiny("resnet", {"optim": {"n_critic": 3}, "kimg": 0.4}), pictures()

    def judged(state, num):
        steps = train_steps(config, source, state=state)
        names = ("health/gradient_g", "health/gradient_d")
        return [[next(steps).stats[name].item() for name in names] for _ in range(num)]

    first, whole = fresh(config, source), judged(fresh(config, source), 6)
    judged(first, num)
    second = fresh(config, source)
    tensors = first.tensors()
    copies = {file: {k: v.clone() for k, v in held.items()} for file, held in tensors.items()}
    second.load(copies, first.meta())
    assert judged(second, 6 - num) == whole[num:]
    assert whole[-1][0] > 0


def test_a_rollback_restores_all_but_what_was_decided(tiny, pictures):
    config, source = tiny("resnet"), pictures()
    state = run_steps(config, source, fresh(config, source), 2)
    tensors = {
        file: {k: v.clone() for k, v in kept.items()} for file, kept in state.tensors().items()
    }
    meta = state.meta()
    run_steps(config, source, state, 2)
    state.guard.rollbacks, state.guard.rate, state.guard.smoothed = 1, 0.5, {"gap": 0.1}
    state.augment_floor.fill_(0.4)
    seconds = state.seconds
    state.roll_back(tensors, meta)
    assert (state.nimg, state.attempt, state.seconds) == (16, 1, seconds)
    assert (state.guard.rollbacks, state.guard.rate, state.guard.smoothed) == (1, 0.5, {})
    assert state.augment_floor == 0.4
    back = state.tensors()
    for file, kept in tensors.items():
        changed = [name for name, value in kept.items() if not torch.equal(value, back[file][name])]
        assert changed == (["augment_floor"] if file == "state" else [])
    again = fresh(config, source)
    again.load(tensors, meta)
    run_steps(config, source, again, 1)
    run_steps(config, source, state, 1)
    assert not torch.equal(next(again.G.parameters()), next(state.G.parameters()))


def test_every_recipe_is_covered(tiny):
    used = {tiny(*variant).recipe for variant in VARIANTS.values()}
    assert set(recipes.names()) == used


def test_training_changes_every_part_of_the_state(tiny, pictures):
    """So the comparison above compares something: no tensor stays what it was."""
    config = tiny(
        "dcgan",
        {"augment": {"operations": ["color"], "adaptive": True, "p": 0.2, "speed_kimg": 0.1}},
    )
    source = pictures()
    before = {
        f"{file}/{name}": tensor.clone()
        for file, tensors in fresh(config, source).tensors().items()
        for name, tensor in tensors.items()
    }
    after = run_steps(config, source, fresh(config, source), 3).tensors()
    unchanged = [
        key
        for key, tensor in before.items()
        if torch.equal(tensor, after[key.split("/")[0]][key.split("/", 1)[1]])
    ]
    # How many batches the average's statistics were measured on is always the same, and the guard
    # had no reason yet to raise its floor.
    unchanged.remove("state/augment_floor")
    assert all(key.endswith("num_batches_tracked") and "G_ema" in key for key in unchanged)


@pytest.mark.parametrize("file", ["state", "optimizer"])
def test_a_checkpoint_that_lacks_any_one_tensor_is_refused(file, tiny, pictures):
    config, source = tiny("dcgan"), pictures()
    state = run_steps(config, source, fresh(config, source), 1)
    tensors = state.tensors()
    for name in tensors[file]:
        without = {k: v for k, v in tensors[file].items() if k != name}
        with pytest.raises(CheckpointError, match="lacks"):
            fresh(config, source).load(tensors | {file: without}, state.meta())


@pytest.mark.parametrize("counter", ["nimg", "attempt", "micro_batch", "seconds", "guard"])
def test_a_checkpoint_that_lacks_a_counter_is_refused(counter, tiny, pictures):
    config, source = tiny("mlp"), pictures()
    state = fresh(config, source)
    meta = {key: value for key, value in state.meta().items() if key != counter}
    with pytest.raises(CheckpointError, match=counter):
        fresh(config, source).load(state.tensors(), meta)


def test_a_checkpoint_that_lacks_a_field_of_the_guard_is_refused(tiny, pictures):
    config, source = tiny("mlp"), pictures()
    state = fresh(config, source)
    for field in state.guard.to_dict():
        meta = state.meta()
        del meta["guard"][field]
        with pytest.raises(CheckpointError, match=field):
            fresh(config, source).load(state.tensors(), meta)


def test_a_checkpoint_of_another_width_is_refused(tiny, pictures):
    source = pictures()
    small = fresh(tiny("mlp"), source)
    large = fresh(tiny("mlp", {"model": {"hidden_g": [16, 64]}}), source)
    with pytest.raises(CheckpointError, match="shape"):
        large.load(small.tensors(), small.meta())
