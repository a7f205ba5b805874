"""Every kind of file opens as RGB levels; every bad one says what is wrong with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from slide_files import halved, paint, write_ome, write_pyramid, write_svs

from napari_pathprune.slides.pyramid import TiffLevel
from napari_pathprune.slides.reader import open_slide, slide_from_arrays

if TYPE_CHECKING:
    from pathlib import Path


def whole(slide, level=0):
    h, w = slide.levels[level].shape[:2]
    return slide.read((0, 0, h, w), level)


@pytest.mark.parametrize("compression", ["jpeg", "APERIO_JP2000_RGB"])
def test_aperio_baseline_pyramid_without_its_extras(tmp_path: Path, painting, compression):
    write_svs(tmp_path / "a.svs", painting, compression)
    with open_slide(tmp_path / "a.svs") as slide:
        assert [level.shape for level in slide.levels] == [(300, 410, 3), (150, 205, 3)]
        assert slide.mpp == (0.499, 0.499)
        assert slide.name == "a.svs"
        assert np.abs(whole(slide).astype(int) - painting).mean() < 4
        with tifffile.TiffFile(tmp_path / "a.svs") as tif:
            assert np.array_equal(whole(slide), tif.series[0].levels[0].asarray())
            assert np.array_equal(whole(slide, 1), tif.series[0].levels[1].asarray())


def test_ome_pyramid_in_subifds(tmp_path: Path, painting):
    write_ome(tmp_path / "a.ome.tif", painting)
    with open_slide(tmp_path / "a.ome.tif") as slide:
        assert len(slide.levels) == 3
        assert slide.mpp == (0.25, 0.26)
        assert np.array_equal(whole(slide), painting)
        assert np.array_equal(whole(slide, 1), halved(painting))
        assert slide.downsamples[2] == (4.0, 410 / 102)


def test_tiled_pyramid_of_reduced_pages(tmp_path: Path, painting):
    write_pyramid(tmp_path / "a.tif", painting, resolution=(20000, 20000), resolutionunit="CENTIMETER")
    with open_slide(tmp_path / "a.tif") as slide:
        assert [level.shape[0] for level in slide.levels] == [300, 150, 75]
        assert slide.mpp == (0.5, 0.5)
        assert np.array_equal(whole(slide, 1), halved(painting))


GREY = paint(50, 70)[..., 0]
RGB = paint(50, 70)
ALPHA = np.where(np.arange(70) < 30, 255, 0).astype(np.uint8)[None].repeat(50, 0)
ON_WHITE = np.where(ALPHA[..., None] > 0, RGB, 255)
TABLE = np.stack([np.arange(256)[::-1], np.arange(256), np.arange(256) // 2])
TIFFS = {
    "strips": (RGB, {"photometric": "rgb", "rowsperstrip": 7}, RGB),
    "one strip": (RGB, {"photometric": "rgb", "rowsperstrip": 50, "compression": "lzw", "predictor": True}, RGB),
    "grey": (GREY, {"photometric": "minisblack", "tile": (32, 32)}, GREY[..., None].repeat(3, 2)),
    "white is zero": (GREY, {"photometric": "miniswhite"}, 255 - GREY[..., None].repeat(3, 2)),
    "palette": (GREY, {"photometric": "palette", "colormap": (TABLE * 257).astype(np.uint16)}, TABLE.T[GREY]),
    "separate planes": (RGB.transpose(2, 0, 1), {"photometric": "rgb", "planarconfig": "separate"}, RGB),
    "separate tiles": (
        RGB.transpose(2, 0, 1),
        {"photometric": "rgb", "planarconfig": "separate", "tile": (16, 32)},
        RGB,
    ),
    "alpha": (np.dstack([RGB, ALPHA]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, ON_WHITE),
    "premultiplied alpha": (
        np.dstack([np.where(ALPHA[..., None] > 0, RGB, 0), ALPHA]),
        {"photometric": "rgb", "extrasamples": ["assocalpha"]},
        ON_WHITE,
    ),
    "fourth sample, not alpha": (
        np.dstack([RGB, ALPHA]),
        {"photometric": "rgb", "extrasamples": ["unspecified"]},
        RGB,
    ),
    "three OME channels": (RGB.transpose(2, 0, 1), {"ome": True, "photometric": "minisblack", "tile": (16, 16)}, RGB),
    "one OME channel": (GREY, {"ome": True, "photometric": "minisblack"}, GREY[..., None].repeat(3, 2)),
    "big endian BigTIFF": (RGB, {"photometric": "rgb", "bigtiff": True, "byteorder": ">"}, RGB),
}


@pytest.mark.parametrize("case", TIFFS)
def test_tiff_of_any_layout_becomes_rgb(tmp_path: Path, case):
    pixels, options, expected = TIFFS[case]
    metadata = {"axes": "CYX" if pixels.ndim == 3 else "YX"} if options.get("ome") else None
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata=metadata, **options)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.levels[0].shape == (50, 70, 3)
        assert np.array_equal(whole(slide), expected)
        assert np.array_equal(slide.read((13, 5, 41, 66)), expected[13:41, 5:66])
        assert slide.mpp is None


PICTURES = {
    "rgb.png": (RGB[..., ::-1], RGB),
    "grey.png": (GREY, GREY[..., None].repeat(3, 2)),
    "rgba.png": (np.dstack([RGB[..., ::-1], ALPHA]), ON_WHITE),
    "rgb.bmp": (RGB[..., ::-1], RGB),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(tmp_path: Path, name):
    stored, expected = PICTURES[name]
    cv2.imwrite(str(tmp_path / name), stored)
    slide = open_slide(tmp_path / name, mpp=(0.25, 0.3))
    assert np.array_equal(whole(slide), expected)
    assert slide.mpp == (0.25, 0.3)


def test_jpeg_picture(tmp_path: Path, painting):
    cv2.imwrite(str(tmp_path / "a.jpg"), painting[..., ::-1])
    assert np.abs(whole(open_slide(tmp_path / "a.jpg")).astype(int) - painting).mean() < 4


def test_given_mpp_overrides_the_file(tiny_slide: Path):
    with open_slide(tiny_slide, mpp=0.3) as slide:
        assert slide.mpp == (0.3, 0.3)


def test_missing_tiles_are_white(tmp_path: Path):
    """Scanners skip tiles without tissue: their place in the file is empty."""
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
        pixels = whole(slide)
    assert np.array_equal(pixels[:32, :32], RGB[:32, :32])
    assert (pixels[32:] == 255).all()


def test_aperio_ycbcr_jpeg_2000(tmp_path: Path):
    """Old Aperio files hold YCbCr without saying so anywhere but in the compression tag."""
    turned = cv2.cvtColor(RGB, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    options = {"tile": (32, 32), "photometric": "rgb", "metadata": None}
    tifffile.imwrite(tmp_path / "a.svs", turned, compression="APERIO_JP2000_RGB", description="Aperio", **options)
    with tifffile.TiffFile(tmp_path / "a.svs", mode="r+") as tif:
        tif.pages[0].tags["Compression"].overwrite(33003)
    with open_slide(tmp_path / "a.svs") as slide:
        assert np.abs(whole(slide).astype(int) - RGB).max() <= 2


def bad_files(folder: Path, painting: np.ndarray) -> None:
    (folder / "empty.svs").touch()
    (folder / "folder").mkdir()
    (folder / "text.png").write_text("no image at all, but long enough to be taken for one" * 5)
    (folder / "slide.dcm").write_bytes(bytes(128) + b"DICM" + bytes(100))
    cv2.imwrite(str(folder / "deep.png"), np.full((20, 20, 3), 4000, np.uint16))
    tifffile.imwrite(folder / "deep.tif", np.full((20, 20), 4000, np.uint16))
    tifffile.imwrite(folder / "float.tif", np.ones((20, 20), np.float32))
    tifffile.imwrite(folder / "five.tif", np.ones((5, 64, 64), np.uint8), photometric="minisblack", metadata=None)
    tifffile.imwrite(folder / "z.ome.tif", np.ones((3, 64, 64), np.uint8), metadata={"axes": "ZYX"})
    tifffile.imwrite(folder / "cmyk.tif", np.ones((20, 20, 4), np.uint8), photometric="separated")
    write_svs(folder / "whole.svs", painting)
    data = (folder / "whole.svs").read_bytes()
    (folder / "header.svs").write_bytes(data[:6])
    (folder / "half.svs").write_bytes(data[: len(data) // 2])
    tifffile.imwrite(folder / "whole.tif", painting, tile=(64, 64), photometric="rgb")
    (folder / "tail.tif").write_bytes((folder / "whole.tif").read_bytes()[:-5000])
    cv2.imwrite(str(folder / "whole.png"), painting)
    (folder / "half.png").write_bytes((folder / "whole.png").read_bytes()[:9000])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty.svs", "empty"),
        ("folder", "got a folder, wanted a file"),
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
def test_bad_files_say_what_is_wrong_in_one_line(tmp_path: Path, painting, name, message):
    bad_files(tmp_path, painting)
    with pytest.raises(ValueError, match=message) as caught:
        open_slide(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        open_slide(tmp_path / "nowhere.svs")


def test_damage_inside_is_told_when_it_is_read(tmp_path: Path, painting):
    write_svs(tmp_path / "a.svs", painting)
    with tifffile.TiffFile(tmp_path / "a.svs") as tif:
        offset = tif.pages[0].dataoffsets[-1]
    with (tmp_path / "a.svs").open("r+b") as file:
        file.seek(offset)
        file.write(bytes(200))
    with open_slide(tmp_path / "a.svs") as slide:
        assert slide.read((0, 0, 64, 64)).shape == (64, 64, 3)
        with pytest.raises(ValueError, match="the image is damaged, segment 34 of the 410 x 300 px level"):
            whole(slide)


def test_a_closed_slide_says_so(tiny_slide: Path):
    with open_slide(tiny_slide) as slide:
        pass
    with pytest.raises(ValueError, match="the slide was closed"):
        slide.read((0, 0, 10, 10))


def test_only_the_touched_tiles_are_read_and_only_once(tiny_slide: Path, monkeypatch):
    read = []
    original = TiffLevel._bytes
    monkeypatch.setattr(
        TiffLevel, "_bytes", lambda self, page, index: read.append(index) or original(self, page, index)
    )
    with open_slide(tiny_slide) as slide:
        assert read == []
        slide.read((70, 70, 120, 120))
        slide.read((64, 64, 130, 128))
    assert read == [8, 15]  # 7 tiles a row: the second one of the second row, then the one below


def test_threads_read_what_one_reads(tiny_slide: Path):
    rng = np.random.default_rng(1)
    boxes = [(y, x, y + 90, x + 120) for y, x in rng.integers((0, 0), (210, 290), (60, 2)).tolist()]
    with open_slide(tiny_slide) as slide, open_slide(tiny_slide) as other, ThreadPoolExecutor(8) as pool:
        expected = whole(other)
        for (y0, x0, y1, x1), pixels in zip(boxes, pool.map(slide.read, boxes), strict=True):
            assert np.array_equal(pixels, expected[y0:y1, x0:x1])


def test_levels_are_arrays_to_others(tiny_slide: Path):
    """napari, dask and numpy slice them as they please."""
    with open_slide(tiny_slide) as slide:
        level, pixels = slide.levels[1], whole(slide, 1)
        assert (level.ndim, level.size) == (pixels.ndim, pixels.size)
        assert np.array_equal(np.asarray(level), pixels)
        assert np.array_equal(da.from_array(level, chunks=(64, 64, 3))[10:90, 30:].compute(), pixels[10:90, 30:])
        assert np.array_equal(level[::3, 200:10:-7, 1], pixels[::3, 200:10:-7, 1])
        assert np.array_equal(level[5], pixels[5])
        assert level[40:40, 3:9].shape == (0, 6, 3)


sides = st.integers(-60, 90)


@given(sides, sides, sides, sides)
def test_outside_is_mirrored(a, b, c, d):
    image = np.arange(21 * 34 * 3, dtype=np.uint32).reshape(21, 34, 3).astype(np.uint8)
    y0, y1, x0, x1 = *sorted((a, b)), *sorted((c, d))
    padded = np.pad(image, ((100, 100), (100, 100), (0, 0)), mode="reflect")
    read = slide_from_arrays([image], 0.5).read((y0, x0, y1, x1))
    assert np.array_equal(read, padded[100 + y0 : 100 + y1, 100 + x0 : 100 + x1])


def test_a_single_pixel_is_mirrored_too():
    assert (slide_from_arrays([np.full((1, 1, 3), 9, np.uint8)]).read((-3, -3, 4, 4)) == 9).all()


def test_arrays_with_alpha_are_read_on_white():
    slide = slide_from_arrays([da.from_array(np.dstack([RGB, ALPHA])), halved(GREY)[..., 0]], mpp=0.25)
    assert np.array_equal(whole(slide), ON_WHITE)
    assert slide.levels[1].shape == (25, 35, 3)


@pytest.mark.parametrize(
    ("levels", "mpp", "message"),
    [
        ([], None, "at least one level"),
        ([np.zeros((9, 9, 3))], None, "float64 pixels"),
        ([np.zeros((9, 9, 7), np.uint8)], None, r"shape \(9, 9, 7\)"),
        ([np.zeros((0, 9, 3), np.uint8)], None, "without pixels"),
        ([RGB, RGB], None, "from fine to coarse"),
        ([RGB], 0.0, "positive"),
        ([RGB], (0.5, float("nan")), "positive"),
        ([RGB], "fine", "positive number of um"),
        ([RGB], 1e-9, "wanted 0.01 to 100.0 um"),
        ([RGB], (0.5, 500.0), "got a pixel size of 0.5 x 500 um"),
    ],
)
def test_bad_arrays(levels, mpp, message):
    with pytest.raises(ValueError, match=message):
        slide_from_arrays(levels, mpp)


@pytest.mark.parametrize("box", [(0, 0, -1, 5), (0.5, 0, 1, 1), (0, 0, 5)])
def test_bad_boxes(box):
    with pytest.raises(ValueError, match="a box is"):
        slide_from_arrays([RGB]).read(box)


@pytest.mark.parametrize(
    ("name", "shape", "levels", "mpp"),
    [
        ("CMU-1-Small-Region.svs", (2967, 2220), 1, 0.499),
        ("TCGA-V5-A7RE-11A-01-TS1_region.ome.tif", (7744, 11584), 5, 0.2485),
        ("tcga-cr-7395-01a-01-ts1.svs", (3567, 4443), 2, None),
    ],
)
def test_real_slides(real_slides: Path, name, shape, levels, mpp):
    with open_slide(real_slides / name) as slide, tifffile.TiffFile(real_slides / name) as tif:
        assert slide.shape == shape
        assert len(slide.levels) == levels
        assert slide.mpp == (None if mpp is None else (mpp, mpp))
        expected = tif.series[0].levels[-1].asarray()
        assert np.array_equal(whole(slide, levels - 1), expected)
