"""Boxes read from a slide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slide_files import RGB

from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.slides.slide import Slide

sides = st.integers(-60, 90)


@given(sides, sides, sides, sides)
def test_pixels_outside_the_slide_are_mirrored(a, b, c, d):
    image = np.arange(21 * 34 * 3, dtype=np.uint32).reshape(21, 34, 3).astype(np.uint8)
    y0, y1, x0, x1 = *sorted((a, b)), *sorted((c, d))
    padded = np.pad(image, ((100, 100), (100, 100), (0, 0)), mode="reflect")
    read = slide_from_arrays([image], 0.5).read((y0, x0, y1, x1))
    assert np.array_equal(read, padded[100 + y0 : 100 + y1, 100 + x0 : 100 + x1])


def test_single_pixel_is_repeated():
    assert (slide_from_arrays([np.full((1, 1, 3), 9, np.uint8)]).read((-3, -3, 4, 4)) == 9).all()


@pytest.mark.parametrize("box", [(0, 0, -1, 5), (0.5, 0, 1, 1), (0, 0, 5)])
def test_bad_boxes_are_rejected(box):
    with pytest.raises(ValueError, match="a box is"):
        slide_from_arrays([RGB]).read(box)


class Handle:
    is_open = True

    def close(self):
        self.is_open = False


def test_with_statement_closes_the_file():
    handle = Handle()
    with Slide((RGB,), None, "open", handle=handle):
        assert handle.is_open
    assert not handle.is_open


def test_downsamples_follow_from_the_shapes():
    slide = Slide((RGB, RGB[::2, ::4]), (0.5, 0.25), "two levels")
    assert slide.shape == (50, 70)
    assert slide.downsamples == ((1.0, 1.0), (2.0, 70 / 18))
