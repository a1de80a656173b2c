"""Growing and multi-scale steps: schedule, exact resume anywhere, and gradients by hand."""

import copy
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from ganvas.augment import pipe
from ganvas.augment.config import AugmentConfig
from ganvas.core.device import Numerics
from ganvas.core.errors import CheckpointError, ConfigError
from ganvas.layers.growth import coarsen
from ganvas.layers.pyramid import flatten, pyramid, unflatten
from ganvas.runs import checkpoint
from ganvas.runs.folder import RunFolder
from ganvas.runs.generator_file import load_generator_file, save_generator
from ganvas.training.dice import Dice
from ganvas.training.loop import read_batch, sample, train_steps, training_order
from ganvas.training.recipes.msg import augmented
from ganvas.training.schedule import growth
from ganvas.training.state import TrainState

CPU = torch.device("cpu")
STEPS = 36
LONG = {"kimg": 8 * STEPS / 1000}
"""Stages of a 16 px picture begin at steps 0, 4 and 16; they are whole from 0, 10 and 26 on."""


def fresh(config, source) -> TrainState:
    return TrainState(config, source, Numerics(CPU, "fp32"))


def advance(config, source, state, num):
    for _ in itertools.islice(train_steps(config, source, state=state), num):
        pass
    return state


@given(st.integers(0, 1500), st.integers(0, 1500), st.integers(3, 7))
def test_growth_never_shrinks_and_never_jumps(one, other, num_stages):
    early, late = sorted((one, other))
    before, after = (growth(nimg, 1000, num_stages) for nimg in (early, late))
    assert before <= after
    # The steepest fade is that of the second stage, 3 / (2 n^2) of the schedule long.
    assert after - before <= (late - early) / 1000 * 2 * num_stages**2 / 3 + 1e-9


@pytest.mark.parametrize("num_stages", [3, 4, 5, 7])
def test_half_of_each_stage_fades_and_the_last_is_whole_at_the_end(num_stages):
    total = 1_000_000
    assert growth(0, total, num_stages) == 0
    for stage in range(1, num_stages):
        begin, end = ((total * (stage + s) ** 2) / num_stages**2 for s in (0, 1))
        quarter, half = ((1 - part) * begin + part * end for part in (0.25, 0.5))
        assert growth(round(begin), total, num_stages) == pytest.approx(stage - 1, abs=1e-3)
        assert growth(round(quarter), total, num_stages) == pytest.approx(stage - 0.5, abs=1e-3)
        assert growth(round(half) + 1, total, num_stages) == stage
    assert growth(3 * total, total, num_stages) == num_stages - 1


def test_five_stages_share_the_schedule_as_documented():
    begins = [0.0, 0.04, 0.16, 0.36, 0.64, 1.0]
    shares = [round(100 * (b - a)) for a, b in itertools.pairwise(begins)]
    assert shares == [4, 12, 20, 28, 36]
    for stage, begin in enumerate(begins[1:-1], start=1):
        nimg = int(begin * 1_000_000)
        assert growth(nimg - 1, 1_000_000, 5) == stage - 1
        assert growth(nimg + 10, 1_000_000, 5) > stage - 1


@pytest.mark.parametrize(
    "at", [2, 4, 5, 7, 12, 16, 17, 22, 30], ids="stopped after {} steps".format
)
def test_a_growing_training_continues_exactly(at, tiny, pictures, tmp_path):
    config, source = tiny("progressive", LONG), pictures()
    first = advance(config, source, fresh(config, source), at)
    run = RunFolder.create(tmp_path, "run", "")
    checkpoint.save(run, first.nimg, first.tensors(), first.meta(), 1)
    saved = checkpoint.newest(run)
    second = fresh(config, source)
    second.load({file: saved.tensors(file) for file in first.tensors()}, saved.meta)
    # Before its first step it already shows what the saved one showed.
    for one, other in ((first.G_ema, second.G_ema), (first.G, second.G)):
        assert torch.equal(sample(one, range(4)), sample(other, range(4)))
    images = torch.randn(4, 3, 16, 16)
    assert torch.equal(first.D(images), second.D(images))
    for state in (first, second):
        advance(config, source, state, 3)
    for file, tensors in first.tensors().items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, second.tensors()[file][name]), name


