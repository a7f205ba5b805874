"""A nucleus is divided where a person would divide it."""

import numpy as np
import pytest

from napari_pathprune.plugin.layers.annotation.annotation_shapes import cut_along_line, split_at_point


@pytest.fixture
def two_lobes():
    """(24, 44): discs of radius 9 around (11, 11) and (11, 29), which overlap."""
    ys, xs = np.mgrid[:24, :44]
    return (np.hypot(ys - 11, xs - 11) <= 9) | (np.hypot(ys - 11, xs - 29) <= 9)


@pytest.mark.parametrize(("point", "other_lobe"), [((11, 8), 29), ((7, 30), 11), (None, None)])
def test_a_split_divides_at_the_waist(two_lobes, point, other_lobe):
    part = split_at_point(two_lobes, point)
    assert not (part & ~two_lobes).any()
    assert part.sum() == pytest.approx(two_lobes.sum() / 2, rel=0.05)
    columns = np.flatnonzero(part.any(axis=0))
    assert columns.min() >= 19 or columns.max() <= 21
    if other_lobe is not None:
        assert part[11, other_lobe]


def test_a_single_pixel_cannot_be_split():
    assert not split_at_point(np.ones((1, 1), bool)).any()


def test_a_nucleus_without_a_waist_is_halved_across_its_long_axis():
    part = split_at_point(np.ones((6, 20), bool), (3, 10))
    assert part.sum() == 60
    assert part[:, :10].all() or part[:, 10:].all()


def test_a_line_cuts_along_its_direction(two_lobes):
    part = cut_along_line(two_lobes, (-2, 15.5), (26, 15.5))
    np.testing.assert_array_equal(part, two_lobes & (np.arange(44) <= 15))


@pytest.mark.parametrize("line", [((0, 0), (0, 0)), ((-5, 0), (-5, 44)), ((11, 60), (11, 50)), ((0, 43), (23, 43))])
def test_a_line_beside_the_nucleus_cuts_nothing(two_lobes, line):
    assert not cut_along_line(two_lobes, *line).any()
