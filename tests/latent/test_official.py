"""The official StyleGAN2 networks, read from their pickles, make the pictures of their formulas."""

import json

import pytest
import torch
from official_layout import snapshot, write
from PIL import Image
from torch.nn import functional as F

from ganvas.cli.flags import Everyday
from ganvas.cli.main import main
from ganvas.cli.settings import wanted_settings
from ganvas.core.errors import CheckpointError
from ganvas.latent.export.api import export
from ganvas.latent.load import load_generator
from ganvas.latent.space import space_of
from ganvas.models import registry
from ganvas.models.stylegan2 import official
from ganvas.runs import checkpoint
from ganvas.runs.folder import RunFolder
from ganvas.runs.pickled import read_networks
from ganvas.training.configure import complete, look
from ganvas.training.session import session_steps

LICENCE = pytest.mark.filterwarnings("ignore:.*keep their licence")


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def nearer_to_the_mean(G, z, label=None, *, psi):
    space = space_of(G)
    return space.render(space.typical(space.points(z, label), label, psi))


@LICENCE
@pytest.mark.parametrize(
    ("settings", "protocol"),
    [({}, 4), ({"layers": 8, "resolution": 32, "base": 128}, 3), ({"channels": 1, "most": 4}, 5)],
)
@torch.no_grad()
def test_the_generator_makes_the_official_pictures(tmp_path, settings, protocol):
    made = snapshot(**settings)
    path = write(tmp_path / "network-snapshot.pkl", made, protocol)
    G = load_generator(path).double()
    z = torch.randn(3, 6, dtype=torch.float64)
    reference = made["G_ema"].double()
    expected = reference(z)
    assert expected.std() > 0.1
    close(G(z), expected)
    close(nearer_to_the_mean(G, z, psi=0.6), reference(z, psi=0.6))
    styles = torch.randn(3, G.num_styles, 6, dtype=torch.float64)
    close(G.synthesize(styles), reference.synthesis(styles))


@LICENCE
@torch.no_grad()
def test_labels_are_embedded_as_there(tmp_path):
    made = snapshot(c_dim=4)
    G = load_generator(write(tmp_path / "a.pkl", made)).double()
    z, label = torch.randn(3, 6, dtype=torch.float64), torch.tensor([3, 0, 2])
    one_hot = F.one_hot(label, 4).double()
    reference = made["G_ema"].double()
    close(G(z, label), reference(z, one_hot))
    close(nearer_to_the_mean(G, z, label, psi=0.5), reference(z, one_hot, psi=0.5))


@pytest.mark.parametrize("group", [2, 4, None, 0])
@torch.no_grad()
def test_the_discriminator_gives_the_official_logits(tmp_path, group):
    made = snapshot(group=group)
    networks = read_networks(write(tmp_path / "a.pkl", made))
    header = official.header(networks)
    _, D = registry.build(registry.parse(header["model"]), channels=3, resolution=16)
    D.load_state_dict(official.discriminator(networks))
    images = torch.randn(8, 3, 16, 16, dtype=torch.float64)
    expected = made["D"].double()(images)
    assert expected.std() > 0.05
    close(D.double()(images), expected)


def altered(tmp_path, change, name="G_ema"):
    made = snapshot()
    change(made[name])
    return read_networks(write(tmp_path / "a.pkl", made))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda G: setattr(G.synthesis.b8.conv1, "activation", "relu"), "activation is relu"),
        (lambda G: setattr(G.mapping.fc1, "bias_gain", 0.1), "bias_gain is 0.1"),
        (lambda G: G.synthesis.b8.resample_filter.fill_(1 / 16), r"not \[1 3 3 1\]"),
        (lambda G: delattr(G.synthesis.b8.conv0, "noise_const"), "no synthesis.b8.conv0.noise_con"),
        (lambda G: G.synthesis.b8.number("skip", 3), "synthesis.b8.skip, for which"),
    ],
)
def test_what_ours_cannot_compute_is_refused(tmp_path, change, reason):
    with pytest.raises(CheckpointError, match=reason):
        official.generator(altered(tmp_path, change))


