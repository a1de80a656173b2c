"""One standard step against the same step written out plainly."""

import copy
import itertools

import pytest
import torch
from torch.nn import functional as F

from ganvas.core.device import Numerics
from ganvas.core.errors import ConfigError
from ganvas.training.dice import Dice
from ganvas.training.loop import read_batch, train_steps, training_order
from ganvas.training.recipes import registry as recipes
from ganvas.training.state import TrainState

CPU = torch.device("cpu")


def fresh(config, source) -> TrainState:
    return TrainState(config, source, Numerics(CPU, "fp32"))


def first_batch(config, source):
    order = training_order(config, source)
    whole = slice(0, config.batch_size)
    batch = read_batch(source, order, 0, whole, config, Numerics(CPU, "fp32"))
    dice = Dice(config.seed, 0, 0, config.batch_size, whole, CPU)
    return batch.real, batch.label, dice.normal("latents", config.model.z_dim)


def slope(D, images, label):
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(D(images, label).sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


@pytest.mark.parametrize("arch", ["dcgan", "stylegan2"])
def test_the_first_layers_of_d_can_be_frozen(arch, tiny, pictures):
    config = tiny(arch, {"optim": {"freeze_d": 2}})
    state = fresh(config, pictures())
    before = {name: weight.clone() for name, weight in state.D.named_parameters()}
    for _ in train_steps(config, pictures(), state=state):
        pass
    kept = [torch.equal(weight, before[name]) for name, weight in state.D.named_parameters()]
    layers = dict.fromkeys(name.rpartition(".")[0] for name in before)
    first = list(layers)[:2]
    assert kept == [name.rpartition(".")[0] in first for name in before]


def test_a_d_without_a_layer_to_learn_with_is_refused(tiny, pictures):
    with pytest.raises(ConfigError, match="nothing to learn with: it has 3 layers"):
        fresh(tiny("mlp", {"optim": {"freeze_d": 3}}), pictures())


@pytest.mark.parametrize("num_classes", [0, 3])
def test_the_default_step_is_relativistic_pairs_with_both_penalties(num_classes, tiny, pictures):
    source = pictures(num_classes=num_classes)
    config = tiny(
        "resnet",
        {
            "augment": {"operations": []},
            "loss": {"penalty_stride": 1, "gamma": 3.0, "gamma_end": 3.0},
            "optim": {"lr_g": 0.01, "lr_d": 0.02, "lr_end": 1.0, "beta1": 0.0, "beta2": 0.9},
            "data": {"classes": "folders" if num_classes else "none"},
        },
    )
    state = fresh(config, source)
    G, D = copy.deepcopy(state.G), copy.deepcopy(state.D)
    adam = {"betas": (0.0, 0.9), "eps": config.optim.eps}
    opt_g = torch.optim.Adam(G.parameters(), 0.01, **adam)
    opt_d = torch.optim.Adam(D.parameters(), 0.02, **adam)
    real, label, z = first_batch(config, source)

    fake = G(z, label).detach()
    pairs = D(real, label) - D(fake, label)
    penalty = slope(D, real, label) + slope(D, fake, label)
    (F.softplus(-pairs).mean() + 3.0 / 2 * penalty).backward()
    opt_d.step()
    G.zero_grad()
    loss_g = F.softplus(-(D(G(z, label), label) - D(real, label))).mean()
    loss_g.backward()
    opt_g.step()

    report = next(train_steps(config, source, state=state))
    for mine, plain in ((state.G, G), (state.D, D)):
        for (name, tensor), other in zip(
            mine.state_dict().items(), plain.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(tensor, other, rtol=1e-3, atol=1e-5, msg=name)
    torch.testing.assert_close(report.stats["loss/g"], loss_g.detach(), rtol=1e-3, atol=1e-5)
    assert state.nimg == config.batch_size


def test_the_tutorial_step_is_two_rounds_of_cross_entropy(tiny, pictures):
    config, source = tiny("dcgan"), pictures()
    state = fresh(config, source)
    G, D = copy.deepcopy(state.G), copy.deepcopy(state.D)
    opt_g = torch.optim.Adam(G.parameters(), 2e-4, betas=(0.5, 0.999))
    opt_d = torch.optim.Adam(D.parameters(), 2e-4, betas=(0.5, 0.999))
    real, _, z = first_batch(config, source)
    ones, zeros = torch.ones(len(real)), torch.zeros(len(real))

    fake = G(z)
    F.binary_cross_entropy_with_logits(D(real), ones).backward()
    F.binary_cross_entropy_with_logits(D(fake.detach()), zeros).backward()
    opt_d.step()
    F.binary_cross_entropy_with_logits(D(fake), ones).backward()
    opt_g.step()

    next(train_steps(config, source, state=state))
    for mine, plain in ((state.G, G), (state.D, D)):
        for (name, tensor), other in zip(
            mine.state_dict().items(), plain.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(tensor, other, rtol=1e-3, atol=1e-5, msg=name)


def test_with_n_critic_only_every_nth_step_trains_g(tiny, pictures):
    config = tiny("resnet", {"optim": {"n_critic": 3}})
    source = pictures()
    state = fresh(config, source)
    weight = next(state.G.parameters())
    seen = [weight.detach().clone()]
    for _ in train_steps(config, source, state=state):
        seen.append(weight.detach().clone())
    trained = [not torch.equal(*pair) for pair in itertools.pairwise(seen)]
    assert trained == [False, False, True, False, False, True]


def test_d_rests_while_it_is_too_good(tiny, pictures):
    config = tiny("resnet", {"optim": {"skip_d_above": 0.9}})
    source = pictures()
    state = fresh(config, source)
    state.d_accuracy.fill_(1.0)
    before = copy.deepcopy(state.D.state_dict())
    report = next(train_steps(config, source, state=state))
    assert "loss/d" not in report.stats
    assert all(torch.equal(before[k], v) for k, v in state.D.state_dict().items())


def test_a_d_that_rests_goes_on_when_g_has_caught_up(tiny, pictures):
    config, source = tiny("resnet", {"optim": {"skip_d_above": 0.9}}), pictures()
    state = fresh(config, source)
    state.d_accuracy.fill_(1.0)
    first, second, *_ = (set(report.stats) for report in train_steps(config, source, state=state))
    assert "balance/accuracy" in first
    assert state.d_accuracy.item() < 0.9, "an untrained D does not know reals from fakes"
    assert ("loss/d" in first, "loss/d" in second) == (False, True)


def test_a_step_does_not_touch_the_callers_random_numbers(tiny, pictures):
    config, source = tiny("resnet"), pictures()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    next(train_steps(config, source))
    assert torch.equal(torch.rand(1), expected)


def test_the_recipe_registry_names_its_choices():
    from ganvas.core.errors import ConfigError

    with pytest.raises(ConfigError, match="standard"):
        recipes.load("cyclegan")
