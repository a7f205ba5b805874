"""Black areas where nothing was scanned, which are shown to a network as white, the colour of glass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from napari_pathprune.base.box import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLACK: Final = 12
"""No channel of padding is brighter; JPEG leaves black at 0 to 8. Dark nuclei and black ink are brighter in part."""
NEAR_BLACK: Final = 28
"""Nor are the pixels that JPEG has made a little brighter, ..."""
NOISE_PX: Final = 4
"""... at most so far from padding that is not quite black either."""
MIXED_PX: Final = 1
"""In a reduced level so many pixels beside padding are a mixture with it."""
SIDE_UM: Final = 8.0
"""Padding covers a square of this side, which a black nucleus does not, or a bar three times as long."""
SIDES_PX: Final = (12, 96)
BAR_PX: Final = 3
"""Width of the thinnest stripe, such as one between the fields of a scanner."""


def choose_side_px(mpp: float | None) -> int:
    """Return the side of the smallest square of padding, in pixels of a level.

    Parameters
    ----------
    mpp
        Size of a pixel of the level in um; None if unknown, as for 0.25.

    Examples
    --------
    >>> choose_side_px(0.25), choose_side_px(0.5), choose_side_px(8.0)
    (32, 16, 12)
    """
    return min(max(round(SIDE_UM / (mpp or 0.25)), SIDES_PX[0]), SIDES_PX[1])


def read_on_white(
    read: Callable[[Box], NDArray[np.uint8]], box: Box, side_px: int, *, is_reduced: bool = False
) -> NDArray[np.uint8]:
    """Read a box with black padding replaced by white.

    What counts as padding depends on the pixels around it and not on the box: boxes that overlap have the same pixels
    in the overlap. Boxes without black pixels are returned as they are.

    Parameters
    ----------
    read
        Function that reads a box, (h, w, 3) uint8, also beyond the edges of the image.
    box
        (y0, x0, y1, x1) in pixels.
    side_px
        Side of the smallest square of padding; see `choose_side_px`.
    is_reduced
        Whether pixels were averaged from a finer level, so that those beside padding are a mixture with black. They
        are replaced too.

    Examples
    --------
    >>> from napari_pathprune.slides.reader import slide_from_arrays
    >>> image = np.full((60, 60, 3), 200, np.uint8)
    >>> image[:, 40:] = 0
    >>> seen = read_on_white(slide_from_arrays([image]).read, (20, 20, 40, 60), side_px=12)
    >>> seen[0, ::10, 0].tolist()
    [200, 200, 255, 255]
    """
    y0, x0, y1, x1 = box
    if y0 >= y1 or x0 >= x1:
        return read(box)
    # pixels that are not black themselves may belong to padding beside the box
    beside = NOISE_PX + MIXED_PX if is_reduced else 0
    around = read(_grow(box, beside))
    pixels = np.ascontiguousarray(around[beside : beside + y1 - y0, beside : beside + x1 - x0])
    if not is_reduced:
        if not cv2.countNonZero(_find_dark(pixels, NEAR_BLACK)):
            return pixels
        around = read(_grow(box, NOISE_PX))
    if not cv2.countNonZero(_find_dark(around, BLACK)):
        return pixels
    halo = _reach(side_px) + NOISE_PX + MIXED_PX + 3 * side_px
    found = find_padding(read(_grow(box, halo)), side_px)
    if is_reduced:
        found = _dilate(found.astype(np.uint8), MIXED_PX) > 0
    padding = found[halo : halo + y1 - y0, halo : halo + x1 - x0]
    if not padding.any():
        return pixels
    white = pixels.copy()
    white[padding] = 255
    return white


def find_padding(pixels: NDArray[np.uint8], side_px: int) -> NDArray[np.bool_]:
    """Return which pixels are padding.

    Padding is covered by black squares of `side_px`, or by black bars of 3 x 3 `side_px`. Black pixels close to it
    belong to it, and so do nearly black ones beside padding that is not quite black.

    Parameters
    ----------
    pixels
        (h, w, 3) uint8.
    side_px
        Side of the squares.

    Returns
    -------
    ndarray
        (h, w) bool. Within ``4 * side_px`` of the edge of the image it may be incomplete.
    """
    black = _find_dark(pixels, BLACK)
    long = 3 * side_px
    padding = np.zeros_like(black)
    for height, width in ((side_px, side_px), (BAR_PX, long), (long, BAR_PX)):
        padding |= cv2.morphologyEx(black, cv2.MORPH_OPEN, np.ones((height, width), np.uint8))
    if not padding.any():
        return np.zeros(black.shape, np.bool_)
    padding = _dilate(padding, _reach(side_px)) & black
    noise = padding & ~_find_dark(pixels, 0)
    padding |= _dilate(noise, NOISE_PX) & _find_dark(pixels, NEAR_BLACK)
    found: NDArray[np.bool_] = padding > 0
    return found


def _dilate(mask: NDArray[np.uint8], by_px: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.dilate(mask, np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8)), np.uint8)


def _grow(box: Box, by_px: int) -> Box:
    y0, x0, y1, x1 = box
    return y0 - by_px, x0 - by_px, y1 + by_px, x1 + by_px


def _reach(side_px: int) -> int:
    """Return how far from a black square black pixels belong to it, such as those of a rounded corner."""
    return max(side_px // 2, 8)


def _find_dark(pixels: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """Return 255 where no channel is brighter than `most`, else 0."""
    return np.asarray(cv2.inRange(pixels, (0, 0, 0), (most, most, most)), np.uint8)
