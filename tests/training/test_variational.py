"""The variational step: its gradient is that of the bound, and both networks learn by it."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from ganvas.core.errors import ConfigError
from ganvas.core.rng import rng
from ganvas.training.engine import Engine
from ganvas.training.loop import new_state, train_steps


def test_the_gradient_is_that_of_the_bound(tiny, pictures):
    """Against the bound written with torch's distributions, on the weights before the step."""
    config = tiny("vae", {"loss": {"kl": 0.5}, "optim": {"lr_end": 1.0}})
    source = pictures()
    state = new_state(config, source, Engine(torch.device("cpu")))
    steps = train_steps(config, source, state=state)
    encoder, decoder = state.D, state.G
    seen = []
    handle = encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    before = [{k: v.clone() for k, v in n.state_dict().items()} for n in (encoder, decoder)]
    report = next(steps)
    handle.remove()
    taken = {
        f"{name}.{key}": weight.grad.clone()
        for name, network in (("D", encoder), ("G", decoder))
        for key, weight in network.named_parameters()
    }
    for network, weights in zip((encoder, decoder), before, strict=True):
        network.load_state_dict(weights)
        network.double()
        network.zero_grad()
    real = seen[0].double()
    mean, log_variance = encoder(real)
    posterior = Normal(mean, torch.exp(log_variance / 2))
    noise = torch.randn(8, 8, generator=rng(config.seed, "posterior", 0, 0))
    made = decoder(mean + posterior.stddev * noise)
    likelihood = Normal(made, encoder.log_sigma.exp()).log_prob(real).sum((1, 2, 3))
    kl = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
    (0.5 * kl - likelihood).mean().backward()
    assert float(report.stats["loss/kl"]) == pytest.approx(kl.mean().item(), rel=1e-4)
    assert float(report.stats["loss/reconstruction"]) == pytest.approx(
        -likelihood.mean().item(), rel=1e-4
    )
    for name, network in (("D", encoder), ("G", decoder)):
        for key, weight in network.named_parameters():
            torch.testing.assert_close(
                taken[f"{name}.{key}"].double(), weight.grad, rtol=1e-3, atol=1e-2, msg=key
            )
    assert encoder.log_sigma.grad != 0


def test_the_bound_rises_and_split_batches_change_nothing(tiny, pictures):
    changes = {"kimg": 0.24, "optim": {"lr_g": 3e-3, "lr_d": 3e-3}}
    config, source = tiny("vae", changes), pictures()
    totals = []
    for micro_batch in (0, 4):
        state = new_state(config, source, Engine(torch.device("cpu")))
        state.micro_batch = micro_batch
        reports = train_steps(config, source, state=state)
        totals.append(
            [float(sum(r.stats[f"loss/{n}"] for n in ("reconstruction", "kl"))) for r in reports]
        )
    assert totals[0][-1] < totals[0][0]
    assert totals[1] == pytest.approx(totals[0], rel=1e-3)


def test_a_lesser_weight_of_the_divergence_lets_it_grow(tiny, pictures):
    def divergence(weight: float) -> float:
        changes = {"kimg": 0.24, "loss": {"kl": weight}, "optim": {"lr_g": 3e-3, "lr_d": 3e-3}}
        *_, last = train_steps(tiny("vae", changes), pictures())
        return float(last.stats["loss/kl"])

    assert divergence(0.0) > 2 * divergence(10.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recipe": "standard"}, r"cannot train model.arch vae: use vae \(--preset vae"),
        ({"loss": {"penalties": ["r1"]}}, "no discriminator"),
        ({"augment": {"operations": ["color"]}}, "no discriminator"),
        ({"cure": {"pack": 2}}, "no discriminator"),
        ({"optim": {"n_critic": 2}}, "no discriminator"),
    ],
)
def test_what_does_not_fit_is_refused(tiny, changes, reason):
    with pytest.raises(ConfigError, match=reason):
        tiny("vae", changes)
