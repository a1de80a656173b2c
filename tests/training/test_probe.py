"""The probe looks and touches nothing; the same place in a run shows it the same."""

import numpy as np
import pytest
import torch

from ganvas.core.device import Numerics
from ganvas.training.beforehand import data_fault
from ganvas.training.context import Context
from ganvas.training.dice import Dice
from ganvas.training.engine import Engine
from ganvas.training.loop import fitted_contrast, new_state, train_steps
from ganvas.training.plan import make_plan
from ganvas.training.probe import Probe
from ganvas.training.view import Shown, View

CPU = Engine(torch.device("cpu"))
FITTED = {"cure": {"fit_contrast": True}}


class Many:
    """`num` pictures of noise, or whatever `paint` makes of their numbers."""

    def __init__(self, num=200, paint=None, num_classes=0):
        self.resolution, self.channels, self.num_classes = 16, 3, num_classes
        drawn = np.random.default_rng(1).integers(0, 256, (num, 16, 16, 3), dtype=np.uint8)
        self._pictures = drawn if paint is None else paint(drawn)

    def __len__(self):
        return len(self._pictures)

    def batch(self, indices):
        return self._pictures[indices], indices % 3 if self.num_classes else None


def context_of(config, contrast=1.0):
    plan = make_plan(config, device=CPU.device, images_per_second=0.0)
    plan = plan.model_copy(update={"contrast": contrast})
    return Context(config, plan, CPU, Numerics(CPU.device, "fp32"))


def probe_of(config, source):
    return Probe(source, context_of(config))


