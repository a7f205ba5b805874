"""A model that has diverged is found before it is trained, and its weights are never kept as good ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_pathprune.training.finite_weights import check_finite, choose_good, find_not_finite

GOOD, BAD = {"a": torch.ones(2)}, {"a": torch.tensor([1.0, float("inf")])}


def test_a_diverged_model_is_refused_by_the_name_of_its_weights() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    check_finite(model)
    model[1].running_var.fill_(float("nan"))  # type: ignore[union-attr, operator]
    with pytest.raises(ValueError, match=r"NaN or infinity in 1\.running_var before the first step"):
        check_finite(model)


def test_an_average_that_has_diverged_gives_way_to_the_best_weights() -> None:
    assert choose_good(BAD, GOOD) is GOOD
    assert choose_good(GOOD, BAD) is GOOD
    assert choose_good(BAD, {}) is BAD
    assert find_not_finite(GOOD) == ""
