"""Overlaps of parts, merged, equal those of the whole."""

import dataclasses

import numpy as np
import pytest

from napari_pathprune.instances.merge_overlaps import merge_overlaps, select_overlaps
from napari_pathprune.instances.overlaps import count_overlaps


@pytest.fixture
def maps(two_discs):
    """Two maps with several overlaps for each instance."""
    other = np.roll(two_discs, (4, 9), (0, 1)) * 11
    other[30:34] = 5
    return two_discs, other


def test_parts_make_the_whole(maps):
    a, b = maps
    whole = count_overlaps(a, b)
    parts = [
        (count_overlaps(a[y : y + 13, x : x + 17], b[y : y + 13, x : x + 17]), (y, x))
        for y in range(0, 64, 13)
        for x in range(0, 80, 17)
    ]
    merged = merge_overlaps(parts)
    for field in dataclasses.fields(whole):
        np.testing.assert_allclose(getattr(merged, field.name), getattr(whole, field.name), err_msg=field.name)


def test_no_parts_make_no_overlaps():
    merged = merge_overlaps([])
    assert len(merged.ids_a) == len(merged.ids_b) == len(merged.shared) == 0


def test_selected_overlaps_are_those_of_maps_without_the_others(maps):
    a, b = maps
    whole = count_overlaps(a, b)
    some = select_overlaps(whole, whole.ids_a != 3, whole.ids_b != 5)
    expected = count_overlaps(np.where(a == 3, 0, a), np.where(b == 5, 0, b))
    for field in dataclasses.fields(whole):
        np.testing.assert_allclose(getattr(some, field.name), getattr(expected, field.name), err_msg=field.name)
