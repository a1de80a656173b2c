"""What every architecture promises, in every variant: a new folder under models/ is covered too."""

import json
import subprocess
import sys
from itertools import product
from typing import Literal, get_args, get_origin

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from ganvas.core.canvas import of
from ganvas.core.device import Numerics
from ganvas.latent.space import space_of
from ganvas.layers.growth import Growth
from ganvas.layers.minibatch_stddev import MinibatchStddev
from ganvas.layers.pyramid import flatten
from ganvas.models import registry
from ganvas.models.base import (
    Discriminator,
    Encoder,
    Generator,
    Observer,
    PyramidGenerator,
    Rebuilder,
    StyleGenerator,
    seeded_latents,
)
from ganvas.models.registry import ModelConfig

BATCH = 3
SHAPES = tuple(product((1, 3), (0, 3), (1, 2)))  # channels, classes, pack
TWO_SHAPES = ((1, 0, 1), (3, 3, 2))
OBLONGS = ((3, 3, 2, 6, 4), (1, 0, 1, 3, 4))  # and rows and columns of the smallest map
SQUARE_ONLY = ("progressive", "msg")
Shape = tuple[int, ...]
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def variants(arch: str) -> dict[str, ModelConfig]:
    """The defaults, then every value of every setting that is a choice, one at a time."""
    kind = registry.config_class(arch)
    found = {arch: kind()}
    for name, field in kind.model_fields.items():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        for choice in (False, True) if field.annotation is bool else choices:
            if choice != field.default:
                found[f"{arch}-{name}={choice}"] = kind.from_dict({name: choice})
    return found


CONFIGS = {name: config for arch in registry.names() for name, config in variants(arch).items()}

every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def in_shapes(squares: tuple[Shape, ...], oblongs: tuple[Shape, ...]) -> pytest.MarkDecorator:
    """Every configuration with every shape that it makes."""
    cases = {
        f"{name}-{shape}": (config, shape)
        for name, config in CONFIGS.items()
        for shape in squares + (() if config.arch in SQUARE_ONLY else oblongs)
    }
    return pytest.mark.parametrize(("config", "shape"), cases.values(), ids=cases.keys())


all_shapes = in_shapes(SHAPES, OBLONGS)
few_shapes = in_shapes(TWO_SHAPES, OBLONGS[:1])


class Case:
    """A pair with inputs of the smallest size that the architecture makes."""

    def __init__(self, config: ModelConfig, shape: Shape, seed: int = 0) -> None:
        self.channels, self.classes, self.pack, *grid = shape
        self.size = next(
            (rows * k, columns * k)
            for rows, columns in (grid or (4, 4),)
            for k in (4, 8, 16)
            if config.problem_with(resolution=of(rows * k, columns * k), alone=False) is None
        )
        self.resolution = of(*self.size)
        torch.manual_seed(seed)
        self.G, self.D = registry.build(
            config,
            channels=self.channels,
            resolution=self.resolution,
            num_classes=self.classes,
            pack=self.pack,
        )
        generator = torch.Generator().manual_seed(1)
        size = (BATCH, self.channels * self.pack, *self.size)
        self.z = torch.randn(BATCH, config.z_dim, generator=generator)
        self.images = torch.rand(size, generator=generator) * 2 - 1
        self.label = torch.tensor([0, 1, 2]) if self.classes else None

    def networks(self) -> tuple[Generator, Observer]:
        return self.G, self.D

    def says(self, images: Tensor, label: Tensor | None) -> Tensor:
        """What the observer says of pictures: one logit each, or all numbers of a posterior."""
        if isinstance(self.D, Encoder):
            return torch.cat(self.D(images, label), dim=1)
        logits: Tensor = self.D(images, label)
        return logits

    def shaken(self) -> "Case":
        """Move every weight a little, as training does: some layers start at exactly zero."""
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for network in self.networks():
                for weight in network.parameters():
                    weight += 0.02 * torch.randn(weight.shape, generator=generator)
        return self

    def eval(self) -> "Case":
        self.G.eval()
        self.D.eval()
        return self

    def double(self) -> "Case":
        self.G.double()
        self.D.double()
        self.z, self.images = self.z.double(), self.images.double()
        return self


@all_shapes
def test_shapes_and_finite_range(config: ModelConfig, shape: Shape) -> None:
    case = Case(config, shape)
    fakes = case.G(case.z, case.label)
    assert fakes.shape == (BATCH, case.channels, *case.size)
    assert fakes.dtype == torch.float32
    assert 0.001 < fakes.std() < 2, "a fresh generator's pictures are neither flat nor burnt"
    features = case.D.features(case.images)
    assert features.ndim == 2
    assert features.shape[0] == BATCH
    said = case.says(case.images, case.label)
    assert said.shape == (
        (BATCH,) if isinstance(case.D, Discriminator) else (BATCH, 2 * case.G.z_dim)
    )
    assert said.abs().max() < 10
    facts = (case.G.z_dim, case.G.channels, case.G.resolution, case.G.num_classes)
    assert facts == (config.z_dim, case.channels, case.resolution, case.classes)
    facts = (case.D.channels, case.D.resolution, case.D.num_classes, case.D.pack)
    assert facts == (case.channels, case.resolution, case.classes, case.pack)


