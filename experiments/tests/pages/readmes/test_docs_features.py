"""The table of tested features is what the tiny configurations hold."""

import pytest

from experiments.pages.readmes.tables.features import CONFIGURATIONS, FEATURES, settings_of

SETTINGS = {setting for those in FEATURES.values() for setting in those}


def test_settings_are_those_of_the_configurations():
    pytest.importorskip("transformers")
    from ablation.tests.support.tiny_configs import CONFIGS

    found = settings_of(CONFIGURATIONS)
    assert found.keys() == CONFIGS.keys()
    for name, settings in found.items():
        config = CONFIGS[name]()
        # What part of a head is rotated is kept among the rotary parameters.
        rotary = getattr(config, "rope_parameters", None) or {}
        for setting in settings & SETTINGS:
            assert getattr(config, setting, rotary.get(setting)) is not None, (name, setting)


def test_every_feature_is_tested():
    assert frozenset().union(*settings_of(CONFIGURATIONS).values()) >= SETTINGS
