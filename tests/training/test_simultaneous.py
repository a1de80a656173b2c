"""The simultaneous step against both gradients taken apart, at the same weights."""

import copy

import pytest
import torch
from torch.nn import functional as F

from ganvas.core.device import Numerics
from ganvas.losses.adversarial import ADVERSARIAL
from ganvas.training.dice import Dice
from ganvas.training.loop import read_batch, train_steps, training_order
from ganvas.training.recipes.simultaneous import exchange
from ganvas.training.state import TrainState

CPU = torch.device("cpu")
LOSSES = {
    "bce": (
        lambda r, f: F.softplus(-r).mean() + F.softplus(f).mean(),
        lambda r, f: F.softplus(-f).mean(),
    ),
    "relativistic": (
        lambda r, f: F.softplus(f - r).mean(),
        lambda r, f: F.softplus(r - f).mean(),
    ),
    "wgan": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
}


@pytest.mark.parametrize("arch", ["resnet", "dcgan"])
@pytest.mark.parametrize("loss", LOSSES)
def test_both_learn_from_the_same_discriminator(loss, arch, tiny, pictures):
    penalties = ["wgan-gp"] if loss == "wgan" else []
    config = tiny(
        arch,
        {
            "recipe": "simultaneous",
            "loss": {
                "adversarial": loss,
                "penalties": penalties,
                "gradient_penalty": 0.0,
                "penalty_stride": 1,
            },
            "model": {"norm_d": "none"} if arch == "dcgan" else {},
            "augment": {"operations": []},
            "optim": {"lr_g": 0.01, "lr_d": 0.01, "lr_end": 1.0, "beta1": 0.0, "beta2": 0.9},
        },
    )
    source = pictures()
    state = TrainState(config, source, Numerics(CPU, "fp32"))
    G, D = copy.deepcopy(state.G), copy.deepcopy(state.D)
    whole = slice(0, config.batch_size)
    order = training_order(config, source)
    real = read_batch(source, order, 0, whole, config, Numerics(CPU, "fp32")).real
    dice = Dice(config.seed, 0, 0, config.batch_size, whole, CPU)
    fake = G(dice.normal("latents", config.model.z_dim))
    d_loss, g_loss = LOSSES[loss]
    slopes_d = torch.autograd.grad(
        d_loss(D(real), D(fake)), list(D.parameters()), retain_graph=True
    )
    slopes_g = torch.autograd.grad(g_loss(D(real), D(fake)), list(G.parameters()))

    report = next(train_steps(config, source, state=state))
    for network, slopes in ((state.D, slopes_d), (state.G, slopes_g)):
        for (name, parameter), slope in zip(network.named_parameters(), slopes, strict=True):
            torch.testing.assert_close(parameter.grad, slope, rtol=2e-3, atol=2e-6, msg=name)
    torch.testing.assert_close(
        report.stats["loss/g"], g_loss(D(real), D(fake)).detach(), rtol=1e-4, atol=1e-5
    )


def test_a_discriminator_that_is_sure_gives_no_nan():
    ratio, _ = exchange(ADVERSARIAL["bce"], torch.tensor([300.0]), torch.tensor([-300.0]), 1.0)
    assert torch.isfinite(ratio).all()
