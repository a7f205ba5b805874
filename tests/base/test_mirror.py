"""Indices beyond an axis are those that numpy's reflecting padding reads."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pathprune.base.mirror import mirror_indices


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 2), (20, 31)])
def test_indices_equal_reflecting_padding(size: int, before: int, after: int) -> None:
    expected = np.pad(np.arange(size), (before, after), mode="reflect")
    assert np.array_equal(mirror_indices(-before, size + after, size), expected)


def test_an_empty_range_has_no_indices() -> None:
    assert mirror_indices(5, 5, 3).shape == (0,)
