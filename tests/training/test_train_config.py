"""Combinations known not to work are refused with one sentence that says why."""

import json

import pytest

from ganvas.core.config import descriptions
from ganvas.core.errors import ConfigError
from ganvas.models.mlp.config import Config as Mlp
from ganvas.training.advice import on_settings, remedy
from ganvas.training.config import OptimConfig, TrainConfig
from ganvas.training.presets import PRESETS, Facts, rates_off, resolve

REFUSED = {
    "batch norm in D with a penalty": (
        {"model": {"arch": "dcgan"}, "loss": {"penalties": ["r1"]}},
        "per sample",
    ),
    "lazy and relativistic": (
        {"loss": {"adversarial": "relativistic", "penalty_mode": "lazy", "penalty_every": 8}},
        "lazy penalty fails",
    ),
    "every without lazy": ({"loss": {"penalty_every": 8}}, "lazy only"),
    "wgan without its penalty": (
        {"loss": {"adversarial": "wgan", "penalties": []}},
        "diverges",
    ),
    "two kinds of penalty": (
        {"loss": {"adversarial": "wgan", "penalties": ["wgan-gp", "r1"]}},
        "one kind",
    ),
    "a probed wgan-gp": (
        {
            "loss": {
                "adversarial": "wgan",
                "penalties": ["wgan-gp"],
                "penalty_mode": "finite-difference",
            }
        },
        "exactly",
    ),
    "smoothing a relativistic loss": (
        {"loss": {"adversarial": "relativistic", "soft": 0.9}},
        "bce",
    ),
    "a batch that does not pack": (
        {"cure": {"pack": 3}, "loss": {"penalty_stride": 1}},
        "multiple",
    ),
    "packing classes": (
        {
            "cure": {"pack": 2},
            "loss": {"penalty_stride": 1},
            "data": {"classes": "folders"},
        },
        "labels",
    ),
    "packing with a stride": ({"cure": {"pack": 2}, "loss": {"penalty_stride": 2}}, "stride"),
    "adapting nothing": (
        {"augment": {"adaptive": True, "operations": [], "p": 0.0}},
        "nothing to adapt",
    ),
    "a start above the cap": (
        {"augment": {"adaptive": True, "operations": ["color"], "p": 0.9}},
        "p_max",
    ),
    "simultaneous hinge": (
        {"recipe": "simultaneous", "loss": {"adversarial": "hinge"}},
        "slope",
    ),
    "simultaneous batch norm": (
        {
            "recipe": "simultaneous",
            "model": {"arch": "dcgan"},
            "loss": {"adversarial": "bce", "penalties": []},
        },
        "judges each picture alone",
    ),
    "simultaneous n_critic": (
        {"recipe": "simultaneous", "optim": {"n_critic": 2}},
        "every step",
    ),
    "styles of a network that has none": (
        {"recipe": "stylegan2", "model": {"arch": "resnet"}},
        "cannot train model.arch resnet",
    ),
    "two lengths": ({"kimg": 5, "minutes": 5}, "either"),
    "no length": ({"minutes": None}, "either"),
    "fp16": ({"precision": "fp16"}, "precision"),
    "a size that is no power of two": ({"data": {"resolution": 48}}, "48"),
    "an oblong that is no doubled grid": ({"data": {"resolution": "60x90"}}, "64x96 is nearest"),
    "an oblong for growing networks": (
        {"data": {"resolution": "64x96"}, "model": {"arch": "progressive"}},
        "square pictures only",
    ),
    "quarter turns of oblongs": (
        {"data": {"resolution": "64x96"}, "augment": {"operations": ["rotate90"]}},
        "rotate90 turns square",
    ),
    "an unknown key": ({"optim": {"learning_rate": 1}}, "optim.learning_rate is not a setting"),
    "an unknown architecture": ({"model": {"arch": "biggan"}}, "resnet"),
    "a rate of zero": ({"optim": {"lr_g": 0}}, "optim.lr_g"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_work_is_refused_with_the_reason(name):
    changes, reason = REFUSED[name]
    with pytest.raises(ConfigError, match=reason) as caught:
        resolve("x", Facts(1000, 3, 64), overrides=changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_preset_is_complete_and_survives_json(preset, channels):
    config = resolve("x", Facts(300, channels, 32), preset=preset)
    again = TrainConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert config.preset == preset
    assert config.data.channels == channels
    assert PRESETS[preset].__doc__


def test_settings_win_over_the_preset_and_the_preset_over_nothing():
    plain = resolve("x", Facts(1000, 3, 64))
    changed = resolve(
        "x", Facts(1000, 3, 64), resolution=32, overrides={"optim": {"lr_d": 0.5}, "seed": 7}
    )
    assert (changed.data.resolution, changed.optim.lr_d, changed.seed) == (32, 0.5, 7)
    assert changed.optim.lr_g == plain.optim.lr_g


def test_r1_of_stylegan2_goes_with_the_number_of_pixels():
    gamma = {
        size: resolve("x", Facts(1000, 3, size), arch="stylegan2").loss.gamma
        for size in (32, "32x48", 64)
    }
    assert gamma["32x48"] == pytest.approx(1.5 * gamma[32])
    assert gamma[64] == pytest.approx(4 * gamma[32])


def test_the_set_chooses_the_preset():
    assert resolve("x", Facts(100, 3, 64)).preset == "few"
    assert resolve("x", Facts(5000, 3, 64)).preset == "quick"
    assert resolve("x", Facts(100, 1, 32), arch="mlp").preset == "lesson"


@pytest.mark.parametrize(
    ("preset", "arch", "resolution"), [("gpu", "stylegan2", 512), ("quick", "mlp", 28)]
)
def test_a_preset_serves_sizes_that_only_another_architecture_makes(preset, arch, resolution):
    facts = Facts(5000, 3, 64)
    found = resolve("x", facts, preset=preset, arch=arch, resolution=resolution)
    assert (found.model.arch, found.data.resolution) == (arch, resolution)
    assert found.optim == resolve("x", facts, preset=preset).optim
    assert rates_off(found) == (1, 1)
    with pytest.raises(ConfigError, match=f"not {resolution}"):
        resolve("x", facts, preset=preset, resolution=resolution)


def test_an_unknown_preset_names_the_choices():
    with pytest.raises(ConfigError, match="quick"):
        resolve("x", Facts(1, 3, 64), preset="best")


def test_a_form_can_say_what_each_setting_means():
    schema = TrainConfig.model_json_schema()
    assert schema["properties"]["seed"]["description"] == "Start of all random numbers."
    assert "TTUR" in schema["$defs"]["OptimConfig"]["properties"]["lr_d"]["description"]


def test_an_inherited_setting_keeps_the_meaning_that_its_own_class_gives_it():
    class Other(OptimConfig):
        """One more."""

    assert descriptions(Other) == descriptions(OptimConfig)
    assert descriptions(Mlp)["arch"] == "Fully connected layers only."


def test_rates_are_compared_with_those_of_the_preset():
    for preset in PRESETS:
        assert rates_off(resolve("x", Facts(1000, 3, 32), preset=preset)) == (1, 1)
    changed = resolve("x", Facts(1000, 3, 32), overrides={"optim": {"lr_g": 2e-2, "lr_d": 2e-4}})
    assert rates_off(changed) == pytest.approx((10, 0.1))
    own = TrainConfig.from_dict(changed.to_dict() | {"preset": "custom"})
    assert rates_off(own) == (1, 1)


def test_unusual_rates_are_told_before_they_do_harm():
    usual = resolve("x", Facts(1000, 3, 32), overrides={"optim": {"lr_g": 4e-3}})
    assert on_settings(usual) == []
    changed = resolve("x", Facts(1000, 3, 32), overrides={"optim": {"lr_d": 4e-2}})
    (said,) = on_settings(changed)
    assert "optim.lr_d 0.04 is 20 times what the preset quick was tried with" in said


@pytest.mark.parametrize(
    ("times", "told", "trouble"),
    [(8, "most of the time goes into D", "d-too-strong"), (1 / 8, "too little", "d-too-weak")],
)
def test_a_discriminator_of_another_width_is_told_and_the_advice_for_it(times, told, trouble):
    other = {"d-too-strong": "d-too-weak", "d-too-weak": "d-too-strong"}[trouble]
    config = resolve("x", Facts(1000, 3, 32), overrides={"model": {"width_d": int(24 * times)}})
    (said,) = on_settings(config)
    assert f"D is {times:.3g} times as wide as G" in said
    assert told in said
    assert remedy(trouble, config) == {"model": {"width_d": 0}}
    assert "model" not in remedy(other, config)


def test_a_penalty_that_was_taken_away_is_told():
    (said,) = on_settings(resolve("x", Facts(1000, 3, 32), overrides={"loss": {"penalties": ()}}))
    assert "where the preset quick has r1" in said


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_is_told_of_a_preset_as_it_is(preset):
    config = resolve("x", Facts(1000, 3, 32), preset=preset)
    assert on_settings(config) == []


@pytest.mark.parametrize(("times", "trouble"), [(10, "exploding"), (0.1, "d-too-weak")])
def test_the_advice_for_far_off_rates_is_those_of_the_preset(times, trouble):
    rates = {"lr_g": 2e-3 * times, "lr_d": 2e-3 * times}
    changed = resolve("x", Facts(1000, 3, 32), overrides={"optim": rates})
    assert remedy(trouble, changed) == {"optim": pytest.approx({"lr_g": 2e-3, "lr_d": 2e-3})}
