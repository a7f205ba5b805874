"""Runs of a narrower model, and the shapes that are expected of them."""

import numpy as np
import pytest

from napari_pathprune.pruning.tracing.probing.narrow_run import _keep_fewer, shape_after

STAYS = np.array([True, True, False, True, False, True])


@pytest.mark.parametrize(
    ("factor", "shape", "expected"),
    [
        (np.arange(6).reshape(1, 6), (3, 6), (3, 4)),
        (np.arange(6).reshape(2, 3), (2, 3), None),  # two of the first row stay, two of the second: not the same
        (np.array([[0, 1, 2], [0, 1, 2]]), (2, 3), (2, 2)),
        (np.array([2, 4]).reshape(1, 2), (3, 2), (3, 0)),
    ],
)
def test_shapes_after_a_cut(factor, shape, expected):
    assert shape_after(shape, (factor,), STAYS) == expected


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize(("width", "splits"), [(8, 1), (12, 4), (2, 1), (64, 2)])
def test_fewer_channels_are_kept_in_every_split(width, splits, level):
    stay = _keep_fewer(width, splits, 3, level)
    part = width // splits
    counts = [sum(index // part == split for index in stay) for split in range(splits)]
    assert len(set(counts)) == 1
    assert 1 <= counts[0] < part


def test_groups_keep_different_shares_at_the_second_level():
    assert len({len(_keep_fewer(100, 1, number, 1)) for number in range(5)}) == 5
