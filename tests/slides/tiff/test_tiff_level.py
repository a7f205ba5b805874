"""Levels of TIFF files: which segments are decoded, and how they can be sliced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import dask.array as da
import numpy as np
import pytest
import tifffile
from slide_files import RGB, halve, read_level, write_svs

from napari_pathprune.slides.reader import open_slide
from napari_pathprune.slides.tiff.segment_cache import SegmentCache
from napari_pathprune.slides.tiff.tiff_level import TiffLevel
from napari_pathprune.slides.tissue import find_tissue

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


def break_segments(path: Path, page: int, segments: list[int]) -> None:
    """Overwrite the start of some segments."""
    with tifffile.TiffFile(path) as tif:
        places = [(tif.pages[page].dataoffsets[index], tif.pages[page].databytecounts[index]) for index in segments]
    with path.open("r+b") as file:
        for offset, count in places:
            file.seek(offset)
            file.write(bytes([17] * min(count, 200)))


def test_broken_segment_is_white_and_remembered(tmp_path: Path, painting):
    write_svs(tmp_path / "a.svs", painting)
    with open_slide(tmp_path / "a.svs") as slide:
        sound = read_level(slide)
    break_segments(tmp_path / "a.svs", 0, [8, 34])
    with open_slide(tmp_path / "a.svs") as slide:
        assert slide.list_damaged() == ()
        pixels = read_level(slide)
        assert slide.list_damaged() == ((64, 64, 128, 128), (256, 384, 300, 410))
        for y0, x0, y1, x1 in slide.list_damaged():
            assert (pixels[y0:y1, x0:x1] == 255).all()
            sound[y0:y1, x0:x1] = 255
        assert np.array_equal(pixels, sound)


@pytest.mark.parametrize("kind", ["separate", "palette", "alpha"])
def test_broken_segments_of_any_layout_are_white(tmp_path: Path, kind):
    pixels, options = {
        "separate": (RGB.transpose(2, 0, 1), {"photometric": "rgb", "planarconfig": "separate"}),
        "palette": (RGB[..., 0], {"photometric": "palette", "colormap": np.full((3, 256), 9000, np.uint16)}),
        "alpha": (np.dstack([RGB, RGB[..., 0]]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    }[kind]
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(16, 32), compression="zlib", metadata=None, **options)
    break_segments(tmp_path / "a.tif", 0, [4])
    with open_slide(tmp_path / "a.tif") as slide:
        assert (read_level(slide)[16:32, 32:64] == 255).all()
        assert slide.list_damaged() == ((16, 32, 32, 64),)
        assert not (read_level(slide)[:16] == 255).all()


def test_broken_segment_of_a_coarse_level_is_read_from_the_finer_one(tmp_path: Path, painting):
    write_svs(tmp_path / "a.svs", painting)
    with open_slide(tmp_path / "a.svs") as slide:
        expected = read_level(slide, 1).astype(int)
    break_segments(tmp_path / "a.svs", 2, [1, 5])
    with open_slide(tmp_path / "a.svs") as slide:
        found = slide.read((-10, -10, 160, 210), 1)[10:160, 10:215].astype(int)
        assert slide.list_damaged(1) == ((0, 64, 64, 128), (64, 64, 128, 128))
        assert np.abs(found - expected).mean() < 2
        assert slide.fits(1)


def test_one_broken_tile_among_tiles_that_are_left_out_is_white(tmp_path: Path):
    tiles = (RGB[:32, :32] if i in {0, 30, 31} else None for i in range(100))
    options = {"shape": (320, 320, 3), "dtype": np.uint8, "tile": (32, 32), "photometric": "rgb", "compression": "zlib"}
    tifffile.imwrite(tmp_path / "a.tif", tiles, **options)
    break_segments(tmp_path / "a.tif", 0, [0, 30])
    with open_slide(tmp_path / "a.tif") as slide:
        pixels = read_level(slide)
        assert slide.list_damaged() == ((0, 0, 32, 32), (96, 0, 128, 32))
    assert np.array_equal(pixels[96:128, 32:64], RGB[:32, :32])


@pytest.mark.parametrize("tag", ["TileOffsets", "TileByteCounts"])
def test_a_tile_that_lies_behind_the_end_of_the_file_is_broken(tmp_path: Path, painting, tag):
    write_svs(tmp_path / "a.svs", painting)
    with tifffile.TiffFile(tmp_path / "a.svs", mode="r+") as tif:
        values = list(tif.pages[0].tags[tag].value)
        values[8] = 2**30
        tif.pages[0].tags[tag].overwrite(values)
    with open_slide(tmp_path / "a.svs") as slide:
        read_level(slide)
        assert slide.list_damaged() == ((64, 64, 128, 128),)


@pytest.mark.parametrize("padded", [False, True])
def test_a_coarse_level_that_cannot_be_read_at_all_is_not_used(tmp_path: Path, painting, padded):
    levels = [painting, halve(painting), halve(halve(painting))]
    if padded:  # so that the level is compared when the file is opened
        levels[1] = np.pad(levels[1], ((0, 42), (0, 51), (0, 0)), constant_values=255)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for level in levels:
            options = {"tile": (64, 64), "photometric": "rgb", "compression": "jpeg", "metadata": None}
            tif.write(level, subfiletype=int(level is not painting), **options)
    break_segments(tmp_path / "a.tif", 1, list(range(12)))
    with open_slide(tmp_path / "a.tif", mpp=0.25) as slide:
        view = slide.at(0.5)
        assert view.level == 0
        assert find_tissue(slide).mask.mean() > 0.9
        assert slide.at(1.0).level == len(slide.levels) - 1
        assert slide.list_notes() == (
            f"the level of {levels[1].shape[1]} x {levels[1].shape[0]} px cannot be read and is not used",
        )


def test_an_image_that_cannot_be_read_at_all_is_refused(tmp_path: Path, painting):
    write_svs(tmp_path / "a.svs", painting)
    break_segments(tmp_path / "a.svs", 0, list(range(35)))
    with open_slide(tmp_path / "a.svs") as slide, pytest.raises(ValueError, match=r"segment 0 .* nor can others"):
        read_level(slide)


def test_memory_and_disks_that_fail_are_no_damage(tiny_slide: Path, monkeypatch):
    errors = [MemoryError(), RuntimeError("can't allocate memory"), OSError(5, "Input/output error")]
    errors += [RuntimeError("imcd_lzw_decode returned IMCD_MEMORY_ERROR"), cv2.error("Failed to allocate 9 bytes")]
    for error in errors:
        monkeypatch.setattr(TiffLevel, "_read_bytes", lambda *_, error=error: (_ for _ in ()).throw(error))
        with open_slide(tiny_slide) as slide, pytest.raises(type(error)):
            read_level(slide)


def test_missing_tile_of_a_palette_image_is_white(tmp_path: Path):
    tiles = (RGB[:32, :32, 0] if i == 0 else None for i in range(4))
    colours = np.full((3, 256), 9000, np.uint16)
    options = {"photometric": "palette", "colormap": colours, "compression": "zlib", "tile": (32, 32)}
    tifffile.imwrite(tmp_path / "a.tif", tiles, shape=(64, 64), dtype=np.uint8, **options)
    with open_slide(tmp_path / "a.tif") as slide:
        pixels = read_level(slide)
    assert (pixels[:32, :32] == 9000 >> 8).all()
    assert (pixels[32:] == 255).all()
    assert (pixels[:, 32:] == 255).all()


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


@pytest.mark.parametrize("kind", ["one strip", "strips", "separate", "white is zero"])
def test_strips_without_compression_are_read_row_by_row(tmp_path: Path, painting, monkeypatch, kind):
    pixels, options = {
        "one strip": (painting, {"rowsperstrip": 300, "photometric": "rgb"}),
        "strips": (painting, {"rowsperstrip": 7, "photometric": "rgb"}),
        "separate": (painting.transpose(2, 0, 1), {"photometric": "rgb", "planarconfig": "separate"}),
        "white is zero": (255 - painting[..., 0], {"photometric": "miniswhite"}),
    }[kind]
    expected = painting if pixels.ndim == 3 else painting[..., :1].repeat(3, axis=2)
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata=None, **options)
    seen = []
    original = TiffLevel._read_bytes

    def record(level: TiffLevel, page: tifffile.TiffPage, index: int) -> bytes | None:
        seen.append(original(level, page, index))
        return seen[-1]

    monkeypatch.setattr(TiffLevel, "_read_bytes", record)
    with open_slide(tmp_path / "a.tif") as slide:
        assert np.array_equal(slide.read((100, 30, 110, 90)), expected[100:110, 30:90])
        assert sum(map(len, seen)) <= pixels.size / 4
        assert np.array_equal(read_level(slide), expected)
        assert np.array_equal(slide.read((290, 400, 310, 420))[:10, :10], expected[290:, 400:])


def test_colours_in_one_strip_each_are_decoded_once(tmp_path: Path, painting, monkeypatch):
    options = {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib", "rowsperstrip": 300}
    tifffile.imwrite(tmp_path / "a.tif", painting.transpose(2, 0, 1), metadata=None, **options)
    monkeypatch.setattr(SegmentCache.__init__, "__defaults__", (1,))
    decoded = []
    original = TiffLevel._decode_segment
    monkeypatch.setattr(TiffLevel, "_decode_segment", lambda *args: decoded.append(args[-1]) or original(*args))
    with open_slide(tmp_path / "a.tif") as slide:
        for y in range(0, 200, 50):
            assert np.array_equal(slide.read((y, 30, y + 40, 90)), painting[y : y + 40, 30:90])
    assert decoded == [0, 1, 2]
