"""Parameters that are not trained."""

import pytest
from torch import nn

from napari_pathprune.training.freezing import freeze, match_parameters


@pytest.fixture
def model():
    return nn.ModuleDict({"d0": nn.Conv2d(3, 4, 1), "d1": nn.Conv2d(4, 4, 1), "head": nn.Conv2d(4, 2, 1)})


def test_parameters_that_match_a_pattern_are_frozen_and_can_be_thawed(model):
    freeze(model, ["d[01].*", "*.bias"])
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained == ["head.weight"]
    freeze(model, [])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_pattern_that_matches_nothing_is_named_and_changes_nothing(model):
    with pytest.raises(ValueError, match=r"frozen = 'encoder\.\*', which no parameter"):
        freeze(model, ["d0.*", "encoder.*"])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_patterns_match_whole_names(model):
    assert match_parameters(model, ["d1.weight"]) == {"d1.weight"}
    with pytest.raises(ValueError, match="'weight'"):
        match_parameters(model, ["weight"])
