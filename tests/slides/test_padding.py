"""Black padding is read as white, dark nuclei stay, and boxes that overlap agree."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slide_files import halve, paint

from napari_pathprune.slides.padding import choose_side_px, find_padding
from napari_pathprune.slides.reader import slide_from_arrays


def draw_margins(kind: str, shape: tuple[int, int]) -> np.ndarray:
    """Return (h, w) bool, the pixels where nothing was scanned."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return {
        "corner": (y < 90) & (x < 120),
        "frame": (y < 50) | (y >= shape[0] - 40) | (x < 60) | (x >= shape[1] - 70),
        "stripe": (x >= 150) & (x < 156),
        "hole": np.hypot(y - 150, x - 200) < 40,
        "rotated": y + x < 180,
    }[kind]


@pytest.mark.parametrize("kind", ["corner", "frame", "stripe", "hole", "rotated"])
@pytest.mark.parametrize("scale", [1.0, 0.7, 2.0])
def test_black_margins_are_read_as_white_ones(kind, scale):
    image = paint(300, 410)
    margins = draw_margins(kind, image.shape[:2])
    black, white = (np.where(margins[..., None], np.uint8(fill), image) for fill in (0, 255))
    views = [slide_from_arrays([pixels], mpp=0.25).at(0.25 / scale) for pixels in (black, white)]
    first, second = (view.read((-20, -20, view.shape[0] + 20, view.shape[1] + 20)) for view in views)
    assert np.array_equal(first, second)


def test_noise_of_jpeg_is_black_too():
    rng = np.random.default_rng(0)
    image = paint(300, 300)
    image[:, 160:] = rng.integers(0, 9, (300, 140, 3))
    image[:, 160:163] = 25
    view = slide_from_arrays([image], mpp=0.25).at(0.25)
    assert (view.read((0, 160, 300, 300)) == 255).all()
    assert np.array_equal(view.read((0, 0, 300, 160)), image[:, :160])


@pytest.mark.parametrize("kind", ["frame", "hole", "rotated"])
def test_mixtures_with_padding_in_a_reduced_level_are_white(kind):
    """Else a dark line runs along the padding, which hides nuclei."""
    image = paint(300, 410)
    margins = np.roll(draw_margins(kind, (300, 410)), 1, axis=(0, 1))
    black, white = (np.where(margins[..., None], np.uint8(fill), image) for fill in (0, 255))
    first, second = (slide_from_arrays([pixels, halve(pixels)], mpp=0.25).at(0.5) for pixels in (black, white))
    seen, expected = (view.read((0, 0, *view.shape)).astype(int) for view in (first, second))
    assert first.level == 1
    assert ((expected - seen) > 0).any(axis=2).sum() <= 4, "nothing is darker than beside white, but at pointed corners"
    near = beside(halve(np.uint8(margins[..., None].repeat(3, 2) * 255))[..., 0] > 0)
    assert np.array_equal(seen[~near], expected[~near])
    assert np.array_equal(first.read((60, 70, 110, 130)), first.read((0, 0, *first.shape))[60:110, 70:130])


def beside(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask and their neighbours."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


@pytest.mark.parametrize("colour", [(0, 0, 0), (6, 4, 9), (30, 20, 50)])
def test_dark_nuclei_stay(colour):
    image = paint(300, 300)
    y, x = np.mgrid[:300, :300]
    image[np.hypot(y - 150, x - 140) < 18] = colour  # 9 um
    image[np.hypot((y - 60) / 2, x - 60) < 9] = colour
    view = slide_from_arrays([image], mpp=0.25).at(0.25)
    assert np.array_equal(view.read((0, 0, 300, 300)), image)


@given(st.tuples(*[st.integers(0, 200)] * 2), st.tuples(*[st.integers(1, 90)] * 2))
def test_boxes_that_overlap_have_the_same_pixels(corner, size):
    image = paint(300, 300)
    for kind in ("rotated", "hole", "stripe"):
        margins = draw_margins(kind, (300, 300))
        image[beside(margins) & ~margins] = 20  # as JPEG does
        image[margins] = 3
    (y, x), (h, w) = corner, size
    for mpp in (0.25, 0.5):
        view = slide_from_arrays([image, halve(image)], mpp=0.25).at(mpp)
        whole = view.read((0, 0, *view.shape))
        expected = whole[y : y + h, x : x + w]
        assert np.array_equal(view.read((y, x, y + expected.shape[0], x + expected.shape[1])), expected)


def test_sides_follow_the_pixel_size():
    assert [choose_side_px(mpp) for mpp in (None, 0.25, 0.125, 4.0)] == [32, 32, 64, 12]
    assert not find_padding(np.full((50, 50, 3), 13, np.uint8), 12).any()