@pytest.mark.parametrize("arch", ["progressive", "msg"])
def test_a_checkpoint_that_lacks_any_one_tensor_is_refused(arch, tiny, pictures):
    config, source = tiny(arch, LONG), pictures()
    state = advance(config, source, fresh(config, source), 1)
    tensors = state.tensors()
    if arch == "progressive":
        grown = {f"{network}.growth.grown" for network in ("G", "D", "G_ema")}
        assert grown <= tensors["state"].keys()
    for file in tensors:
        for name in tensors[file]:
            without = {k: v for k, v in tensors[file].items() if k != name}
            with pytest.raises(CheckpointError, match="lacks"):
                fresh(config, source).load(tensors | {file: without}, state.meta())


def test_a_generator_file_knows_how_far_it_has_grown(tiny, pictures, tmp_path):
    config, source = tiny("progressive", LONG), pictures()
    state = advance(config, source, fresh(config, source), 20)
    assert state.G_ema.growth.is_fading
    path = tmp_path / "generator.safetensors"
    header = {"model": config.model.to_dict(), "channels": 3, "resolution": 16}
    save_generator(path, state.G_ema.state_dict(), header)
    tensors, _ = load_generator_file(path)
    assert tensors["growth.grown"] == state.G_ema.growth.grown
    other = fresh(config, source).G_ema
    other.load_state_dict(tensors)
    assert torch.equal(sample(other, range(4)), sample(state.G_ema, range(4)))


def test_weights_of_later_stages_wait_untouched(tiny, pictures):
    config, source = tiny("progressive", LONG | {"optim": {"weight_decay": 0.1}}), pictures()
    state = fresh(config, source)
    start = {name: w.clone() for name, w in state.G.named_parameters()}
    later = ["ascent.stages.2.1.weight", "to_rgb.2.weight"]
    advance(config, source, state, 17)
    assert (state.G.growth.stage, state.nimg) == (1, 17 * 8)
    weights, averages = (dict(net.named_parameters()) for net in (state.G, state.G_ema))
    for name in later:
        assert torch.equal(weights[name], start[name])
        assert torch.equal(averages[name], start[name])
        assert all(not slot.any() for slot in state.opt_g.state[weights[name]].values())
    advance(config, source, state, 1)
    assert state.G.growth.stage == 2
    for name in later:
        assert not torch.equal(weights[name], start[name])
        # Adam begins with them: their first step is corrected as a first step.
        assert state.opt_g.state[weights[name]]["step"] == 1
    old = weights["ascent.stages.0.0.weight"]
    assert state.opt_g.state[old]["step"] == 18


def test_pictures_have_their_full_size_at_every_stage(tiny, pictures):
    config, source = tiny("progressive", LONG), pictures()
    seen = {}
    for report in train_steps(config, source):
        images = report.samples(2)
        assert images.shape == (2, 3, 16, 16)
        seen[float(report.stats["growth/stage"])] = images
    blocks = seen[0.0].unflatten(3, (4, 4)).unflatten(2, (4, 4))
    assert (blocks == blocks[:, :, :, :1, :, :1]).all()
    assert max(seen) == 2.0


@pytest.mark.parametrize(("after", "grown"), [(2, 0.0), (6, 1 / 3), (12, 1.0), (19, 1.3)])
def test_d_sees_reals_as_coarse_as_the_networks_are(after, grown, tiny, pictures):
    config, source = tiny("progressive", LONG | {"augment": {"operations": []}}), pictures()
    state = advance(config, source, fresh(config, source), after)
    whole = slice(0, config.batch_size)
    order = training_order(config, source)
    real = read_batch(source, order, state.nimg, whole, config, Numerics(CPU, "fp32")).real
    seen = []
    state.D.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    report = next(train_steps(config, source, state=state))
    assert report.stats["growth/stage"] == pytest.approx(grown)
    torch.testing.assert_close(seen[0], coarsen(real, grown))
    for network in (state.G, state.D, state.G_ema):
        assert network.growth.grown == pytest.approx(grown)


