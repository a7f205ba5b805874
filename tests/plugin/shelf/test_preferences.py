from types import SimpleNamespace

import pytest

from napari_pathprune.plugin.shelf import preferences
from napari_pathprune.plugin.shelf.preferences import Preferences, forget_model, read_preferences, remember_model


@pytest.fixture
def settings(monkeypatch, plugin):
    """The settings that napari makes from the manifest, in memory."""
    from napari.settings._plugin_config_generator import plugin_configuration_generator
    from npe2 import PluginManager

    made = plugin_configuration_generator(PluginManager.instance())[plugin.name](config_path=None)
    monkeypatch.setattr(preferences, "get_plugin_settings", lambda _: made)
    return made


def test_the_defaults_of_the_manifest_are_those_of_the_class(settings):
    assert read_preferences() == Preferences()
    assert settings.running.device == "auto"


def test_preferences_are_those_of_napari(settings):
    settings.running.device, settings.running.memory_gb = "cpu", 2.5
    settings.models.default_model, settings.models.folder = "hovernet-s", "/models"
    found = read_preferences()
    assert found == Preferences("cpu", 2.5, "hovernet-s", "/models")
    assert found.memory_budget == 2_500_000_000
    assert Preferences().memory_budget is None


def test_a_device_that_does_not_exist_is_refused(settings):
    with pytest.raises(ValueError, match="enum"):
        settings.running.device = "tpu"


def test_recent_models_are_few_unique_and_latest_first(settings):
    for number in (*range(10), 5):
        remember_model(f"/m/{number}.pth")
    remember_model("/with|separator.pth")
    recent = read_preferences().recent_models
    assert recent[:2] == ("/m/5.pth", "/m/9.pth")
    assert len(recent) == len(set(recent)) == preferences.RECENT_MODELS
    forget_model("/m/5.pth")
    assert read_preferences().recent_models == recent[1:]
    assert read_preferences().folder == "/m"
    assert settings.models.folder == ""


@pytest.mark.parametrize("found", [KeyError("unknown"), SimpleNamespace()])
def test_without_the_plugin_the_defaults_hold(monkeypatch, found):
    def get(_):
        if isinstance(found, KeyError):
            raise found
        return found

    monkeypatch.setattr(preferences, "get_plugin_settings", get)
    remember_model("/m/a.pth")
    assert read_preferences() == Preferences()
