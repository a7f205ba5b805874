"""Levels of TIFF files: which segments are decoded, and how they can be sliced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import dask.array as da
import numpy as np
import pytest
import tifffile
from slide_files import RGB, read_level, write_svs

from napari_pathprune.slides.reader import open_slide
from napari_pathprune.slides.tiff.tiff_level import TiffLevel

if TYPE_CHECKING:
    from pathlib import Path


def test_missing_tiles_are_white(tmp_path: Path):
    """Scanners leave out tiles without tissue."""
    tiles = (RGB[:32, :32] if i == 0 else None for i in range(4))
    tifffile.imwrite(
        tmp_path / "a.tif",
        tiles,
        shape=(64, 64, 3),
        dtype=np.uint8,
        tile=(32, 32),
        photometric="rgb",
        compression="lzw",
    )
    with open_slide(tmp_path / "a.tif") as slide:
        pixels = read_level(slide)
    assert np.array_equal(pixels[:32, :32], RGB[:32, :32])
    assert (pixels[32:] == 255).all()


def test_ycbcr_of_old_aperio_files_is_converted(tmp_path: Path):
    """Old Aperio files hold YCbCr and state it in the compression tag alone."""
    turned = cv2.cvtColor(RGB, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    options = {"tile": (32, 32), "photometric": "rgb", "metadata": None}
    tifffile.imwrite(tmp_path / "a.svs", turned, compression="APERIO_JP2000_RGB", description="Aperio", **options)
    with tifffile.TiffFile(tmp_path / "a.svs", mode="r+") as tif:
        tif.pages[0].tags["Compression"].overwrite(33003)
    with open_slide(tmp_path / "a.svs") as slide:
        assert np.abs(read_level(slide).astype(int) - RGB).max() <= 2


def test_damaged_segment_is_reported_when_it_is_read(tmp_path: Path, painting):
    write_svs(tmp_path / "a.svs", painting)
    with tifffile.TiffFile(tmp_path / "a.svs") as tif:
        offset = tif.pages[0].dataoffsets[-1]
    with (tmp_path / "a.svs").open("r+b") as file:
        file.seek(offset)
        file.write(bytes(200))
    with open_slide(tmp_path / "a.svs") as slide:
        assert slide.read((0, 0, 64, 64)).shape == (64, 64, 3)
        with pytest.raises(ValueError, match="the image is damaged, segment 34 of the 410 x 300 px level"):
            read_level(slide)


def test_closed_slide_cannot_be_read(tiny_slide: Path):
    with open_slide(tiny_slide) as slide:
        pass
    with pytest.raises(ValueError, match="the slide was closed"):
        slide.read((0, 0, 10, 10))


def test_only_touched_segments_are_read_and_only_once(tiny_slide: Path, monkeypatch):
    read = []
    original = TiffLevel._read_bytes
    monkeypatch.setattr(
        TiffLevel, "_read_bytes", lambda self, page, index: read.append(index) or original(self, page, index)
    )
    with open_slide(tiny_slide) as slide:
        assert read == []
        slide.read((70, 70, 120, 120))
        slide.read((64, 64, 130, 128))
    assert read == [8, 15]  # 7 tiles per row: the second tile of the second row, then the one below


def test_several_threads_read_the_same_pixels(tiny_slide: Path):
    rng = np.random.default_rng(1)
    boxes = [(y, x, y + 90, x + 120) for y, x in rng.integers((0, 0), (210, 290), (60, 2)).tolist()]
    with open_slide(tiny_slide) as slide, open_slide(tiny_slide) as other, ThreadPoolExecutor(8) as pool:
        expected = read_level(other)
        for (y0, x0, y1, x1), pixels in zip(boxes, pool.map(slide.read, boxes), strict=True):
            assert np.array_equal(pixels, expected[y0:y1, x0:x1])


def test_levels_can_be_sliced_like_arrays(tiny_slide: Path):
    with open_slide(tiny_slide) as slide:
        level, pixels = slide.levels[1], read_level(slide, 1)
        assert (level.ndim, level.size) == (pixels.ndim, pixels.size)
        assert np.array_equal(np.asarray(level), pixels)
        assert np.array_equal(da.from_array(level, chunks=(64, 64, 3))[10:90, 30:].compute(), pixels[10:90, 30:])
        assert np.array_equal(level[::3, 200:10:-7, 1], pixels[::3, 200:10:-7, 1])
        assert np.array_equal(level[5], pixels[5])
        assert level[40:40, 3:9].shape == (0, 6, 3)
