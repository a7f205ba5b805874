"""The registry builds networks by name."""

import pytest

from napari_pathprune.models import build, list_architectures
from napari_pathprune.models.hovernet.hovernet import HoVerNet


def test_build_returns_the_network_with_its_settings():
    model = build("hovernet", mode="original", num_types=3, width=0.0625)
    assert isinstance(model, HoVerNet)
    assert (model.mode, model.num_types) == ("original", 3)


def test_every_architecture_builds():
    assert "hovernet" in list_architectures()
    for name in list_architectures():
        assert sum(p.numel() for p in build(name, width=0.0625).parameters()) > 0


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'hovrenet'.*hovernet"):
        build("hovrenet")


@pytest.mark.parametrize("config", [{"depth": 3}, {"num_types": "six"}, {"width": "wide"}, {"mode": ["fast"]}])
def test_a_wrong_setting_is_named(config):
    with pytest.raises(ValueError, match=next(iter(config))):
        build("hovernet", **config)
