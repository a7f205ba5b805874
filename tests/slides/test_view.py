"""Views at one resolution: overlapping boxes agree, and levels close to the resolution are not resampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slide_files import halve, paint

from napari_pathprune.slides.reader import open_slide, slide_from_arrays

if TYPE_CHECKING:
    from pathlib import Path

FINE = paint(240, 330)
LEVELS = [FINE, halve(FINE), halve(halve(FINE))]

sizes_um = st.sampled_from([0.25, 0.2485, 0.31, 0.499, 0.5, 0.77, 1.0, 1.7]) | st.floats(0.1, 3.0)


@st.composite
def overlapping_boxes(draw):
    """Draw two boxes and their overlap."""
    first, second = ([sorted((draw(st.integers(-30, 120)), draw(st.integers(-30, 120)))) for _ in "yx"] for _ in "ab")
    shared = [(max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(first, second, strict=True)]
    boxes = [(y[0], x[0], y[1], x[1]) for y, x in (first, second, shared)]
    return boxes if all(low < high for low, high in shared) else [boxes[0]] * 3


@given(sizes_um, st.sampled_from([0.25, 0.5, (0.25, 0.24), (0.4, 0.25)]), overlapping_boxes())
def test_overlapping_boxes_have_identical_pixels(mpp, own, boxes):
    view = slide_from_arrays(LEVELS, own).at(mpp)
    (y0, x0, y1, x1), shared = boxes[2], []
    for box in boxes[:2]:
        pixels = view.read(box)
        assert pixels.shape == (box[2] - box[0], box[3] - box[1], 3)
        shared.append(pixels[y0 - box[0] : y1 - box[0], x0 - box[1] : x1 - box[1]])
    assert np.array_equal(shared[0], shared[1])


@given(sizes_um, st.tuples(*[st.integers(0, 250)] * 4))
def test_converted_boxes_are_rounded_outwards_and_stay_inside(mpp, sides):
    view = slide_from_arrays(LEVELS, 0.25).at(mpp)
    y0, y1, x0, x1 = *sorted(sides[:2]), *sorted(sides[2:])
    inside = (min(y0, view.shape[0]), min(x0, view.shape[1]), min(y1, view.shape[0]), min(x1, view.shape[1]))
    there = view.to_level0(inside)
    back = view.from_level0(there)
    assert all(0 <= a <= b <= n for a, b, n in zip(there[:2], there[2:], FINE.shape, strict=False))
    if inside[0] < inside[2] and inside[1] < inside[3]:
        assert back[0] <= inside[0]
        assert back[1] <= inside[1]
        assert back[2] >= inside[2]
        assert back[3] >= inside[3]


@given(sizes_um)
def test_whole_view_covers_the_whole_slide(mpp):
    view = slide_from_arrays(LEVELS, 0.25).at(mpp)
    assert view.to_level0((0, 0, *view.shape)) == (0, 0, 240, 330)
    assert view.from_level0((0, 0, 240, 330)) == (0, 0, *view.shape)


@pytest.mark.parametrize(
    ("own", "mpp", "level", "shape"),
    [
        (0.25, 0.25, 0, (240, 330)),
        (0.2485, 0.25, 0, (240, 330)),
        (0.261, 0.25, 0, (240, 330)),
        (0.25, 0.35, 0, (172, 236)),
        (0.25, 0.5, 1, (120, 165)),
        (0.2485, 0.5, 1, (120, 165)),
        (0.25, 0.75, 1, (80, 110)),
        (0.25, 1.0, 2, (60, 82)),
        (0.25, 4.0, 2, (15, 21)),
        (0.5, 0.25, 0, (480, 660)),
    ],
)
def test_coarsest_level_that_is_fine_enough_is_read(own, mpp, level, shape):
    view = slide_from_arrays(LEVELS, own).at(mpp)
    assert (view.level, view.shape, view.mpp) == (level, shape, mpp)


@pytest.mark.parametrize(("mpp", "level"), [(0.25, 0), (0.26, 0), (0.495, 1), (1.0, 2)])
def test_level_within_five_percent_is_not_resampled(mpp, level):
    view = slide_from_arrays(LEVELS, 0.25).at(mpp)
    assert np.array_equal(view.read((0, 0, *view.shape)), LEVELS[level])


def test_scale_of_such_a_level_is_exactly_one():
    view = slide_from_arrays(LEVELS, (0.2485, 0.251)).at(0.25)
    assert view.scale == (1.0, 1.0)
    assert view.note is None
    assert view.to_level0((3, 5, 100, 200)) == (3, 5, 100, 200)


def test_note_states_both_pixel_sizes():
    note = slide_from_arrays(LEVELS, 0.499).at(0.25).note
    assert note == "slide 0.499 um/px is read at 0.25 um/px, the pixel size of the model"
    assert "0.25 x 0.5 um/px" in str(slide_from_arrays(LEVELS, (0.25, 0.5)).at(1.0).note)


def test_positions_in_um_do_not_depend_on_the_view():
    y, x = np.mgrid[:200, :300]
    disc = np.where((np.hypot(y - 120, x - 80) < 20)[..., None], (100, 0, 100), 255).astype(np.uint8)
    for mpp in (0.11, 0.25, 0.4, 0.5, 0.9, 1.3):
        view = slide_from_arrays([disc, halve(disc)], 0.25).at(mpp)
        dark = (255 - view.read((0, 0, *view.shape))[..., 1]).astype(float)
        centre = [(np.arange(n) + 0.5) @ dark.sum(axis=1 - i) / dark.sum() for i, n in enumerate(view.shape)]
        assert np.allclose(np.divide(centre, view.scale), (120.5, 80.5), atol=0.05)


def test_empty_box_is_read_as_empty():
    assert slide_from_arrays(LEVELS, 0.25).at(0.3).read((5, 5, 5, 9)).shape == (0, 4, 3)


def test_view_needs_positive_pixel_sizes():
    with pytest.raises(ValueError, match="pass mpp in um per pixel"):
        slide_from_arrays(LEVELS).at(0.25)
    for mpp in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="expected a positive number"):
            slide_from_arrays(LEVELS, 0.25).at(mpp)


def test_real_20x_slide_is_read_at_40x(real_slides: Path):
    with open_slide(real_slides / "CMU-1-Small-Region.svs") as slide:
        view = slide.at(0.25)
        assert view.shape == (5923, 4432)
        whole, part = view.read((2000, 1500, 2400, 1900)), view.read((2100, 1650, 2500, 1800))
        assert np.array_equal(whole[100:, 150:300], part[:300])


def test_enlarging_more_than_four_times_is_refused():
    slide = slide_from_arrays([np.zeros((50, 50, 3), np.uint8)], mpp=16.0, name="macro")
    with pytest.raises(ValueError, match=r"macro: got 16 um per pixel, which would be enlarged 64 times"):
        slide.at(0.25)
    assert slide.at(4.0).shape == (200, 200)
