"""Conversion of grey and transparent pixels to RGB on white."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pathprune.slides.colour import RgbLevel, check_pixels, to_rgb


@pytest.mark.parametrize(
    ("pixel", "premultiplied", "rgb"),
    [
        ([7], False, [7, 7, 7]),
        ([0, 255], False, [0, 0, 0]),
        ([0, 0], False, [255, 255, 255]),
        ([1, 2, 3], False, [1, 2, 3]),
        ([0, 100, 255, 102], False, [153, 193, 255]),
        ([0, 40, 102, 102], True, [153, 193, 255]),
        ([200, 200, 200, 100], True, [255, 255, 255]),  # more colour than alpha allows is clipped
    ],
)
def test_pixels_become_rgb_on_white(pixel, premultiplied, rgb):
    image = np.full((2, 3, len(pixel)), pixel, np.uint8)
    assert np.array_equal(to_rgb(image, premultiplied=premultiplied), np.full((2, 3, 3), rgb))


def test_level_is_converted_when_it_is_sliced():
    level = RgbLevel(np.arange(20, dtype=np.uint8).reshape(4, 5))
    assert (level.shape, level.ndim, level.size, level.dtype) == ((4, 5, 3), 3, 60, np.uint8)
    assert level[1:3, 2:4].tolist() == [[[7] * 3, [8] * 3], [[12] * 3, [13] * 3]]


@pytest.mark.parametrize("shape", [(3,), (4, 4, 5), (2, 4, 4, 3), (0, 4, 3)])
def test_shapes_that_are_not_images_are_rejected(shape):
    with pytest.raises(ValueError, match="mine: got"):
        check_pixels(shape, np.uint8, "mine")