VARIANTS = {
    "batch norm": ("dcgan", {}),
    "spectral norm": ("dcgan", {"model": {"norm_d": "spectral"}}),
    "packing": ("resnet", {"cure": {"pack": 2}, "loss": {"penalty_stride": 1}}),
    "packs of three": (
        "resnet",
        {"cure": {"pack": 3}, "loss": {"penalty_stride": 1}, "batch_size": 12},
    ),
    "classes": ("resnet", {"data": {"classes": "folders"}}),
    "mlp": ("mlp", {}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_it_changes_nothing_and_sees_the_same_again(name, tiny):
    config = tiny(*VARIANTS[name])
    source = Many(num_classes=3 if name == "classes" else 0)
    state = new_state(config, source, CPU)
    steps = train_steps(config, source, state=state)
    next(steps), next(steps)
    before = {k: v.clone() for k, v in state._state_tensors().items()}
    modes = [m.training for net in (state.G, state.D) for m in net.modules()]
    probe = probe_of(config, source)
    first, second = probe.measure(state), probe_of(config, source).measure(state)
    assert all(torch.equal(v, before[k]) for k, v in state._state_tensors().items())
    assert modes == [m.training for net in (state.G, state.D) for m in net.modules()]
    norms = [m for m in state.G.modules() if hasattr(m, "track_running_stats")]
    assert all(norm.track_running_stats for norm in norms)
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert torch.equal(value, second[key]), key
        assert torch.isfinite(value), key
    state.attempt += 1
    assert not torch.equal(probe.measure(state)["health/pair_margin"], first["health/pair_margin"])


def test_without_a_hold_out_overfitting_is_left_out(tiny):
    config = tiny("mlp")
    for num, there in ((99, False), (100, True)):
        source = Many(num)
        state = new_state(config, source, CPU)
        next(train_steps(config, source, state=state))
        assert ("health/overfit" in probe_of(config, source).measure(state)) == there


def _flat_colours(drawn):
    return np.broadcast_to(drawn[:, :1, :1], drawn.shape).copy()


FAULTS = {
    "blank": ("blank", lambda drawn: np.full_like(drawn, 255)),
    "flat colours": ("blank", _flat_colours),
    "one image": ("one-image", lambda drawn: drawn[:1].repeat(len(drawn), 0)),
    "a single image": ("one-image", lambda drawn: drawn[:1]),
    "one image, nearly": ("one-image", lambda drawn: drawn[:1].repeat(len(drawn), 0) // 2 * 2),
    "one image and a few others": (
        "one-image",
        lambda drawn: np.concatenate([drawn[:1].repeat(180, 0), drawn[:20]]),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_pictures_that_teach_nothing_are_recognised(name, tiny):
    trouble, paint = FAULTS[name]
    decision = data_fault(probe_of(tiny("mlp"), Many(paint=paint)), 0)
    assert decision is not None
    assert (decision.kind, decision.trouble) == ("data", trouble)


@pytest.mark.parametrize(
    "paint",
    [
        None,
        lambda drawn: 128 + drawn // 32,  # faint pictures
        lambda drawn: np.where(drawn > 250, 255, 0).astype(np.uint8),  # a few stars
        lambda drawn: np.concatenate([drawn[:10]] * 20),  # ten pictures, twenty times each
    ],
)
def test_faint_sparse_and_few_pictures_are_no_fault(paint, tiny):
    assert data_fault(probe_of(tiny("mlp"), Many(paint=paint)), 0) is None


@pytest.mark.parametrize(("spread", "expected"), [(0.07, 0.25), (0.14, 0.5), (0.4, 1.0), (0, 0.2)])
def test_flat_pictures_are_a_part_as_rich_in_contrast_as_ordinary_ones(tiny, spread, expected):
    """Half the pixels lie `spread` above grey and half below, so that is their contrast."""

    def paint(drawn):
        signs = np.where(np.arange(16)[:, None] % 2, 1, -1)[..., None]
        return np.broadcast_to(127.5 * (1 + spread * signs), drawn.shape).round().astype(np.uint8)

    found = fitted_contrast(tiny("mlp", FITTED), Many(paint=paint))
    assert found == pytest.approx(expected, abs=0.02)


def test_points_in_a_plane_count_as_ordinary(tiny):
    points = Many(paint=lambda drawn: drawn[:, :1, :1])
    assert fitted_contrast(tiny("mlp", FITTED), points) == 1.0


def test_d_may_be_steeper_where_pictures_are_flat(tiny):
    """Fitted to half the contrast, a step is that with a quarter of gamma."""

    def paint(drawn):
        return (127.5 + (drawn - drawn.mean((1, 2), keepdims=True)) * 0.12).astype(np.uint8)

    source = Many(paint=paint)
    part = fitted_contrast(tiny("dcgan", FITTED), source)
    assert part < 0.9
    loss = {"adversarial": "bce", "penalties": ["r1"], "gamma": 4.0, "gamma_end": 4.0}
    quarter = loss | {"gamma": 4.0 * part**2, "gamma_end": 4.0 * part**2}
    found = []
    for changes in ({"loss": loss, "cure": {"fit_contrast": True}}, {"loss": quarter}):
        config = tiny("dcgan", changes | {"model": {"norm_d": "none"}})
        found.append(next(train_steps(config, source)).state.D.state_dict())
    for name, weight in found[0].items():
        torch.testing.assert_close(weight, found[1][name], rtol=1e-4, atol=1e-6, msg=name)


def test_colours_of_flat_pictures_are_jittered_less_on_their_way_to_d(tiny):
    """Without any contrast not at all; with half of it half as far, brightness being linear."""
    config = tiny("dcgan", {"augment": {"operations": ["color"], "p": 1.0}})
    state = new_state(config, Many(), CPU)
    whole = slice(0, config.batch_size)
    dice = Dice(config.seed, 0, 0, config.batch_size, whole, CPU.device)
    grey = torch.zeros(config.batch_size, 3, 16, 16)
    seen = [
        View(state, context_of(config, contrast=part), dice).seen(Shown(grey, None, whole, "real"))
        for part in (0.0, 0.5, 1.0)
    ]
    assert torch.equal(seen[0], grey)
    assert not torch.equal(seen[2], grey)
    torch.testing.assert_close(2 * seen[1], seen[2])
