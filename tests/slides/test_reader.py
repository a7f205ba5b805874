"""Files of every supported format open as RGB slides, and bad files are rejected with one clear line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import dask.array as da
import numpy as np
import pytest
import tifffile
from slide_files import ALPHA, GREY, ON_WHITE, RGB, halve, read_level, write_svs

from napari_pathprune.slides import reader
from napari_pathprune.slides.reader import open_slide, slide_from_arrays

if TYPE_CHECKING:
    from pathlib import Path


PICTURES = {
    "rgb.png": (RGB[..., ::-1], RGB),
    "grey.png": (GREY, GREY[..., None].repeat(3, 2)),
    "rgba.png": (np.dstack([RGB[..., ::-1], ALPHA]), ON_WHITE),
    "rgb.bmp": (RGB[..., ::-1], RGB),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_become_rgb(tmp_path: Path, name):
    stored, expected = PICTURES[name]
    cv2.imwrite(str(tmp_path / name), stored)
    slide = open_slide(tmp_path / name, mpp=(0.25, 0.3))
    assert np.array_equal(read_level(slide), expected)
    assert slide.mpp == (0.25, 0.3)


def test_jpeg_becomes_rgb(tmp_path: Path, painting):
    cv2.imwrite(str(tmp_path / "a.jpg"), painting[..., ::-1])
    assert np.abs(read_level(open_slide(tmp_path / "a.jpg")).astype(int) - painting).mean() < 4


def test_mpp_argument_overrides_the_file(tiny_slide: Path):
    with open_slide(tiny_slide, mpp=0.3) as slide:
        assert slide.mpp == (0.3, 0.3)


def write_bad_files(folder: Path, painting: np.ndarray) -> None:
    (folder / "empty.svs").touch()
    (folder / "folder").mkdir()
    (folder / "text.png").write_text("not an image, but long enough to be mistaken for one" * 5)
    (folder / "slide.dcm").write_bytes(bytes(128) + b"DICM" + bytes(100))
    cv2.imwrite(str(folder / "deep.png"), np.full((20, 20, 3), 4000, np.uint16))
    tifffile.imwrite(folder / "deep.tif", np.full((20, 20), 4000, np.uint16))
    tifffile.imwrite(folder / "float.tif", np.ones((20, 20), np.float32))
    tifffile.imwrite(folder / "five.tif", np.ones((5, 64, 64), np.uint8), photometric="minisblack", metadata=None)
    tifffile.imwrite(folder / "z.ome.tif", np.ones((3, 64, 64), np.uint8), metadata={"axes": "ZYX"})
    tifffile.imwrite(folder / "cmyk.tif", np.ones((20, 20, 4), np.uint8), photometric="separated")
    write_svs(folder / "complete.svs", painting)
    data = (folder / "complete.svs").read_bytes()
    (folder / "header.svs").write_bytes(data[:6])
    (folder / "half.svs").write_bytes(data[: len(data) // 2])
    tifffile.imwrite(folder / "complete.tif", painting, tile=(64, 64), photometric="rgb")
    (folder / "tail.tif").write_bytes((folder / "complete.tif").read_bytes()[:-5000])
    cv2.imwrite(str(folder / "complete.png"), painting)
    (folder / "half.png").write_bytes((folder / "complete.png").read_bytes()[:9000])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty.svs", "empty"),
        ("folder", "got a folder; expected a file"),
        ("text.png", "not an image"),
        ("slide.dcm", "napari-wsi"),
        ("deep.png", "uint16 pixels; expected 8-bit"),
        ("deep.tif", "uint16 pixels; expected 8-bit"),
        ("float.tif", "float32 pixels; expected 8-bit"),
        ("five.tif", "pick or merge its channels"),
        ("z.ome.tif", "axes ZYX"),
        ("cmyk.tif", "SEPARATED colours"),
        ("header.svs", "truncated"),
        ("half.svs", "truncated"),
        ("tail.tif", "truncated, 5000 bytes are missing"),
        ("half.png", "truncated"),
    ],
)
def test_bad_files_are_rejected_with_one_clear_line(tmp_path: Path, painting, name, message):
    write_bad_files(tmp_path, painting)
    with pytest.raises(ValueError, match=message) as caught:
        open_slide(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("can't allocate memory"), OSError(5, "Input/output error")]
)
def test_memory_and_disks_that_fail_are_no_damage(tiny_slide: Path, monkeypatch, error):
    def fail(*_: object) -> None:
        raise error

    for place, name in ((reader, "open_tiff_levels"), (tifffile, "TiffFile")):
        monkeypatch.setattr(place, name, fail)
        with pytest.raises(type(error)):
            open_slide(tiny_slide)


def test_memory_that_runs_out_in_a_picture_is_no_damage(tmp_path: Path, monkeypatch):
    def fail(*_: object) -> None:
        error = cv2.error("Failed to allocate 8000000000 bytes")
        error.code, error.err = cv2.Error.StsNoMem, "Failed to allocate 8000000000 bytes"
        raise error

    cv2.imwrite(str(tmp_path / "a.png"), RGB)
    monkeypatch.setattr(cv2, "imdecode", fail)
    with pytest.raises(MemoryError):
        open_slide(tmp_path / "a.png")


def test_missing_file_is_reported(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        open_slide(tmp_path / "nowhere.svs")


def test_arrays_with_alpha_are_read_on_white():
    slide = slide_from_arrays([da.from_array(np.dstack([RGB, ALPHA])), halve(GREY)[..., 0]], mpp=0.25)
    assert np.array_equal(read_level(slide), ON_WHITE)
    assert slide.levels[1].shape == (25, 35, 3)


@pytest.mark.parametrize(
    ("levels", "mpp", "message"),
    [
        ([], None, "needs at least one"),
        ([np.zeros((9, 9, 3))], None, "float64 pixels"),
        ([np.zeros((9, 9, 7), np.uint8)], None, r"shape \(9, 9, 7\)"),
        ([np.zeros((0, 9, 3), np.uint8)], None, "without pixels"),
        ([RGB, RGB], None, "sort the levels from fine to coarse"),
        ([RGB], 0.0, "one positive number"),
        ([RGB], (0.5, float("nan")), "one positive number"),
        ([RGB], "fine", "positive number of um, or two"),
        ([RGB], 1e-9, "expected 0.01 to 100.0 um"),
        ([RGB], (0.5, 500.0), "got a pixel size of 0.5 x 500 um"),
    ],
)
def test_bad_arrays_are_rejected(levels, mpp, message):
    with pytest.raises(ValueError, match=message):
        slide_from_arrays(levels, mpp)


@pytest.mark.parametrize(
    ("name", "shape", "levels", "mpp"),
    [
        ("CMU-1-Small-Region.svs", (2967, 2220), 1, 0.499),
        ("TCGA-V5-A7RE-11A-01-TS1_region.ome.tif", (7744, 11584), 5, 0.2485),
        ("tcga-cr-7395-01a-01-ts1.svs", (3567, 4443), 2, None),
    ],
)
def test_real_slides_open(real_slides: Path, name, shape, levels, mpp):
    with open_slide(real_slides / name) as slide, tifffile.TiffFile(real_slides / name) as tif:
        assert slide.shape == shape
        assert len(slide.levels) == levels
        assert slide.mpp == (None if mpp is None else (mpp, mpp))
        expected = tif.series[0].levels[-1].asarray()
        assert np.array_equal(read_level(slide, levels - 1), expected)
