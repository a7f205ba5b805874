"""Slides from files and from arrays."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import tifffile

from napari_pathprune.base.out_of_memory import is_out_of_memory
from napari_pathprune.slides.colour import RgbLevel, check_pixels, to_rgb
from napari_pathprune.slides.pixels import Pixels
from napari_pathprune.slides.resolution import MPP_LIMITS, Mpp, read_mpp
from napari_pathprune.slides.slide import Slide
from napari_pathprune.slides.tiff.tiff_pyramid import open_tiff_levels

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MPP_LIMITS", "Mpp", "Pixels", "Slide", "open_slide", "slide_from_arrays"]

READABLE = "Aperio SVS, OME-TIFF, (pyramidal) TIFF, PNG or JPEG"
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
OPEN_IN_NAPARI = "open it in napari with a reader for it (such as napari-wsi) and choose the layer"


def slide_from_arrays(
    levels: Sequence[Pixels], mpp: float | Mpp | None = None, name: str = "array", path: Path | None = None
) -> Slide:
    """Make a slide from numpy, zarr or dask arrays.

    Parameters
    ----------
    levels
        Grey (h, w), grey with alpha (h, w, 2), RGB (h, w, 3) or RGBA (h, w, 4), uint8, finest first, each smaller than
        the one before. They are not copied; grey and alpha are converted to RGB on white when they are read.
    mpp
        Size of a level-0 pixel in um, one number or (y, x).
    name
        Name shown to the user.
    path
        Path of the file that the arrays come from.

    Raises
    ------
    ValueError
        If a level has other pixels, or the levels are not sorted from fine to coarse.

    Examples
    --------
    >>> slide = slide_from_arrays([np.zeros((40, 60, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)], mpp=0.25)
    >>> slide.shape, slide.downsamples
    ((40, 60), ((1.0, 1.0), (2.0, 2.0)))
    >>> slide.read((-5, 0, 10, 60)).shape
    (15, 60, 3)
    """
    if not len(levels):
        raise ValueError(f"{name}: got no levels; a slide needs at least one")
    for level in levels:
        check_pixels(level.shape, level.dtype, name)
    for finer, coarser in pairwise(levels):
        if any(c >= f for c, f in zip(coarser.shape[:2], finer.shape[:2], strict=True)):
            raise ValueError(
                f"{name}: got a level of shape {tuple(finer.shape)} before one of {tuple(coarser.shape)}; "
                "sort the levels from fine to coarse"
            )
    rgb = tuple(level if len(level.shape) == 3 and level.shape[2] == 3 else RgbLevel(level) for level in levels)
    return Slide(rgb, _parse_mpp(mpp), name, path)


def open_slide(path: str | os.PathLike[str], mpp: float | Mpp | None = None) -> Slide:
    """Open a slide or an image: Aperio SVS, OME-TIFF, (pyramidal) TIFF, PNG or JPEG.

    TIFF pyramids are read lazily, PNG and JPEG when they are opened. Label, macro and thumbnail images are ignored.
    Palette, grey and transparent images are converted to RGB on white. Images with more than 8 bits are rejected.

    Parameters
    ----------
    path
        Path of the file.
    mpp
        Size of a level-0 pixel in um, one number or (y, x). Overrides the value in the file (Aperio's MPP, OME's
        PhysicalSize, the spacing of Philips, plausible TIFF resolution tags). If neither is known, the slide's `mpp` is
        None.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is a folder, empty, truncated, or not an image in one of these formats.
    """
    path = Path(path)
    override = _parse_mpp(mpp)
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    if path.is_dir():
        raise ValueError(f"{path}: got a folder; expected a file ({READABLE}); for DICOM or Zarr, {OPEN_IN_NAPARI}")
    with path.open("rb") as file:
        start = file.read(132)
    if not start:
        raise ValueError(f"{path}: the file is empty (0 bytes); get a fresh copy of it")
    if start[128:132] == b"DICM" or path.suffix.lower() == ".mrxs":
        raise ValueError(f"{path}: this format is not supported; expected {READABLE}; {OPEN_IN_NAPARI}")
    if start[:4] in TIFF_MAGIC:
        return _open_tiff(path, override)
    return slide_from_arrays([_read_picture(path)], override, path.name, path)


def _open_tiff(path: Path, mpp: Mpp | None) -> Slide:
    try:
        tif = tifffile.TiffFile(path)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ValueError(f"{path}: the TIFF is truncated or damaged ({error}); get a fresh copy of it") from error
    try:
        tif.filehandle.set_lock(True)
        levels, notes = open_tiff_levels(tif, path)
        return Slide(levels, mpp or read_mpp(tif, levels[0].page), path.name, path, tif, notes)
    except (ValueError, OSError, MemoryError):
        tif.close()
        raise
    except Exception as error:
        tif.close()
        if is_out_of_memory(error):
            raise
        raise ValueError(f"{path}: the TIFF is truncated or damaged ({error}); get a fresh copy of it") from error


def _read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a whole PNG, JPEG or similar as RGB, in the pixel order of the file (EXIF orientation is ignored)."""
    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        raise ValueError(f"{path}: the image cannot be decoded ({error.err}); save it as tiled TIFF") from error
    if pixels is None:
        raise ValueError(f"{path}: not an image, truncated, or in another format; expected {READABLE}")
    check_pixels(pixels.shape, pixels.dtype, str(path))
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return to_rgb(pixels)


def _parse_mpp(mpp: float | Mpp | None) -> Mpp | None:
    """Return a pixel size as (y, x), or raise if it is not plausible."""
    if mpp is None:
        return None
    try:
        both = (float(mpp), float(mpp)) if np.isscalar(mpp) else (float(mpp[0]), float(mpp[1]))  # type: ignore[arg-type, index]
    except (TypeError, ValueError, IndexError):
        raise ValueError(f"got mpp={mpp!r}; expected one positive number of um, or two (y, x)") from None
    if not all(math.isfinite(size) and size > 0 for size in both):
        raise ValueError(f"got mpp={mpp!r}; expected one positive number of um, or two (y, x)")
    if not all(MPP_LIMITS[0] <= size <= MPP_LIMITS[1] for size in both):
        raise ValueError(
            f"got a pixel size of {both[0]:g} x {both[1]:g} um; expected {MPP_LIMITS[0]} to {MPP_LIMITS[1]} um"
        )
    return both
