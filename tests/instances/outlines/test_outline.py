"""Outlines of masks."""

import numpy as np
import pytest
import shapely

from napari_pathprune.instances.outlines.outline import trace_outline


def test_outline_encloses_the_pixels_of_the_mask(discs):
    mask = np.ascontiguousarray(discs == discs[discs > 0][0]).astype(np.uint8)
    polygon = shapely.Polygon(trace_outline(mask, (0, 0)))
    y, x = np.indices(mask.shape)
    np.testing.assert_array_equal(shapely.contains_xy(polygon, y, x), mask > 0)
    assert polygon.area == pytest.approx(mask.sum(), rel=0.03)


@pytest.mark.parametrize("side", [2, 3, 15])
def test_outline_of_a_square_has_the_area_of_its_pixels(side):
    assert shapely.Polygon(trace_outline(np.ones((side, side), np.uint8), (4, 0))).area == side**2


@pytest.mark.parametrize(
    ("mask", "area"),
    [
        ([[1]], 1.0),
        ([[1, 1]], 2.0),
        ([[1], [1], [1]], 3.0),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], 2 * 2**0.5 + 1),
    ],
)
def test_outline_of_a_line_is_a_rectangle(mask, area):
    polygon = shapely.Polygon(trace_outline(np.array(mask, np.uint8), (10, 20)))
    assert polygon.is_valid
    assert polygon.area == pytest.approx(area, rel=1e-5)
    centre = 10 + (len(mask) - 1) / 2, 20 + (len(mask[0]) - 1) / 2
    assert (polygon.centroid.x, polygon.centroid.y) == pytest.approx(centre, abs=1e-5)


def test_outline_of_a_pixel_has_its_corners():
    corners = trace_outline(np.ones((1, 1), np.uint8), (3, 5))
    assert {tuple(c) for c in corners.tolist()} == {(2.5, 4.5), (2.5, 5.5), (3.5, 4.5), (3.5, 5.5)}


def test_largest_of_several_parts_is_traced():
    mask = np.zeros((9, 9), np.uint8)
    mask[0, 0] = mask[3:8, 3:8] = 1
    assert trace_outline(mask, (0, 0)).min() == 2.5
