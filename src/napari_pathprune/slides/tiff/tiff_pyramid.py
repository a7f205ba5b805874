"""The pyramid of a slide in a TIFF file: Aperio SVS, OME-TIFF, tiled and striped TIFF."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from napari_pathprune.slides.colour import check_pixels
from napari_pathprune.slides.level_fit import (
    ALIKE,
    compare_levels,
    find_padded_shapes,
    is_even_factor,
    is_power_of_two,
)
from napari_pathprune.slides.resolution import parse_ome_mpp
from napari_pathprune.slides.tiff.segment_cache import SegmentCache
from napari_pathprune.slides.tiff.tiff_level import APERIO_YCBCR, JPEG, TiffLevel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import tifffile

COLOURS = {0, 1, 2, 3, 6}  # photometric: white is zero, black is zero, RGB, palette, YCbCr (if the codec converts it)

LAYOUT = ("imagelength", "imagewidth", "is_tiled", "tilelength", "tilewidth", "rowsperstrip", "dtype",
          "samplesperpixel", "planarconfig", "photometric")  # fmt: skip
"""What the planes of an image must have in common."""
UNNAMED = {"generic", "uniform", "shaped"}  # kinds of files in which tifffile finds levels by their proportions
BESIDE = re.compile(
    r"(.*[\[({:#/-])?\W*(label|macro|thumbnail|overview|preview|navigation)([ _]?image)?\W*\d*\W*", re.IGNORECASE
)
"""Names of images beside the slide, such as ``macro`` and ``slide.svs [label image]``."""
MUCH_COARSER = 8
"""An image whose pixels are larger than those of another by more than this factor is an overview of it."""


def open_tiff_levels(tif: tifffile.TiffFile, path: Path) -> tuple[tuple[TiffLevel, ...], tuple[str, ...]]:
    """Return the levels of the slide in a TIFF, finest first, and a line about each level that is not used.

    The slide is the baseline image of an Aperio file, and the largest image of others. Label, macro and thumbnail
    images are ignored. Levels whose sides are padded to whole tiles are cut to the image; levels that do not fit the
    first one are not used.

    Parameters
    ----------
    tif
        The open file.
    path
        Path of the file, for error messages.

    Raises
    ------
    ValueError
        If there is no image, if it is not an 8-bit grey or RGB plane, or if the file is truncated.
    """
    series = [s for s in tif.series if len(s.shape) >= 2]
    if not series:
        raise ValueError(f"{path}: this TIFF holds no image, or is truncated; get a fresh copy of it")
    chosen = series[0] if tif.is_svs else _find_largest(tif, series)
    cache = SegmentCache()
    finest, *others = (_open_level(level, path, cache) for level in chosen.levels)
    _check_length(finest, path)
    if chosen.kind in UNNAMED:
        others += _open_reduced(tif, finest, others, path, cache)
        others.sort(key=lambda level: -level.size)
    levels, notes = [finest], []
    for level in others:
        h, w = level.shape[:2]
        try:
            fits, fault = _fit_level(level, levels[0], levels[-1]), "does not fit the slide"
        except ValueError:  # all of it is damaged
            fits, fault = False, "cannot be read"
        if fits:
            levels.append(level)
        elif h > 1 < w:
            notes.append(f"the level of {w} x {h} px {fault} and is not used")
    return tuple(levels), tuple(notes)


def _find_largest(tif: tifffile.TiffFile, series: Sequence[tifffile.TiffPageSeries]) -> tifffile.TiffPageSeries:
    """Return the image with the most pixels, and none whose name or pixel size states that it is an overview."""
    slides = [one for one in series if not BESIDE.fullmatch(one.name or "")] or series
    keys = [_list_pages(one)[0].keyframe for one in slides]
    xml = tif.ome_metadata if tif.is_ome and len(slides) > 1 else None
    sizes_um = [parse_ome_mpp(xml, (key.imagelength, key.imagewidth)) if isinstance(xml, str) else None for key in keys]
    areas_um2 = [math.inf if size is None else math.prod(size) for size in sizes_um]
    most = min(areas_um2) * MUCH_COARSER**2
    places = [place for place, area in enumerate(areas_um2) if area <= most or math.isinf(area)]
    return slides[max(places, key=lambda place: keys[place].imagelength * keys[place].imagewidth)]


def _open_reduced(
    tif: tifffile.TiffFile, finest: TiffLevel, others: Sequence[TiffLevel], path: Path, cache: SegmentCache
) -> list[TiffLevel]:
    """Return the reduced images that are not among the levels, since padding gives them other proportions."""
    known = {level.page.index for level in (finest, *others)}
    found = []
    for number in range(len(tif.pages)):
        page = tif.pages[number].aspage()
        if page.index in known or int(page.subfiletype) != 1 or len(page.shape) not in {2, 3}:
            continue
        same = ("samplesperpixel", "dtype", "photometric", "planarconfig")
        if all(getattr(page, name) == getattr(finest.page, name) for name in same):
            found.append(TiffLevel((page,), path, cache))
    return found


def _fit_level(level: TiffLevel, finest: TiffLevel, last: TiffLevel) -> bool:
    """Cut a level to the part that shows the slide, and return whether it can be used.

    Pixels are compared only where the sides of the level leave a doubt, so that most slides open without reading any.
    """
    stored, whole = level.shape[:2], finest.shape[:2]
    padded = [] if level.tile_shape is None else find_padded_shapes(whole, stored, level.tile_shape)
    is_even = is_even_factor(whole, stored)
    # some scanners cut a few pixels
    is_close = abs(stored[0] - stored[1] * whole[0] / whole[1]) <= 2 + 0.02 * stored[0]
    shapes = [shape for shape in ([stored] if is_even or is_close else []) + padded if _is_coarser(shape, last)]
    if not shapes:
        return False
    if not is_even or not (shapes == [stored] or (shapes[0] == stored and is_power_of_two(last.shape[:2], stored))):
        scores = [score or 0.0 for score in compare_levels(last, level, shapes)]
        best = max(range(len(shapes)), key=scores.__getitem__)
        if scores[best] < ALIKE:
            return False
        level.crop(shapes[best])
    return True


def _is_coarser(shape: tuple[int, int], last: TiffLevel) -> bool:
    return all(side < before for side, before in zip(shape, last.shape[:2], strict=True))


def _open_level(series: tifffile.TiffPageSeries, path: Path, cache: SegmentCache) -> TiffLevel:
    pages = _list_pages(series)
    _open_files(series, path)
    key = pages[0].keyframe
    axes = "".join(a for a, n in zip(series.axes, series.shape, strict=True) if n > 1 or a in "YX")
    channels = len(pages) * int(key.samplesperpixel)
    planes_fit = len(pages) == 1 or (len(pages) == 3 and channels == 3)
    if axes not in {"YX", "YXS", "SYX", "CYX"} or not planes_fit or (axes == "CYX" and channels != 3):
        raise ValueError(
            f"{path}: got an image of shape {tuple(series.shape)} (axes {series.axes}); expected one grey, RGB or RGBA "
            "plane or three 8-bit channels; pick or merge its channels first"
        )
    colour = int(key.photometric)
    if colour not in COLOURS or (colour == 6 and int(key.compression) not in {*JPEG, APERIO_YCBCR}):
        raise ValueError(f"{path}: got {key.photometric.name} colours; expected grey, palette or RGB; convert it first")
    check_pixels((key.imagelength, key.imagewidth, channels), key.dtype, str(path))
    return TiffLevel(pages, path, cache)


def _open_files(series: tifffile.TiffPageSeries, path: Path) -> None:
    """Open the other files of an image that is stored in several; closing the first one closes them."""
    if any(page is None for page in series.pages):
        raise ValueError(f"{path}: is not read, since it is stored in several files and some of them are missing here")
    layouts = {tuple(getattr(page.keyframe, name) for name in LAYOUT) for page in series.pages}
    if len(layouts) > 1:
        raise ValueError(
            f"{path}: is not read, since it is stored in several files whose pixels are laid out differently"
        )
    text = series.pages[0].keyframe.description or ""
    if "<BinaryOnly" in text and series.pages[0].keyframe.samplesperpixel == 1:
        raise ValueError(
            f"{path}: is not read, since it is one of several files, and another one lists which belong together; open "
            "that one if it is an OME-TIFF, else save all of them as one file"
        )
    for page in series.pages:
        handle = page.parent.filehandle
        if handle.closed:
            handle.open()
            handle.set_lock(True)


def _list_pages(series: tifffile.TiffPageSeries) -> tuple[Any, ...]:
    return tuple(page for page in series.pages if page is not None)


def _check_length(level: TiffLevel, path: Path) -> None:
    """Raise if the file is truncated, now rather than an hour into a run."""
    missing = level.find_missing_bytes()
    if missing > 0:
        raise ValueError(f"{path}: the file is truncated, {missing} bytes are missing; get a fresh copy of it")
