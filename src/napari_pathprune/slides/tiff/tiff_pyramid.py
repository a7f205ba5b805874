"""The pyramid of a slide in a TIFF file: Aperio SVS, OME-TIFF, tiled and striped TIFF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_pathprune.slides.colour import check_pixels
from napari_pathprune.slides.tiff.segment_cache import SegmentCache
from napari_pathprune.slides.tiff.tiff_level import APERIO_YCBCR, JPEG, TiffLevel

if TYPE_CHECKING:
    from pathlib import Path

    import tifffile

COLOURS = {0, 1, 2, 3, 6}  # photometric: white is zero, black is zero, RGB, palette, YCbCr (if the codec converts it)


def open_tiff_levels(tif: tifffile.TiffFile, path: Path) -> tuple[TiffLevel, ...]:
    """Return the levels of the slide in a TIFF, finest first.

    The slide is the baseline image of Aperio and OME files, and the largest image of others. Label, macro and thumbnail
    images are ignored.

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
    chosen = series[0] if tif.is_svs or tif.is_ome else max(series, key=lambda s: _list_pages(s)[0].keyframe.size)
    cache = SegmentCache()
    candidates = [_open_level(level, path, cache) for level in chosen.levels]
    aspect = candidates[0].shape[0] / candidates[0].shape[1]
    levels = [candidates[0]]
    for level in candidates[1:]:
        is_coarser = all(a < b for a, b in zip(level.shape[:2], levels[-1].shape[:2], strict=True))
        if is_coarser and abs(level.shape[0] - aspect * level.shape[1]) <= 2 + 0.02 * level.shape[0]:
            levels.append(level)
    _check_length(tif, levels[0], path)
    return tuple(levels)


def _open_level(series: tifffile.TiffPageSeries, path: Path, cache: SegmentCache) -> TiffLevel:
    pages = _list_pages(series)
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


def _list_pages(series: tifffile.TiffPageSeries) -> tuple[Any, ...]:
    return tuple(page for page in series.pages if page is not None)


def _check_length(tif: tifffile.TiffFile, level: TiffLevel, path: Path) -> None:
    """Raise if the file is truncated, now rather than an hour into a run."""
    missing = level.end_of_data() - int(tif.filehandle.size)
    if missing > 0:
        raise ValueError(f"{path}: the file is truncated, {missing} bytes are missing; get a fresh copy of it")
