"""Levels are compared by their shapes and by their pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from slide_files import halve, paint

from napari_pathprune.slides.level_fit import compare_levels, find_padded_shapes, is_even_factor
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.slides.tissue import find_tissue

IMAGE = paint(600, 800)


def reduce(image: np.ndarray, factor: float) -> np.ndarray:
    size = int(image.shape[1] / factor), int(image.shape[0] / factor)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("factor", [1.5, 2, 3, 4, 10])
@pytest.mark.parametrize("method", [cv2.INTER_AREA, cv2.INTER_NEAREST])
def test_any_factor_fits(factor, method):
    coarser = cv2.resize(IMAGE, (int(800 / factor), int(600 / factor)), interpolation=method)
    assert is_even_factor(IMAGE.shape[:2], coarser.shape[:2])
    assert slide_from_arrays([IMAGE, coarser]).fits(1)


@pytest.mark.parametrize("cut", [(0, 1), (1, 0), (1, 1)])
def test_a_level_may_be_off_by_a_pixel(cut):
    coarser = halve(IMAGE)[: 300 - cut[0], : 400 - cut[1]]
    assert is_even_factor(IMAGE.shape[:2], coarser.shape[:2])
    assert slide_from_arrays([IMAGE, coarser]).fits(1)


@pytest.mark.parametrize("other", [paint(300, 400, seed=5), halve(IMAGE)[::-1], halve(IMAGE)[:, ::-1]])
def test_a_level_of_another_image_is_not_used(other):
    slide = slide_from_arrays([IMAGE, other, halve(halve(IMAGE))], mpp=0.25)
    assert [slide.fits(level) for level in range(3)] == [True, False, True]
    assert slide.at(0.5).level == 0
    assert slide.list_notes() == ("the level of 400 x 300 px shows another image and is not used",)
    assert slide.at(1.0).level == 2


def test_tissue_is_not_searched_on_a_level_of_another_image():
    glass = np.full((150, 200, 3), 243, np.uint8)
    glass[:20, :20] = paint(20, 20)
    slide = slide_from_arrays([IMAGE, halve(IMAGE), glass], mpp=0.5)
    assert find_tissue(slide).coverage((0, 0, 600, 800)) == 1.0


def test_padded_arrays_with_little_tissue_are_recognized():
    """The tissue lies between the windows that are compared first."""
    image = np.full((2304, 2304, 3), 243, np.uint8)
    image[-300:, -300:] = paint(300, 300)
    padded = np.pad(halve(image), ((0, 128), (0, 128), (0, 0)), constant_values=255)
    slide = slide_from_arrays([image, padded], mpp=0.25)
    assert not slide.fits(1)
    assert find_tissue(slide).coverage((2004, 2004, 2304, 2304)) > 0.98


def test_a_level_without_texture_fits():
    slide = slide_from_arrays([np.full((200, 200, 3), 243, np.uint8), np.full((100, 100, 3), 240, np.uint8)])
    assert slide.fits(1)
    assert compare_levels(slide.levels[0], slide.levels[1], [(100, 100)]) == [None]


def test_padded_shapes_are_powers_of_two():
    assert find_padded_shapes((4608, 5632), (1024, 1024), (512, 512)) == [(576, 704)]
    assert find_padded_shapes((4096, 4096), (512, 512), (512, 512)) == [
        (256, 256),
        (128, 128),
        (64, 64),
        (32, 32),
        (16, 16),
        (8, 8),
        (4, 4),
        (2, 2),
    ]
    assert find_padded_shapes((4608, 4608), (1500, 1500), (512, 512)) == []
