"""The StyleGAN2 step: its path length against a Jacobian, its mixing, its noise, its memory."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from ganvas.core.device import Numerics
from ganvas.losses.penalties import path_lengths
from ganvas.training.context import Batch, Context
from ganvas.training.dice import Dice
from ganvas.training.engine import Engine
from ganvas.training.loop import read_batch, train_steps, training_order
from ganvas.training.plan import make_plan
from ganvas.training.recipes.stylegan2 import Styled
from ganvas.training.state import TrainState

CPU = torch.device("cpu")
PLAIN = {"styles": {"mixing": 0.0, "path_length": 0.0}, "augment": {"adaptive": False}}


def fresh(config, source) -> TrainState:
    return TrainState(config, source, Numerics(CPU, "fp32"))


def dice_at(config, nimg=0) -> Dice:
    return Dice(config.seed, 0, nimg, config.batch_size, slice(0, config.batch_size), CPU)


def styled(config, source, state, nimg=0) -> Styled:
    plan = make_plan(config, device=CPU, images_per_second=0.0)
    context = Context(config, plan, Engine(CPU), Numerics(CPU, "fp32"))
    label = torch.arange(config.batch_size) % 3 if source.num_classes else None
    batch = Batch(torch.zeros(config.batch_size, 3, 16, 16), label)
    return Styled(state, batch, context, dice_at(config, nimg))


def test_a_path_is_as_long_as_the_jacobian_says(tiny, pictures):
    G = fresh(tiny("stylegan2"), pictures(resolution=8)).G.double()
    draw = torch.Generator().manual_seed(0)
    w = torch.randn(2, G.num_styles, 8, generator=draw, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(2, 3, 8, 8, generator=draw, dtype=torch.float64)
    lengths = path_lengths(G.synthesize(w), w, noise)
    for sample in range(2):
        jacobian = torch.autograd.functional.jacobian(
            lambda one: G.synthesize(one[None])[0].flatten(), w[sample].detach()
        )
        moved = torch.einsum("pnd,p->nd", jacobian, noise[sample].flatten() / math.sqrt(8 * 8))
        expected = moved.square().sum(dim=1).mean().sqrt()
        torch.testing.assert_close(lengths[sample], expected)


def test_the_penalty_on_paths_teaches_the_weights(tiny, pictures):
    """Its derivative, through a second backward pass, against a difference."""
    G = fresh(tiny("stylegan2"), pictures()).G.double()
    draw = torch.Generator().manual_seed(0)
    w = torch.randn(3, G.num_styles, 8, generator=draw, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(3, 3, 16, 16, generator=draw, dtype=torch.float64)

    def penalty():
        return (path_lengths(G.synthesize(w), w, noise) - 0.3).square().mean()

    weight = G.layers[1].conv.weight
    (slope,) = torch.autograd.grad(penalty(), weight)
    step = torch.randn(weight.shape, generator=draw, dtype=torch.float64)
    with torch.no_grad():
        weight += 1e-7 * step
        above = penalty_value(penalty)
        weight -= 2e-7 * step
        below = penalty_value(penalty)
    assert (above - below) / 2e-7 == pytest.approx((slope * step).sum().item(), rel=1e-4)


def penalty_value(penalty) -> float:
    with torch.enable_grad():
        return penalty().item()


def test_styles_change_at_one_layer_for_the_asked_share(tiny, pictures):
    changes = {"batch_size": 512, "styles": {"mixing": 0.75}}
    config, source = tiny("stylegan2", changes), pictures()
    state = fresh(config, source)
    whole = slice(0, 512)
    plain = state.G.map(dice_at(config).normal("latents", 8))
    other = state.G.map(dice_at(config).normal("latents/fine", 8))
    found = styled(config, source, state).styles(whole)
    is_plain, is_other = (found == plain).all(dim=2), (found == other).all(dim=2)
    assert (is_plain ^ is_other).all()
    # Never back again, and never from the first layer on.
    assert is_plain[:, 0].all()
    assert (is_plain[:, 1:].int() <= is_plain[:, :-1].int()).all()
    changed = is_plain.sum(dim=1)
    assert (changed < state.G.num_styles).float().mean().item() == pytest.approx(0.75, abs=0.07)
    assert set(changed.tolist()) == set(range(1, state.G.num_styles + 1))


def test_noise_is_new_for_each_sample_and_step_and_the_same_for_a_split_batch(tiny, pictures):
    config, source = tiny("stylegan2", PLAIN), pictures()
    state = fresh(config, source)
    with torch.no_grad():
        for layer in state.G.layers:
            layer.noise_strength += 100
    one = styled(config, source, state)
    w = state.G.map(torch.ones(8, 8))
    images = one.synthesize(w, slice(0, 8))
    assert not torch.allclose(images[0], images[1])
    torch.testing.assert_close(one.synthesize(w[4:], slice(4, 8)), images[4:])
    assert torch.equal(styled(config, source, state).synthesize(w, slice(0, 8)), images)
    later = styled(config, source, state, nimg=8).synthesize(w, slice(0, 8))
    assert not torch.allclose(later, images)


@pytest.mark.parametrize("num_classes", [0, 3])
def test_the_whole_step_is_the_papers(num_classes, tiny, pictures):
    """D with a lazy R1 of 16 times the strength, then G with path length, without mixing."""
    source = pictures(num_classes=num_classes)
    config = tiny(
        "stylegan2",
        {
            "augment": {"operations": [], "adaptive": False},
            "styles": {"mixing": 0.0, "path_length": 2.0, "path_length_every": 4},
            "loss": {"gamma": 0.5, "gamma_end": 0.5},
            "data": {"classes": "folders" if num_classes else "none", "mirror": False},
        },
    )
    assert config.loss.penalty_every == 16
    state = fresh(config, source)
    G, D = copy.deepcopy(state.G), copy.deepcopy(state.D)
    opt_g, opt_d = (torch.optim.Adam(n.parameters(), 2.5e-3, (0.0, 0.99)) for n in (G, D))
    batch = read_batch(
        source, training_order(config, source), 0, slice(0, 8), config, Numerics(CPU, "fp32")
    )
    dice, label = dice_at(config), batch.label
    z = dice.normal("latents", 8)
    noise = [dice.pixels(f"synthesis/{i}", like) for i, like in enumerate(G.fixed_noise())]

    real = batch.real.clone().requires_grad_()
    real_logits = D(real, label)
    (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    fake = G.synthesize(G.map(z, label), noise)
    loss_d = F.softplus(-real_logits).mean() + F.softplus(D(fake.detach(), label)).mean()
    r1 = slope.square().sum(dim=(1, 2, 3)).mean()
    (loss_d + 16 * 0.5 / 2 * r1).backward()
    opt_d.step()

    some = slice(0, 8, 2)
    styles = G.map(z[some], None if label is None else label[some])
    images = G.synthesize(styles, [one[some] for one in noise])
    directions = dice.pixels("path", images)[some] / 16
    (slopes,) = torch.autograd.grad((images * directions).sum(), styles, create_graph=True)
    lengths = slopes.square().sum(dim=2).mean(dim=1).sqrt()
    loss_g = F.softplus(-D(fake, label)).mean()
    (loss_g + 4 * 2 * lengths.square().mean()).backward()
    opt_g.step()

    report = next(train_steps(config, source, state=state))
    assert report.stats["loss/g"].item() == pytest.approx(loss_g.item(), rel=1e-5)
    assert state.memory["path_length"].item() == pytest.approx(0.01 * lengths.mean().item(), 1e-4)
    for ours, theirs in ((state.D, D), (state.G, G)):
        for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-3, msg=name)


def test_paths_are_measured_at_every_nth_step_of_g(tiny, pictures):
    changes = {"styles": {"path_length": 2.0, "path_length_every": 2}, "kimg": 0.064}
    config = tiny("stylegan2", changes | {"optim": {"n_critic": 2}})
    seen = ["path/length" in report.stats for report in train_steps(config, pictures())]
    # G learns in every second step, and measures paths in every second of those.
    assert seen == [False, True, False, False] * 2


def test_what_the_recipe_remembers_is_in_the_checkpoint(tiny, pictures):
    config = tiny("stylegan2", {"styles": {"path_length": 2.0}})
    state = fresh(config, pictures())
    next(train_steps(config, pictures(), state=state))
    assert state.tensors()["state"]["memory.path_length"].item() > 0
    standard = fresh(tiny("stylegan2", {"recipe": "standard"}), pictures())
    assert not any(name.startswith("memory") for name in standard.tensors()["state"])
