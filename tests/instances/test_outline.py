"""Outlines of masks."""

import cv2
import numpy as np
import pytest
import shapely

from napari_pathprune.instances.outline import outline


def test_an_outline_filled_gives_the_mask_back(discs):
    mask = np.ascontiguousarray(discs == discs[discs > 0][0]).astype(np.uint8)
    ring = outline(mask, (0, 0))
    again = np.zeros_like(mask)
    cv2.fillPoly(again, [np.rint(ring[:, ::-1]).astype(np.int32)], 1)
    np.testing.assert_array_equal(again, mask)


@pytest.mark.parametrize(
    ("mask", "area"),
    [
        ([[1]], 1.0),
        ([[1, 1]], 2.0),
        ([[1], [1], [1]], 3.0),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], 2 * 2**0.5 + 1),
    ],
)
def test_masks_without_width_get_a_rectangle(mask, area):
    polygon = shapely.Polygon(outline(np.array(mask, np.uint8), (10, 20)))
    assert polygon.is_valid
    assert polygon.area == pytest.approx(area, rel=1e-5)
    centre = 10 + (len(mask) - 1) / 2, 20 + (len(mask[0]) - 1) / 2
    assert (polygon.centroid.x, polygon.centroid.y) == pytest.approx(centre, abs=1e-5)


def test_one_pixel_gets_its_corners():
    corners = outline(np.ones((1, 1), np.uint8), (3, 5))
    assert {tuple(c) for c in corners.tolist()} == {(2.5, 4.5), (2.5, 5.5), (3.5, 4.5), (3.5, 5.5)}


def test_of_several_parts_the_largest_counts():
    mask = np.zeros((9, 9), np.uint8)
    mask[0, 0] = mask[3:8, 3:8] = 1
    assert outline(mask, (0, 0)).min() == 3
