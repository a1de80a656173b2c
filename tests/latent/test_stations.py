"""Found latents stand wherever a seed does, alone or among seeds."""

import json

import numpy as np
import pytest
import torch
from test_generate import network, same

from ganvas.core.errors import ConfigError
from ganvas.latent.generate import generate
from ganvas.latent.mix import mix, mixed
from ganvas.latent.project import Projection
from ganvas.latent.seeds import parse_stations
from ganvas.latent.stations import stations
from ganvas.latent.walk import path
from ganvas.models.base import seeded_latents


def styled(num_classes: int = 0):
    G = network("stylegan2", num_classes=num_classes).requires_grad_(False)
    G.measure_mean()
    return G


@pytest.fixture
def saved(tmp_path):
    """Write a latent.json as the command does."""

    def save(space: str, rows: torch.Tensor, label: int | None = None) -> str:
        label = None if label is None else torch.tensor(label)
        nothing, folder = torch.zeros(1, 3, 16, 16), tmp_path / f"found{len([*tmp_path.iterdir()])}"
        found = Projection(3, 9, space, rows, label, nothing, torch.tensor(0.5)).to_found()
        folder.mkdir()
        (folder / "latent.json").write_text(json.dumps(found.to_dict()))
        return str(folder / "latent.json")

    return save


def test_a_found_latent_makes_its_picture_and_keeps_its_class(saved):
    G = network(num_classes=3)
    z = seeded_latents([7], G.z_dim)
    path_of_z = saved("z", z, label=2)
    there, other = generate(G, [path_of_z, 4])
    assert same(there, generate(G, [7], label=2)[0])
    assert same(other, generate(G, [4])[0])
    assert same(generate(G, [path_of_z], label=0)[0], generate(G, [7], label=0)[0])
    frames = [*path(G, [3, path_of_z], 4)]
    torch.testing.assert_close(frames[0], G(seeded_latents([3], G.z_dim), torch.tensor([0]))[0])
    torch.testing.assert_close(frames[2], G(z, torch.tensor([2]))[0])


def test_latents_styles_and_styles_a_layer_meet_in_one_walk(saved):
    G = styled(num_classes=2)
    z, label = seeded_latents([7, 8], G.z_dim), torch.tensor([1, 0])
    w = G.map(z, label)
    plus = torch.cat([w[0, :2], w[1, 2:]])
    names = [saved("z", z[:1], 1), saved("w", w[1, :1], 0), saved("w+", plus, 0), 5]
    own = G.map(seeded_latents([5], G.z_dim), torch.tensor([1]))
    expected = G.synthesize(torch.cat([w, plus[None], own]))
    frames = torch.stack([*path(G, names, 4)])
    torch.testing.assert_close(frames[0], expected[0])
    points = stations(G, names, [None]).points
    torch.testing.assert_close(G.synthesize(points), expected)
    space, only_w, _ = stations(G, names[:3], [None])
    a, b, c = only_w[:1], only_w[1:2], only_w[2:]
    torch.testing.assert_close(space.hold(a - b + c)[0], w[0] - w[1] + plus)
    assert stations(G, names[:2], [None]).points.shape == (2, 1, 128)


def test_what_is_no_latent_of_this_generator_is_refused(saved, tmp_path):
    G = styled()
    wrong = {
        saved("z", torch.zeros(1, 5)): "found with another generator",
        saved("w+", torch.zeros(G.num_styles + 1, 128)): "found with another generator",
        saved("z", torch.zeros(1, 128), label=3): "without classes",
        "text": "not the latent.json",
        '{"space": "y", "latent": [[1.0]]}': "space is 'y'",
        "[1]": "not the latent.json",
        '{"space": "w", "latent": [[1.0], [1.0, 2.0]]}': "found with another generator",
    }
    for number, (name, part) in enumerate(wrong.items()):
        if not name.endswith(".json"):
            (tmp_path / f"{number}.json").write_text(name)
            name = str(tmp_path / f"{number}.json")
        with pytest.raises(ConfigError, match=part):
            generate(G, [name])
    with pytest.raises(ConfigError, match="found with another generator"):
        generate(network(), [saved("w", torch.zeros(1, 128))])


def test_seeds_and_files_are_read_in_their_order():
    assert parse_stations("0-2, a/latent.json,9") == [0, 1, 2, "a/latent.json", 9]
    with pytest.raises(ConfigError, match="seeds 'latent' are not"):
        parse_stations("0,latent")


def test_all_or_no_styles_of_a_row_make_its_picture_or_the_column_s():
    G = styled(num_classes=3)
    rows, columns = [0, 4], [9, 7, 5]
    for fine_from, seeds in ((G.num_styles, [[r] * 3 for r in rows]), (0, [columns] * 2)):
        made = mixed(G, rows, columns, fine_from=fine_from, psi=0.7)
        assert made.shape == (2, 3, 3, 16, 16)
        for line, expected in zip(made, seeds, strict=True):
            for image, picture in zip(line, generate(G, expected, psi=0.7), strict=True):
                levels = ((image.clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).numpy()
                assert np.abs(levels - np.asarray(picture)).max() < 1


def test_a_mixture_takes_coarse_styles_from_the_row_and_fine_ones_from_the_column():
    G = styled()
    w = G.map(seeded_latents([0, 1], G.z_dim))
    half = G.num_styles // 2
    for fine_from, split in ((None, half), (1, 1)):
        both = torch.cat([w[:1, :split], w[1:, split:]], dim=1)
        found = mixed(G, [0], [1], fine_from=fine_from)[0]
        torch.testing.assert_close(found, G.synthesize(both))
    grid = mix(G, [0, 2], [1, 3, 5])
    assert grid.shape == (3 * 18 + 2, 4 * 18 + 2, 3)
    cells = grid[2:, 2:].reshape(3, 18, 4, 18, 3).transpose(0, 2, 1, 3, 4)[:, :, :16, :16]
    assert (cells[0, 0] == 255).all()
    shown = [*cells[1:, 0], *cells[0, 1:]]
    for cell, picture in zip(shown, generate(G, [0, 2, 1, 3, 5]), strict=True):
        assert np.abs(cell.astype(int) - np.asarray(picture)).max() <= 1


def test_mixing_is_refused_where_it_cannot_be():
    with pytest.raises(ConfigError, match="no styles: train one with --arch stylegan2"):
        mixed(network(), [0], [1])
    for split in (-1, 7):
        with pytest.raises(ConfigError, match=f"fine styles from {split}: .* from 0 to 6"):
            mixed(styled(), [0], [1], fine_from=split)
