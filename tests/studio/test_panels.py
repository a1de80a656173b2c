"""What the panels compute: the picture most like a photo, a walk, the doctor's words."""

import json

import pytest
from PIL import Image
from studio_pictures import draw

from ganvas.core.errors import ConfigError, DataError
from ganvas.models import registry
from ganvas.studio import doctor_panel, latent_panel
from ganvas.studio.shared import Studio
from ganvas.studio.texts import Texts
from ganvas.training.doctor import Diagnosis, Finding


@pytest.fixture
def studio(places, monkeypatch) -> Studio:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(places.make("gradio")))
    G, _ = registry.build(registry.parse({"arch": "mlp"}), channels=3, resolution=16)
    monkeypatch.setattr(latent_panel, "load_newest", lambda studio, run: G.eval())
    return Studio(places, Texts("en"))


def keep(studio: Studio, number: int, **note: object) -> str:
    folder = studio.places.make("favourites", f"{number:06d}")
    Image.new("RGB", (4, 4)).save(folder / "a.png")
    (folder / "a.json").write_text(json.dumps({"psi": 1.0, "label": None} | note))
    return folder.name


def test_a_walk_goes_through_favourites_of_one_training(studio):
    one, two = (keep(studio, n, run="a", seed=n, name=f"{n}") for n in (1, 2))
    other = keep(studio, 3, run="b", seed=2, name="3")
    for chosen in (None, [one], [one, other], [one, "../000002"]):
        with pytest.raises(ConfigError, match="two or more"):
            latent_panel._walk(studio, chosen)
    with Image.open(latent_panel._walk(studio, [one, two]).value["path"]) as film:
        assert film.n_frames > 1


@pytest.mark.slow
def test_a_photo_is_shown_beside_what_is_found(studio, tmp_path, monkeypatch):
    monkeypatch.setattr(latent_panel, "STEPS", 2)
    (photo,) = draw(tmp_path / "photos", 1, 64).iterdir()
    with pytest.raises(DataError, match="choose a photo"):
        latent_panel._find(studio, None, None)
    shown = latent_panel._find(studio, None, str(photo))
    with Image.open(shown.value["path"]) as pair:
        assert pair.width > 1.8 * pair.height


def test_the_doctor_is_quoted_and_nothing_of_it_is_taken_for_html():
    finding = Finding("collapse", 8, "It <collapsed>.", ("All alike",), ("Back",), None, None)
    said = doctor_panel.in_words(
        Diagnosis("runs/a", 8, 9, "troubled", "In trouble", (finding,), "L", "P", "Try: x")
    )
    for words in ("a: In trouble", "It &lt;collapsed&gt;. All alike Back", "Try: x"):
        assert words in said
