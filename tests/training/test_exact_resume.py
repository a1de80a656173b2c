"""n + m steps equal n steps, a checkpoint and m steps: bit for bit, for whatever can be trained."""

from typing import Any

import pytest
import torch

from ganvas.core.device import Numerics
from ganvas.core.errors import CheckpointError
from ganvas.models import registry
from ganvas.runs import checkpoint
from ganvas.runs.folder import RunFolder
from ganvas.training.loop import train_steps
from ganvas.training.recipes import registry as recipes
from ganvas.training.state import TrainState

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
    "skipping D": ("dcgan", {"optim": {"skip_d_above": 0.6}}),
    "simultaneous": ("dcgan", {"recipe": "simultaneous"}),
    "simultaneous pairs": (
        "resnet",
        {"recipe": "simultaneous", "cure": {"pack": 2}, "loss": {"penalty_stride": 1}},
    ),
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
    return TrainState(config, source, Numerics(torch.device("cpu"), "fp32"))


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


def test_every_recipe_is_covered(tiny):
    used = {tiny(arch, changes).recipe for arch, changes in VARIANTS.values()}
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
    # How many batches the average's statistics were measured on is always the same.
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


@pytest.mark.parametrize("counter", ["nimg", "attempt", "micro_batch", "seconds"])
def test_a_checkpoint_that_lacks_a_counter_is_refused(counter, tiny, pictures):
    config, source = tiny("mlp"), pictures()
    state = fresh(config, source)
    meta = {key: value for key, value in state.meta().items() if key != counter}
    with pytest.raises(CheckpointError, match=counter):
        fresh(config, source).load(state.tensors(), meta)


def test_a_checkpoint_of_another_width_is_refused(tiny, pictures):
    source = pictures()
    small = fresh(tiny("mlp"), source)
    large = fresh(tiny("mlp", {"model": {"hidden_g": [16, 64]}}), source)
    with pytest.raises(CheckpointError, match="shape"):
        large.load(small.tensors(), small.meta())