@few_shapes
def test_every_parameter_receives_a_gradient(config: ModelConfig, shape: Shape) -> None:
    case = Case(config, shape).shaken()
    growths = [m for net in case.networks() for m in net.modules() if isinstance(m, Growth)]
    # A growing network uses all its weights in the course of a training, not at once.
    for grown in [stage + 0.5 for stage in range(growths[0].last)] if growths else [None]:
        for growth in growths:
            growth.set(grown)
        if isinstance(case.G, PyramidGenerator):
            fakes = flatten(case.G.scales(case.z, case.label))
        else:
            fakes = case.G(case.z, case.label)
        shown = torch.cat([fakes] * case.pack, dim=1)
        total = case.says(shown, case.label).sum()
        if isinstance(case.D, Rebuilder):
            corner = torch.tensor([0, 1, 3])
            logits, rebuilt = case.D.verdict_and_rebuilt(shown, case.label, corner)
            total = logits.sum() + sum((part.made - part.true).square().sum() for part in rebuilt)
        total.backward()
    for network in case.networks():
        for name, weight in network.named_parameters():
            if name == "log_sigma":
                continue  # speaks of pixels, not of latents: tests/training/test_variational.py
            assert weight.grad is not None, f"{name} takes no part"
            assert torch.isfinite(weight.grad).all(), name
            assert weight.grad.abs().sum() > 0, f"{name} learns nothing"


@every_config
@pytest.mark.parametrize("training", [True, False])
def test_the_samples_of_a_batch_are_independent(config: ModelConfig, training: bool) -> None:
    case = Case(config, (3, 3, 1)).shaken()
    for network, says, given in (
        (case.G, case.G, case.z),
        (case.D, case.says, case.images),
    ):
        network.train(training)
        given.requires_grad_()
        out = says(given, case.label)
        weights = torch.linspace(-1, 1, out[0].numel()).view_as(out[0])
        (slopes,) = torch.autograd.grad((out[0] * weights).sum(), given)
        mixes = any(
            isinstance(m, MinibatchStddev) or (training and isinstance(m, BATCH_NORMS))
            for m in network.modules()
        )
        assert (slopes[0] != 0).any()
        assert (slopes[1:] != 0).any().item() == mixes


def penalty(D: Observer, images: Tensor, label: Tensor | None) -> Tensor:
    images = images.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(D(images, label).sum(), images, create_graph=True)
    return slopes.square().sum((1, 2, 3)).mean()


@few_shapes
def test_a_gradient_penalty_has_the_right_gradient(config: ModelConfig, shape: Shape) -> None:
    case = Case(config, shape).shaken().eval().double()
    if not isinstance(case.D, Discriminator):
        pytest.skip("an encoder has no penalty")
    weights = list(case.D.parameters())
    slopes = torch.autograd.grad(
        penalty(case.D, case.images, case.label), weights, allow_unused=True
    )
    generator = torch.Generator().manual_seed(3)
    steps = [torch.randn(w.shape, generator=generator, dtype=w.dtype) for w in weights]
    expected = sum(
        float((s * v).sum()) for s, v in zip(slopes, steps, strict=True) if s is not None
    )
    # So short a step that no leaky ReLU crosses its kink.
    length = 2e-9

    def moved(by: float) -> float:
        with torch.no_grad():
            for weight, step in zip(weights, steps, strict=True):
                weight += by * step
        return penalty(case.D, case.images, case.label).item()

    above, below = moved(length), moved(-2 * length)
    assert expected != 0
    assert (above - below) / (2 * length) == pytest.approx(expected, rel=1e-4)


@every_config
def test_a_config_survives_json(config: ModelConfig) -> None:
    assert registry.parse(json.loads(json.dumps(config.to_dict()))) == config


@every_config
def test_a_state_dict_gives_bit_equal_pictures(config: ModelConfig) -> None:
    trained, fresh = Case(config, (3, 3, 1)).shaken(), Case(config, (3, 3, 1), seed=9)
    trained.G(trained.z, trained.label)
    trained.D(trained.images, trained.label)  # moves running statistics and power iterations
    for old, new in zip(trained.networks(), fresh.networks(), strict=True):
        new.load_state_dict(load(save(old.state_dict())))
    trained.eval()
    fresh.eval()
    assert torch.equal(trained.G(trained.z, trained.label), fresh.G(trained.z, trained.label))
    assert torch.equal(
        trained.says(trained.images, trained.label), fresh.says(trained.images, trained.label)
    )


