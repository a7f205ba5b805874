"""Renumbering without gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pathprune.instances.numbering import renumber


@given(
    arrays(np.int64, (5, 7), elements=st.one_of(st.integers(0, 4), st.integers(0, 10**3), st.integers(0, 2**40))),
)
def test_ids_can_be_restored_from_numbers(instances):
    ids, numbers = renumber(instances)
    assert numbers.dtype == np.int32
    assert (np.diff(ids) > 0).all()
    np.testing.assert_array_equal(np.concatenate([[0], ids])[numbers], instances)
    assert numbers.max() == len(ids)


def test_map_without_background_or_pixels_is_renumbered():
    ids, numbers = renumber(np.full((2, 2), 2**40))
    assert (ids.tolist(), numbers.tolist()) == ([2**40], [[1, 1], [1, 1]])
    assert renumber(np.zeros((0, 4), np.int32))[0].tolist() == []


@pytest.mark.parametrize(
    ("instances", "line"),
    [
        (np.zeros((2, 2)), "integers with 0 as background"),
        (np.zeros((2, 2, 2), int), "integers with 0 as background"),
        (np.full((2, 2), -1), "got the id -1"),
    ],
)
def test_other_arrays_are_rejected(instances, line):
    with pytest.raises(ValueError, match=line):
        renumber(instances)
