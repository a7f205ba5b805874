"""The levels of the slide in TIFF files of every layout."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import tifffile
from slide_files import ALPHA, GREY, ON_WHITE, RGB, halve, paint, read_level, write_ome, write_pyramid, write_svs

from napari_pathprune.slides.reader import open_slide

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("compression", ["jpeg", "APERIO_JP2000_RGB"])
def test_aperio_pyramid_without_label_macro_and_thumbnail(tmp_path: Path, painting, compression):
    write_svs(tmp_path / "a.svs", painting, compression)
    with open_slide(tmp_path / "a.svs") as slide:
        assert [level.shape for level in slide.levels] == [(300, 410, 3), (150, 205, 3)]
        assert slide.mpp == (0.499, 0.499)
        assert slide.name == "a.svs"
        assert np.abs(read_level(slide).astype(int) - painting).mean() < 4
        with tifffile.TiffFile(tmp_path / "a.svs") as tif:
            assert np.array_equal(read_level(slide), tif.series[0].levels[0].asarray())
            assert np.array_equal(read_level(slide, 1), tif.series[0].levels[1].asarray())


def test_ome_pyramid_in_subifds(tmp_path: Path, painting):
    write_ome(tmp_path / "a.ome.tif", painting)
    with open_slide(tmp_path / "a.ome.tif") as slide:
        assert len(slide.levels) == 3
        assert slide.mpp == (0.25, 0.26)
        assert np.array_equal(read_level(slide), painting)
        assert np.array_equal(read_level(slide, 1), halve(painting))
        assert slide.downsamples[2] == (4.0, 410 / 102)


def test_tiled_pyramid_of_reduced_pages(tmp_path: Path, painting):
    write_pyramid(tmp_path / "a.tif", painting, resolution=(20000, 20000), resolutionunit="CENTIMETER")
    with open_slide(tmp_path / "a.tif") as slide:
        assert [level.shape[0] for level in slide.levels] == [300, 150, 75]
        assert slide.mpp == (0.5, 0.5)
        assert np.array_equal(read_level(slide, 1), halve(painting))


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
    "three OME channels in strips": (RGB.transpose(2, 0, 1), {"ome": True, "photometric": "minisblack"}, RGB),
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
        assert np.array_equal(read_level(slide), expected)
        assert np.array_equal(slide.read((13, 5, 41, 66)), expected[13:41, 5:66])
        assert slide.mpp is None


@pytest.mark.parametrize("shape", [(9, 9), (9, 11), (17, 18), (8, 8)])
@pytest.mark.parametrize("marked", [True, False])
def test_levels_padded_to_whole_tiles_are_cut_to_the_image(tmp_path: Path, shape, marked):
    """Philips pads every level, so that the sides of a level of a quarter may be a third of the first one."""
    image = paint(shape[0] * 32, shape[1] * 32)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        level, levels = image, []
        while min(level.shape[:2]) > 16:
            levels.append(level)
            h, w = level.shape[:2]
            padded = np.pad(level, ((0, -h % 32), (0, -w % 32), (0, 0)), constant_values=255)
            tif.write(
                padded, tile=(32, 32), photometric="rgb", metadata=None, subfiletype=int(marked and len(levels) > 1)
            )
            level = halve(level)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.shape == image.shape[:2]
        assert {factors[0] for factors in slide.downsamples} <= {1.0, 2.0, 4.0, 8.0, 16.0}
        for number, factors in enumerate(slide.downsamples):
            expected = levels[round(np.log2(factors[0]))]
            assert np.array_equal(read_level(slide, number), expected)
        if marked:
            assert len(slide.levels) >= len(levels) - 1  # the last one may be too small to be recognized


@pytest.mark.parametrize("fill", [0, 255])
@pytest.mark.parametrize("rounding", [math.floor, math.ceil])
@pytest.mark.parametrize(("shape", "factors"), [((501, 643), (2, 4, 8)), ((900, 1100), (4, 16))])
def test_padded_levels_are_cut_right_however_their_sides_were_rounded(tmp_path: Path, shape, factors, rounding, fill):
    image = paint(*shape)
    options = {"tile": (32, 32), "photometric": "rgb"}
    shapes = [tuple(rounding(side / factor) for side in shape) for factor in factors]
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        tif.write(image, subifds=len(factors), metadata={"axes": "YXS"}, **options)
        for height, width in shapes:
            level = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
            level = np.pad(level, ((0, -height % 32), (0, -width % 32), (0, 0)), constant_values=fill)
            tif.write(level, subfiletype=1, **options)
    with open_slide(tmp_path / "a.ome.tif") as slide:
        assert slide.notes == ()
        found = [level.shape[:2] for level in slide.levels]
    assert np.abs(np.subtract(found, [shape, *shapes])).max() <= 1


def test_a_level_that_does_not_fit_is_left_out_and_named(tmp_path: Path):
    image = paint(288, 288)
    options = {"tile": (32, 32), "photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(image, **options)
        tif.write(paint(160, 160, seed=9), subfiletype=1, **options)
        tif.write(np.pad(halve(halve(image)), ((0, 24), (0, 24), (0, 0))), subfiletype=1, **options)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.downsamples == ((1.0, 1.0), (4.0, 4.0))
        assert slide.notes == ("the level of 160 x 160 px does not fit the slide and is not used",)


MACRO = paint(200, 300, seed=4)


def write_images(path: Path, images: list[tuple[np.ndarray, float, str]]) -> None:
    """Write an OME-TIFF of several images with pixel sizes and names."""
    with tifffile.TiffWriter(path, ome=True) as tif:
        for pixels, mpp, name in images:
            sizes = {"PhysicalSizeX": mpp, "PhysicalSizeY": mpp}
            tif.write(pixels, photometric="rgb", tile=(64, 64), metadata={"axes": "YXS", "Name": name, **sizes})


@pytest.mark.parametrize(
    "images",
    [
        [(MACRO[:50, :60], 16.0, "macro"), (RGB, 0.25, "slide")],
        [(MACRO[:40, :60], 16.0, "0"), (RGB, 0.25, "1")],
        [(MACRO, 16.0, "Macro image"), (RGB, 0.25, "slide")],
        [(RGB, 0.25, "slide"), (MACRO, 16.0, "label"), (MACRO, 8.0, "Overview")],
        [(MACRO, 1.0, "a.svs [macro image]"), (RGB, 0.25, "a.svs")],
        [(MACRO, 16.0, "Image 0"), (RGB, 0.25, "Image 1")],
        [(RGB[:40, :40], 0.125, "detail"), (RGB, 0.25, "slide")],
    ],
)
def test_the_largest_image_is_the_slide(tmp_path: Path, images):
    write_images(tmp_path / "a.ome.tif", images)
    with open_slide(tmp_path / "a.ome.tif") as slide:
        assert np.array_equal(read_level(slide), RGB)
        assert slide.mpp == (0.25, 0.25)


def test_a_file_with_a_macro_alone_opens(tmp_path: Path):
    write_images(tmp_path / "a.ome.tif", [(MACRO, 16.0, "macro")])
    with open_slide(tmp_path / "a.ome.tif") as slide:
        assert slide.shape == (200, 300)


def write_channel_files(folder: Path, image: np.ndarray, compression: str | None) -> list[Path]:
    """Write an OME-TIFF whose three channels lie in files of their own, all of the same layout."""
    uuid = "urn:uuid:6a3b0d4e-0000-4000-8000-00000000000"
    paths = [folder / f"channel{number}.ome.tif" for number in range(3)]
    planes = "".join(
        f'<TiffData IFD="0" FirstC="{number}" PlaneCount="1"><UUID FileName="{path.name}">{uuid}{number}</UUID>'
        "</TiffData>"
        for number, path in enumerate(paths)
    )
    channels = "".join(f'<Channel ID="Channel:0:{number}" SamplesPerPixel="1"/>' for number in range(3))
    h, w = image.shape[:2]
    for number, path in enumerate(paths):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{uuid}{number}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" '
            f'SizeX="{w}" SizeY="{h}" SizeC="3" SizeZ="1" SizeT="1" PhysicalSizeX="0.25" PhysicalSizeY="0.25">'
            f"{channels}{planes}</Pixels></Image></OME>"
        )
        options = {"photometric": "minisblack", "tile": (32, 32), "metadata": None, "description": xml}
        tifffile.imwrite(path, np.ascontiguousarray(image[..., number]), compression=compression, **options)
    return paths


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("opened", range(3))
def test_channels_in_files_of_their_own_are_read(tmp_path: Path, painting, compression, opened):
    paths = write_channel_files(tmp_path, painting, compression)
    with open_slide(paths[opened]) as slide:
        assert np.array_equal(read_level(slide), painting)
        assert slide.mpp == (0.25, 0.25)
    assert all(page.parent.filehandle.closed for page in slide.levels[0]._pages)


@pytest.mark.parametrize("compressions", [(None, "zlib", "zlib"), ("lzw", "zlib", None)])
def test_channels_may_be_compressed_in_different_ways(tmp_path: Path, painting, compressions):
    for number, compression in enumerate(compressions):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = write_channel_files(folder, painting, compression)[number]
        path.rename(tmp_path / path.name)
    with open_slide(tmp_path / "channel1.ome.tif") as slide:
        assert np.array_equal(read_level(slide), painting)


@pytest.mark.parametrize("change", ["tile", "depth", "size"])
def test_channels_of_different_layouts_are_not_read(tmp_path: Path, painting, change):
    paths = write_channel_files(tmp_path, painting, None)
    with tifffile.TiffFile(paths[2]) as tif:
        xml, pixels = tif.pages[0].description, tif.pages[0].asarray()
    options = {"photometric": "minisblack", "metadata": None, "description": xml}
    options["tile"] = (64, 64) if change == "tile" else (32, 32)
    pixels = {"tile": pixels, "depth": pixels.astype(np.uint16), "size": halve(pixels[..., None])[..., 0]}[change]
    tifffile.imwrite(paths[2], np.ascontiguousarray(pixels), **options)
    with pytest.raises(ValueError, match="is not read, since it is stored in several files whose pixels are laid out"):
        open_slide(paths[0])


@pytest.mark.parametrize("main", ["channel0.ome.tif", "set.companion.ome"])
def test_a_channel_whose_main_file_is_another_is_not_read_as_a_grey_slide(tmp_path: Path, painting, main):
    paths = write_channel_files(tmp_path, painting, None)
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="urn:uuid:1"><BinaryOnly MetadataFile="{main}" UUID="urn:uuid:0"/></OME>'
    )
    tifffile.imwrite(paths[1], painting[..., 1], photometric="minisblack", metadata=None, description=xml)
    with pytest.raises(ValueError, match="is not read, since it is one of several files"):
        open_slide(paths[1])


def test_a_missing_file_of_several_is_named_as_the_reason(tmp_path: Path, painting):
    paths = write_channel_files(tmp_path, painting, None)
    paths[1].unlink()
    with pytest.raises(
        ValueError, match="is not read, since it is stored in several files and some of them are missing"
    ):
        open_slide(paths[0])