@every_config
def test_a_seed_means_one_start_and_one_picture(config: ModelConfig) -> None:
    one, same, other = (Case(config, (3, 0, 1), seed=seed).eval() for seed in (5, 5, 6))
    z = seeded_latents([7, 8], config.z_dim)
    assert torch.equal(one.G(z), same.G(z))
    assert torch.equal(one.says(one.images, None), same.says(one.images, None))
    assert not torch.equal(one.G(z), other.G(z))
    alone = one.G(seeded_latents([8], config.z_dim))
    torch.testing.assert_close(alone[0], one.G(z)[1], atol=1e-5, rtol=1e-4)


@few_shapes
def test_channels_last_gives_the_same_numbers(config: ModelConfig, shape: Shape) -> None:
    case = Case(config, shape).shaken().eval()
    fakes, said = case.G(case.z, case.label), case.says(case.images, case.label)
    numerics = Numerics(torch.device("cpu"), "fp32")
    for network in case.networks():
        numerics.place(network)
    last = numerics.to_device(case.images)
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(case.G(case.z, case.label), fakes, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(case.says(last, case.label), said, atol=1e-4, rtol=1e-4)


@every_config
def test_bf16_is_close_to_fp32(config: ModelConfig) -> None:
    case = Case(config, (3, 3, 1)).eval()
    with torch.no_grad():
        exact = case.G(case.z, case.label), case.D.features(case.images)
        with Numerics(torch.device("cpu"), "bf16").autocast():
            rough = case.G(case.z, case.label), case.D.features(case.images)
            assert torch.isfinite(case.says(case.images, case.label)).all()
    for one, other in zip(exact, rough, strict=True):
        assert not torch.equal(other.float(), one)
        assert (other.float() - one).abs().mean() < 0.03 * one.std()


@every_config
def test_labels_decide_only_where_there_are_classes(config: ModelConfig) -> None:
    case = Case(config, (3, 3, 1)).shaken().eval()
    other = torch.tensor([2, 2, 2])
    assert case.label is not None
    assert not torch.allclose(case.G(case.z, case.label)[0], case.G(case.z, other)[0])
    said = case.says(case.images, case.label)
    assert not torch.equal(said[0], case.says(case.images, other)[0])
    with pytest.raises(AssertionError, match="needs labels"):
        case.G(case.z)
    with pytest.raises(AssertionError, match="needs labels"):
        case.D(case.images)
    plain = Case(config, (3, 0, 1)).eval()
    assert torch.equal(plain.G(plain.z, other), plain.G(plain.z))
    assert torch.equal(plain.says(plain.images, other), plain.says(plain.images, None))


@every_config
def test_truncation_leads_from_one_picture_a_class_to_the_network_itself(
    config: ModelConfig,
) -> None:
    case = Case(config, (3, 3, 1)).shaken().eval()
    assert isinstance(case.G, StyleGenerator) == config.has_styles
    if isinstance(case.G, StyleGenerator):
        case.G.measure_mean()
    z, label = torch.cat([case.z, -case.z]), torch.tensor([0, 1, 2] * 2)
    space = space_of(case.G)
    points = space.points(z, label)

    def truncated(psi: float) -> Tensor:
        return space.render(space.typical(points, label, psi))

    typical = truncated(0.0)
    torch.testing.assert_close(typical[:3], typical[3:], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(typical[0], typical[1])
    assert torch.equal(truncated(1.0), case.G(z, label))
    whole, half = ((p[:3] - p[3:]).abs().mean() for p in (case.G(z, label), truncated(0.5)))
    assert 0 < half < whole


@pytest.mark.slow
@few_shapes
def test_onnx_makes_the_same_pictures(config: ModelConfig, shape: Shape) -> None:
    # Here, because the quick tests can do without loading the exporter.
    from ganvas.latent.export.onnx import pictures, to_onnx

    case = Case(config, shape).shaken().eval()
    model = to_onnx(case.G)
    for num in (1, BATCH):
        label = None if case.label is None else case.label[:num]
        with torch.no_grad():
            expected = case.G(case.z[:num], label).clamp(-1, 1)
        found = torch.from_numpy(pictures(model, case.z[:num], label))
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@every_config
def test_oblongs_are_made_or_refused_in_one_sentence(config: ModelConfig) -> None:
    problem = config.problem_with(resolution="32x48", alone=False)
    if config.arch in SQUARE_ONLY:
        assert problem == f"model.arch {config.arch} makes square pictures only, not 32x48"
    else:
        assert problem is None


def test_configs_work_without_torch() -> None:
    program = (
        "import sys\nfrom ganvas.models import registry\n"
        "for name in registry.names(): registry.config_class(name)()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
