"""Axes of views and permutations."""

import numpy as np
import pytest
import torch

from napari_pathprune.pruning.tracing.axes import long_axes, permuted_axes, place_on_axis, view_factor
from napari_pathprune.pruning.tracing.call import Call


@pytest.mark.parametrize(
    ("old", "new"),
    [((2, 6, 4), (2, 24)), ((2, 6, 4), (2, 2, 3, 4)), ((2, 6), (1, 2, 6)), ((6, 4), (3, 2, 4)), ((2, 3, 4), (6, 4))],
)
def test_a_viewed_factor_broadcasts_as_the_viewed_tensor_does(old, new):
    for axis in range(len(old)):
        factor = place_on_axis(np.arange(old[axis]), axis, len(old))
        expected = np.broadcast_to(factor, old).reshape(new)
        moved, _ = view_factor(factor, old, new)
        assert np.array_equal(np.broadcast_to(moved, new), expected)


def test_axes_without_channels_stay_short():
    factor = place_on_axis(np.arange(6), 1, 3)
    moved, became = view_factor(factor, (2, 6, 4), (2, 2, 3, 4))
    assert moved.shape == (1, 2, 3, 1)
    assert became == [(1, 2)]


@pytest.mark.parametrize(
    ("name", "kwargs", "order"),
    [
        ("permute", {"dims": (0, -1, 1)}, [0, 2, 1]),
        ("transpose", {"dim0": 0, "dim1": 2}, [2, 1, 0]),
    ],
)
def test_permuted_axes(name, kwargs, order):
    x = torch.zeros(2, 3, 4)
    assert permuted_axes(Call(name, False, None, (), kwargs, (x,), (x,))) == order


def test_long_axes_are_longer_than_one():
    assert long_axes(np.zeros((1, 3, 1, 2))) == {1, 3}
