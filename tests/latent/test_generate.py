"""A seed is one picture: in any company, for any class, like the sample grids of the training."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ganvas.core.errors import ConfigError
from ganvas.latent.fold import compute_in_bf16
from ganvas.latent.generate import CPU_BATCH, generate
from ganvas.latent.seeds import parse_seeds
from ganvas.latent.walk import path
from ganvas.models import registry
from ganvas.models.base import Generator
from ganvas.training.loop import sample


def network(
    arch: str = "dcgan", *, channels: int = 3, num_classes: int = 0, resolution: int = 16
) -> Generator:
    torch.manual_seed(3)
    config = registry.config_class(arch)()
    shape = {"channels": channels, "resolution": resolution, "num_classes": num_classes}
    G, _ = registry.build(config, **shape)
    return G.eval()


def same(one: Image.Image, other: Image.Image) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("arch", registry.names())
def test_a_seed_is_one_picture_in_any_company(arch: str) -> None:
    G = network(arch)
    many = generate(G, range(21))
    assert len(many) == 21
    assert {picture.size for picture in many} == {(16, 16)}
    assert same(generate(G, [20])[0], many[20])
    some = [5, 20, 3, 3]
    for picture, seed in zip(generate(G, some), some, strict=True):
        assert same(picture, many[seed])
    assert not any(same(a, b) for a, b in pairwise(many))
    for picture, seed in zip(generate(G, some, batch_size=3), some, strict=True):
        difference = np.asarray(picture, np.int16) - np.asarray(many[seed], np.int16)
        assert abs(difference).max() <= 1
    assert generate(G, []) == []


def test_every_batch_has_the_same_size_so_that_sums_round_alike() -> None:
    G, sizes = network(), []
    G.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    for num in (1, 8, 9):
        assert len(generate(G, range(num))) == num
    assert sizes == [CPU_BATCH] * 4


def test_pictures_are_those_of_the_sample_grids() -> None:
    G = network(num_classes=3)
    grid = sample(G, range(5)).permute(0, 2, 3, 1).double().numpy()
    for picture, floats in zip(generate(G, range(5)), grid, strict=True):
        np.testing.assert_allclose(np.asarray(picture), (floats + 1) * 127.5, atol=1.01)


def test_grey_networks_make_grey_pictures() -> None:
    assert [p.mode for p in generate(network(channels=1), [0, 1])] == ["L", "L"]
    assert [p.mode for p in generate(network(), [0])] == ["RGB"]


def test_psi_pulls_all_seeds_together() -> None:
    G = network()
    typical = generate(G, range(3), psi=0.0)
    assert same(typical[0], typical[1])
    half, full = generate(G, range(8), psi=0.5), generate(G, range(8))
    spread = [np.std([np.asarray(p) for p in some], axis=0).mean() for some in (half, full)]
    assert spread[0] < spread[1]


def test_a_class_by_name_or_number() -> None:
    G = network(num_classes=3)
    vars(G)["class_names"] = ("cat", "dog", "7")
    for name, index in (("dog", 1), ("0", 0), ("7", 2)):
        for one, other in zip(
            generate(G, range(4), label=name), generate(G, range(4), label=index), strict=True
        ):
            assert same(one, other)
    assert not same(generate(G, [0], label=0)[0], generate(G, [0], label=1)[0])
    for label in ("cow", "3", 3, -1):
        with pytest.raises(ConfigError, match="choose from cat, dog, 7"):
            generate(G, [0], label=label)
    with pytest.raises(ConfigError, match="choose from 0 to 2"):
        generate(network(num_classes=3), [0], label="cat")
    with pytest.raises(ConfigError, match="without classes"):
        generate(network(), [0], label=0)


@pytest.mark.parametrize("arch", registry.names())
def test_bf16_networks_with_classes_make_nearly_the_same_pictures_and_walks(arch: str) -> None:
    G = network(arch, num_classes=3)
    exact, way = generate(G, range(4), psi=0.5), torch.stack([*path(G, [0, 1], 4, label="0,2")])
    compute_in_bf16(G)
    rough, rough_way = generate(G, range(4), psi=0.5), [*path(G, [0, 1], 4, label="0,2")]
    for one, other in zip(exact, rough, strict=True):
        assert np.abs(np.asarray(one, np.int16) - np.asarray(other)).mean() < 3
    assert (torch.stack(rough_way) - way).abs().mean() < 0.03


def test_what_cannot_make_pictures_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"call G.eval\(\) first"):
        generate(network().train(), [0])
    with pytest.raises(ConfigError, match="points with 2 values"):
        generate(network("mlp", channels=2, resolution=1), [0])


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_written_seeds_are_read_back(seeds: list[int]) -> None:
    assert parse_seeds(",".join(map(str, seeds))) == seeds


def test_ranges_of_seeds() -> None:
    assert parse_seeds("0-3,9") == [0, 1, 2, 3, 9]
    assert parse_seeds(" 4 , 2 - 2") == [4, 2]
    for text in ("", "a", "1,", "-3", "1--2", "1.5", "²", "0-9999999999", "9" * 5000):
        with pytest.raises(ConfigError, match="seeds"):
            parse_seeds(text)
    with pytest.raises(ConfigError, match="count down: write 3-5"):
        parse_seeds("5-3")
