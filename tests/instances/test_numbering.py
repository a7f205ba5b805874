"""Ids to numbers without gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pathprune.instances.numbering import without_gaps


@given(
    arrays(np.int64, (5, 7), elements=st.one_of(st.integers(0, 4), st.integers(0, 10**3), st.integers(0, 2**40))),
)
def test_numbers_lead_back_to_ids(instances):
    ids, numbers = without_gaps(instances)
    assert numbers.dtype == np.int32
    assert (np.diff(ids) > 0).all()
    np.testing.assert_array_equal(np.concatenate([[0], ids])[numbers], instances)
    assert numbers.max() == len(ids)


def test_a_map_without_background_or_without_pixels_has_numbers_too():
    ids, numbers = without_gaps(np.full((2, 2), 2**40))
    assert (ids.tolist(), numbers.tolist()) == ([2**40], [[1, 1], [1, 1]])
    assert without_gaps(np.zeros((0, 4), np.int32))[0].tolist() == []


@pytest.mark.parametrize(
    ("instances", "line"),
    [
        (np.zeros((2, 2)), "integers with 0 as background"),
        (np.zeros((2, 2, 2), int), "integers with 0 as background"),
        (np.full((2, 2), -1), "0 or more; got -1"),
    ],
)
def test_what_is_no_instance_map_is_refused(instances, line):
    with pytest.raises(ValueError, match=line):
        without_gaps(instances)
