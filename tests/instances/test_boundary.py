"""Agreement of outlines."""

import numpy as np
import pytest

from napari_pathprune.instances.boundary import BoundaryCounts, count_boundary_pixels


def test_equal_maps_agree_and_empty_ones_too(two_discs):
    assert count_boundary_pixels(two_discs, two_discs, 1).f1 == 1.0
    empty = np.zeros_like(two_discs)
    assert count_boundary_pixels(empty, empty, 1).f1 == 1.0
    assert count_boundary_pixels(two_discs, empty, 1).f1 == 0.0


def test_shifted_outlines_agree_within_the_tolerance_only(two_discs):
    shifted = np.roll(two_discs, 3, axis=1)
    assert count_boundary_pixels(two_discs, shifted, 3).f1 == 1.0
    assert 0.1 < count_boundary_pixels(two_discs, shifted, 1).f1 < 0.9


def test_touching_instances_have_an_outline_between_them():
    one, two = np.ones((20, 20), int), np.ones((20, 20), int)
    two[:, 10:] = 2
    counts = count_boundary_pixels(one, two, 2)
    assert counts == BoundaryCounts(near_a=0, all_a=0, near_b=0, all_b=40)


def test_only_the_inside_is_counted_with_its_context(two_discs):
    shifted = np.roll(two_discs, 1, axis=0)
    whole = count_boundary_pixels(two_discs, shifted, 2)
    parts = [
        count_boundary_pixels(two_discs, shifted, 2, (slice(y, y + 16), slice(x, x + 20)))
        for y in range(0, 64, 16)
        for x in range(0, 80, 20)
    ]
    assert sum(parts, BoundaryCounts()) == whole


def test_mistakes_are_refused(two_discs):
    with pytest.raises(ValueError, match="expected 1 or more"):
        count_boundary_pixels(two_discs, two_discs, 0)
    with pytest.raises(ValueError, match="two maps of one image"):
        count_boundary_pixels(two_discs, two_discs[1:], 1)