def test_other_networks_are_refused(tmp_path):
    def without_start(G):
        del G.synthesis.b4.const

    def thinned(G):
        G.synthesis.b8.conv1.number("weight", 7, 8, 3, 3)

    def orig(D):
        del D.b8.skip

    for change, reason in ((without_start, "StyleGAN3"), (thinned, "channels are .8, 7, 4.")):
        with pytest.raises(CheckpointError, match=reason):
            official.header(altered(tmp_path, change))
    with pytest.raises(CheckpointError, match=r"b8\.conv0\.weight, for which"):
        official.discriminator(altered(tmp_path, orig, "D"))
    with pytest.raises(CheckpointError, match="maps labels"):
        official.discriminator(read_networks(write(tmp_path / "b.pkl", snapshot(c_dim=4))))


def test_an_export_is_the_same_generator_and_the_licence_is_named(tmp_path):
    path = write(tmp_path / "a.pkl", snapshot())
    with pytest.warns(UserWarning, match="non-commercial"):
        export(path, tmp_path / "a.safetensors")
    z = torch.randn(2, 6)
    with pytest.warns(UserWarning, match="non-commercial"):
        G = load_generator(path)
    assert torch.equal(load_generator(tmp_path / "a.safetensors")(z), G(z))


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    for number in range(12):
        Image.new("RGB", (16, 16), (20 * number, 90, 200)).save(f"photos/{number}.png")
    write(tmp_path / "a.pkl", snapshot())
    return tmp_path


def settings_of(capsys, *arguments):
    code = main(["train", "photos", "--from", "a.pkl", *arguments])
    return code, capsys.readouterr()


def test_from_a_pickle_the_sizes_are_those_of_the_pickle(workplace, capsys):
    code, said = settings_of(capsys, "--dry-run", "--batch-size", "4")
    assert code == 0
    config = json.loads(said.out)
    sizes = {"base": 64, "most": 8, "z_dim": 6, "w_dim": 6, "mapping_layers": 3, "stddev_group": 2}
    assert config["model"] == {"arch": "stylegan2"} | sizes
    assert (config["data"]["resolution"], config["recipe"]) == (16, "stylegan2")
    code, said = settings_of(capsys, "--dry-run", "--arch", "dcgan")
    assert code == 2
    assert "is for --arch stylegan2, not dcgan" in said.err


def test_training_starts_with_all_three_networks_and_continues_exactly(workplace):
    nested = {"optim": {"freeze_d": 2}, "run": {"evaluate_images": 0}}
    flags = Everyday(from_="a.pkl", kimg=0.024, batch_size=4, device="cpu", guard="off")
    wanted = wanted_settings(flags, nested)
    config = complete("photos", wanted, look("photos", wanted))
    networks = read_networks(workplace / "a.pkl")

    def trained(root, *stops):
        for steps in stops:
            ticks = iter(range(1000))
            for event in session_steps(
                config,
                root=workplace / root,
                init_from="a.pkl",
                should_stop=lambda ticks=ticks, steps=steps: next(ticks) >= steps - 1,
            ):
                sentence = getattr(event, "sentence", "")
                if "starts from" in sentence:
                    said.append(sentence)
        return checkpoint.newest(RunFolder.all(workplace / root)[0]).tensors("state")

    said = []
    whole = trained("whole", 100)
    assert len(said) == 1
    assert "non-commercial" in said[0]
    pair = [int(word) for word in said[0].split() if word.isdecimal()]
    assert pair[0] == pair[1]
    assert pair[2] == pair[3]
    parts = trained("parts", 2, 100)
    assert len(said) == 2
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())
    # The first layers of D are those of the file, the others have learned.
    D = official.discriminator(networks)
    moved = {name for name, tensor in D.items() if not torch.equal(whole[f"D.{name}"], tensor)}
    assert {"body.0.weight", "body.0.bias", "body.2.conv1.weight"}.isdisjoint(moved)
    assert {"body.2.conv2.weight", "head.linear.weight"} <= moved