def first_batch(config, source):
    order = training_order(config, source)
    whole = slice(0, config.batch_size)
    batch = read_batch(source, order, 0, whole, config, Numerics(CPU, "fp32"))
    dice = Dice(config.seed, 0, 0, config.batch_size, whole, CPU)
    return batch.real, dice


@pytest.mark.parametrize("num_classes", [0, 3])
def test_the_multi_scale_step_written_out(num_classes, tiny, pictures):
    source = pictures(num_classes=num_classes)
    config = tiny(
        "msg",
        {
            "augment": {"operations": []},
            "loss": {"gamma": 3.0, "gamma_end": 3.0, "penalty_stride": 1},
            # A large eps: Adam's first step is else the sign of each gradient, be it ever so small.
            "optim": {"lr_g": 0.01, "lr_d": 0.02, "lr_end": 1.0, "beta1": 0.0, "eps": 0.1},
            "data": {"classes": "folders" if num_classes else "none"},
        },
    )
    state = fresh(config, source)
    G, D = copy.deepcopy(state.G), copy.deepcopy(state.D)
    adam = {"betas": (0.0, 0.99), "eps": 0.1}
    opt_g = torch.optim.Adam(G.parameters(), 0.01, **adam)
    opt_d = torch.optim.Adam(D.parameters(), 0.02, **adam)
    real, dice = first_batch(config, source)
    order = training_order(config, source)
    label = None
    if num_classes:
        label = torch.from_numpy(source.batch(order.at(0))[1])
    z = dice.normal("latents", config.model.z_dim)

    reals = [scale.requires_grad_() for scale in pyramid(real)]
    real_logits = D(flatten(reals), label)
    slopes = torch.autograd.grad(real_logits.sum(), reals, create_graph=True)
    penalty = sum(slope.square().sum((1, 2, 3)) for slope in slopes).mean()
    fake_logits = D(flatten([scale.detach() for scale in G.scales(z, label)]), label)
    loss_d = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
    (loss_d + 3.0 / 2 * penalty).backward()
    opt_d.step()
    G.zero_grad()
    F.softplus(-D(flatten(G.scales(z, label)), label)).mean().backward()
    opt_g.step()

    report = next(train_steps(config, source, state=state))
    torch.testing.assert_close(report.stats["penalty/r1"], penalty.detach(), rtol=1e-4, atol=1e-6)
    for mine, plain in ((state.G, G), (state.D, D)):
        for (name, tensor), other in zip(
            mine.state_dict().items(), plain.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(tensor, other, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("name", ["flip", "rotate90", "color", "translation", "cutout"])
def test_every_size_of_a_picture_is_augmented_alike(name):
    """The largest exactly as a picture is; the others as their enlarged selves."""
    config = AugmentConfig(operations=(name,), p=0.7)
    generator = torch.Generator().manual_seed(4)
    draws = pipe.draw(6, config, resolution=16, generator=generator)
    scales = [torch.randn(6, 3, size, size, generator=generator) for size in (4, 8, 16)]
    p = torch.tensor(0.7)
    flat = augmented(flatten(scales), draws, p, channels=3, resolution=16)
    found = unflatten(flat, channels=3, resolution=16)
    torch.testing.assert_close(found[-1], pipe.apply(scales[-1], draws, p))
    for scale, changed in zip(scales, found, strict=True):
        factor = 16 // scale.shape[-1]
        large = scale.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        expected = F.avg_pool2d(pipe.apply(large, draws, p), factor)
        torch.testing.assert_close(changed, expected)
        if name in ("flip", "rotate90"):
            torch.testing.assert_close(changed, pipe.apply(scale, draws, p))


@pytest.mark.parametrize(
    ("arch", "recipe"),
    [
        ("progressive", "standard"),
        ("dcgan", "progressive"),
        ("msg", "simultaneous"),
        # One pass teaches both only where a verdict depends on its own picture alone.
        ("stylegan2", "simultaneous"),
    ],
)
def test_these_networks_and_their_recipes_go_together(arch, recipe, tiny):
    with pytest.raises(ConfigError, match=f"recipe {recipe} cannot train model.arch {arch}"):
        tiny(arch, {"recipe": recipe, "model": {"arch": arch}})
