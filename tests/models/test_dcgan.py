"""DCGAN against PyTorch's tutorial network, written down independently; its pooling variant."""

import pytest
import torch
from torch import nn

from ganvas.models import registry
from ganvas.models.dcgan.config import Config


def tutorial_generator(nz: int, ngf: int, nc: int) -> nn.Sequential:
    """The layers of https://pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html."""
    return nn.Sequential(
        nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
        nn.BatchNorm2d(ngf * 8),
        nn.ReLU(True),
        nn.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ngf * 4),
        nn.ReLU(True),
        nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ngf * 2),
        nn.ReLU(True),
        nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ngf),
        nn.ReLU(True),
        nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
        nn.Tanh(),
    )


def tutorial_discriminator(nc: int, ndf: int) -> nn.Sequential:
    """The same page's discriminator, without its sigmoid."""
    return nn.Sequential(
        nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ndf * 2),
        nn.LeakyReLU(0.2),
        nn.Conv2d(ndf * 2, ndf * 4, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ndf * 4),
        nn.LeakyReLU(0.2),
        nn.Conv2d(ndf * 4, ndf * 8, 4, 2, 1, bias=False),
        nn.BatchNorm2d(ndf * 8),
        nn.LeakyReLU(0.2),
        nn.Conv2d(ndf * 8, 1, 4, 1, 0, bias=False),
    )


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    old, new = source.state_dict(), target.state_dict()
    assert len(old) == len(new)
    target.load_state_dict(
        {name: value.view_as(new[name]) for name, value in zip(new, old.values(), strict=True)}
    )


@pytest.mark.parametrize("training", [True, False])
def test_strided_is_the_tutorials_network(training: bool) -> None:
    torch.manual_seed(0)
    G, D = registry.build(Config(z_dim=10, width=8), channels=3, resolution=64)
    their_G, their_D = tutorial_generator(10, 8, 3), tutorial_discriminator(3, 8)
    copy_weights(G, their_G)
    copy_weights(D, their_D)
    for network in (G, D, their_G, their_D):
        network.train(training)
    z, images = torch.randn(4, 10), torch.rand(4, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(G(z), their_G(z[:, :, None, None]))
    torch.testing.assert_close(D(images), their_D(images).flatten(), rtol=1e-4, atol=1e-6)


def test_golden_parameter_counts() -> None:
    counts = {}
    for variant in ("strided", "pooling"):
        pair = registry.build(Config.from_dict({"variant": variant}), channels=3, resolution=64)
        counts[variant] = tuple(sum(w.numel() for w in net.parameters()) for net in pair)
    # The strided numbers are those that the tutorial's readers see printed.
    assert counts == {"strided": (3_576_704, 2_765_568), "pooling": (2_371_139, 5_747_201)}


def test_the_papers_start() -> None:
    torch.manual_seed(0)
    G, D = registry.build(Config(), channels=3, resolution=64)
    for layer in [*G.modules(), *D.modules()]:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert layer.bias is None
        elif isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.mean().item() == pytest.approx(1.0, abs=0.01)
            assert 0.01 < layer.weight.std() < 0.03
            assert layer.bias.abs().max() == 0
    torch.manual_seed(0)
    other, _ = registry.build(Config(init="default"), channels=3, resolution=64)
    assert not torch.equal(next(other.parameters()), next(G.parameters()))


def test_pooling_is_the_lessons_drawing() -> None:
    G, D = registry.build(Config(variant="pooling", width=4), channels=1, resolution=32)
    kinds = [type(layer).__name__ for layer in D.modules() if not list(layer.children())]
    conv, bend, pool = "Conv2d", "LeakyReLU", "AvgPool2d"
    middle = [conv, "BatchNorm2d", bend, pool]
    assert kinds == [conv, bend, pool, *middle, *middle, "Flatten", "Linear", bend, "Linear"]
    kinds = [type(layer).__name__ for layer in G.modules() if not list(layer.children())]
    start = ["LabelledLatent", "Linear", "Unflatten", "BatchNorm2d", "ReLU"]
    middle = ["Upsample", "Conv2d", "BatchNorm2d", "ReLU"]
    assert kinds == [*start, *middle, *middle, "Upsample", "Conv2d", "Tanh"]


@pytest.mark.parametrize("variant", ["strided", "pooling"])
@pytest.mark.parametrize("resolution", [16, 32, 128, 256])
def test_every_size_has_a_4x4_core_and_at_most_8_widths(variant: str, resolution: int) -> None:
    config = Config.from_dict({"variant": variant, "width": 4, "norm_d": "none"})
    assert config.problem_with(resolution=resolution, alone=True) is None
    G, D = registry.build(config, channels=3, resolution=resolution)
    assert G(torch.randn(2, 100)).shape == (2, 3, resolution, resolution)
    core = min(resolution // 8, 8) * 4
    features = D.features(torch.zeros(1, 3, resolution, resolution))
    assert features.shape == (1, core * 16 if variant == "strided" else core)


def test_spectral_norm_bounds_every_layer() -> None:
    torch.manual_seed(0)
    config = Config(variant="pooling", norm_d="spectral", width=4)
    _, D = registry.build(config, channels=3, resolution=16, num_classes=3)
    layers = [m for m in D.modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.Embedding)]
    assert len(layers) == 2 + 1 + 2
    for layer in layers:
        slope = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2).item()
        assert slope == pytest.approx(1.0, rel=0.05)


def test_what_does_not_go_together_is_refused() -> None:
    assert Config().problem_with(resolution=64, alone=False) is None
    problem = Config().problem_with(resolution=64, alone=True)
    assert problem is not None
    assert "use model.norm_d none or spectral" in problem
    for norm in ("none", "spectral"):
        assert Config(norm_d=norm).problem_with(resolution=64, alone=True) is None
    problem = Config().problem_with(resolution=28, alone=False)
    assert problem == "model.arch dcgan makes pictures of 16, 32, 64, 128, 256 px, not 28"


def test_a_blurred_generator_cannot_make_grain() -> None:
    """At the finest frequency its pictures hold what tanh bends into it, and no more."""
    grain = {}
    for blur in (False, True):
        G, _ = registry.build(Config(width=4, blur=blur), channels=1, resolution=32)
        torch.manual_seed(0)
        last = G.body[-2 - blur]
        assert isinstance(last, torch.nn.ConvTranspose2d)
        torch.nn.init.normal_(last.weight, std=0.05)
        images = G(torch.randn(16, 100)).detach()
        spectrum = torch.fft.rfft2(images).abs().mean(0)[0]
        grain[blur] = (spectrum[16, 16] / spectrum[1:5, 1:5].mean()).item()
    assert grain[True] < 0.1 * grain[False]


def test_the_discriminator_may_have_a_width_of_its_own() -> None:
    shape = {"channels": 3, "resolution": 32}
    same, other = (registry.build(Config(width=8, width_d=w), **shape) for w in (0, 16))
    sizes = [[sum(p.numel() for p in net.parameters()) for net in pair] for pair in (same, other)]
    assert sizes[0][0] == sizes[1][0]
    assert sizes[1][1] > 3 * sizes[0][1]
