"""Pictures come from annotated folders, from pictures and from slides, at the model's pixel size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.workflows.evaluate.shift_pictures import MOST_WINDOWS, SAMPLE, WINDOW_PX, list_pictures


def test_annotated_images_are_read_whole(annotated_folder: Path) -> None:
    pictures = list_pictures(annotated_folder, 0.25)
    assert [one.name for one in pictures] == ["one", "two"]
    assert pictures[0].read().shape == (140, 150, 3)
    assert [one.name for one in list_pictures(annotated_folder, 0.25, only=["two"])] == ["two"]
    assert list_pictures(annotated_folder, 0.25, zoom=2.0)[0].read().shape == (280, 300, 3)


def test_slides_give_windows_of_tissue_without_data_those_of_the_packaged_one() -> None:
    pictures = list_pictures(None, 0.25)
    assert len(pictures) == MOST_WINDOWS
    assert all(one.name.startswith(SAMPLE) for one in pictures)
    pixels = pictures[0].read()
    assert 0.7 * WINDOW_PX < min(pixels.shape[:2]) <= max(pixels.shape[:2]) <= WINDOW_PX
    assert pixels.mean() < 235  # not glass
    named = list_pictures(packaged_file(SAMPLE), 0.25)
    assert [one.name for one in named] == [one.name for one in pictures]


def test_a_picture_that_states_no_pixel_size_has_that_of_the_model(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (90, 80, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels[..., ::-1])
    (picture,) = list_pictures(tmp_path / "a.png", 0.5)
    assert np.array_equal(picture.read(), pixels)
