"""Black padding is read as white, dark nuclei stay, and boxes that overlap agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slide_files import paint

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
        image[draw_margins(kind, (300, 300))] = 3
    view = slide_from_arrays([image], mpp=0.25).at(0.25)
    whole = view.read((0, 0, 300, 300))
    (y, x), (h, w) = corner, size
    assert np.array_equal(view.read((y, x, y + h, x + w)), whole[y : y + h, x : x + w])


def test_sides_follow_the_pixel_size():
    assert [choose_side_px(mpp) for mpp in (None, 0.25, 0.125, 4.0)] == [32, 32, 64, 12]
    assert not find_padding(np.full((50, 50, 3), 13, np.uint8), 12).any()
