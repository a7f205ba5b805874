"""Pictures and instance maps are found by any of their endings, and a mask is not taken for an instance map."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_pathprune.datasets.layouts.label_files import list_pictures, read_map
from napari_pathprune.datasets.read_images import read_images


@pytest.mark.parametrize("ending", [".png", ".PNG", ".tif", ".TIFF", ".jpg", ".bmp"])
@pytest.mark.parametrize(("parts", "map_ending"), [(("images", "labels"), ".tif"), (("Images", "Masks"), ".png")])
def test_other_endings_and_folders_are_read(
    tmp_path: Path, two_discs: NDArray[np.int32], ending: str, parts: tuple[str, str], map_ending: str
) -> None:
    for part in parts:
        (tmp_path / part).mkdir()
    cv2.imwrite(str(tmp_path / parts[0] / f"a{ending}"), np.zeros((64, 80, 3), np.uint8))
    cv2.imwrite(str(tmp_path / parts[1] / f"a{map_ending}"), two_discs.astype(np.uint16))
    (image,) = read_images(tmp_path)
    np.testing.assert_array_equal(image.instances, two_discs)


def test_numpy_maps_are_read(tmp_path: Path, two_discs: NDArray[np.int32]) -> None:
    np.save(tmp_path / "a.npy", two_discs)
    np.testing.assert_array_equal(read_map(tmp_path / "a.npy", two_discs.shape), two_discs)


def test_files_that_are_not_read_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.png", "b.webp", "c.gif", ".hidden"):
        (tmp_path / name).touch()
    with caplog.at_level(logging.WARNING):
        assert list(list_pictures(tmp_path)) == ["a"]
    assert "2 files that are not read, such as b.webp" in caplog.text
    (tmp_path / "a.tif").touch()
    with pytest.raises(ValueError, match="have the same name"):
        list_pictures(tmp_path)


@pytest.mark.parametrize("value", [1, 255])
def test_a_binary_mask_is_refused(tmp_path: Path, value: int) -> None:
    mask = np.zeros((64, 80), np.uint8)
    for start in (5, 25, 45):
        mask[start : start + 10, 5:15] = value
    tifffile.imwrite(tmp_path / "a.tif", mask)
    with pytest.raises(ValueError, match=rf"mask of 0 and {value} with 3 separate areas.*skimage\.measure\.label"):
        read_map(tmp_path / "a.tif", mask.shape)


def test_a_single_nucleus_and_no_nucleus_are_maps(tmp_path: Path) -> None:
    for value in (0, 1, 255):
        single = np.zeros((64, 80), np.uint8)
        single[5:15, 5:15] = value
        tifffile.imwrite(tmp_path / "a.tif", single)
        assert read_map(tmp_path / "a.tif", single.shape).max() == value
