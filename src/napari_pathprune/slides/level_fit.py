"""Whether the levels of a pyramid show the same image, and by which factor a level is coarser than another."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.slides.pixels import Pixels

Shape = tuple[int, int]

WINDOW_PX: Final = 48
"""Side of the windows that are compared, in pixels of the coarser level."""
PLACES: Final = (5, 17)
"""Windows are taken from a grid with this number of places on each axis, from the second if the first is glass, ..."""
WINDOWS: Final = 7
"""... and this number of them, those with the strongest texture, are compared."""
TEXTURE: Final = 3.0
"""Smallest standard deviation, in grey levels, of a window that can be recognized."""
ALIKE: Final = 0.5
"""Correlation of the same window in two levels, at least; levels that a scanner writes have 0.9 or more."""


def is_power_of_two(finer: Shape, coarser: Shape) -> bool:
    """Return whether a level is coarser by the same power of 2 on both axes, up to the rounding of its sides.

    Examples
    --------
    >>> is_power_of_two((501, 643), (250, 322)), is_power_of_two((501, 643), (167, 214))
    (True, False)
    """
    factor = 2 ** round(math.log2(max(finer[0] / coarser[0], 1)))
    return factor > 1 and all(abs(f / factor - c) <= 1 for f, c in zip(finer, coarser, strict=True))


def is_even_factor(finer: Shape, coarser: Shape) -> bool:
    """Return whether a level is coarser by the same factor, whole or not, on both axes, up to rounding."""
    factors = [((f - 1) / (c + 1), (f + 1) / max(c - 1, 0.5)) for f, c in zip(finer, coarser, strict=True)]
    return max(low for low, _ in factors) <= min(high for _, high in factors)


def find_padded_shapes(finest: Shape, stored: Shape, tile: Shape) -> list[Shape]:
    """Return the shapes that the image may have in a level that is padded to whole tiles.

    Parameters
    ----------
    finest
        Height and width of level 0.
    stored
        Height and width of the level with its padding.
    tile
        Height and width of its tiles.

    Returns
    -------
    list
        (h, w) for each power of 2 that fits, largest first, rounded each way; without `stored` itself. Empty if the
        level does not consist of whole tiles.

    Examples
    --------
    >>> find_padded_shapes((4608, 4608), (1536, 1536), (512, 512))
    [(1152, 1152)]
    """
    if any(side % step for side, step in zip(stored, tile, strict=True)):
        return []
    shapes: list[Shape] = []
    for factor in (2**k for k in range(1, 12)):
        heights, widths = (
            [inner for inner in _round_each_way(side / factor) if 0 <= padded - inner < step]
            for side, padded, step in zip(finest, stored, tile, strict=True)
        )
        shapes += [shape for shape in product(heights, widths) if shape != stored]
    return shapes


def _round_each_way(side: float) -> list[int]:
    """Return the lengths that a side may be rounded to, the nearest first."""
    return list(dict.fromkeys(max(rounding(side), 1) for rounding in (round, math.floor, math.ceil)))


def compare_levels(finer: Pixels, coarser: Pixels, shapes: Sequence[Shape]) -> list[float | None]:
    """Compare two levels in some windows.

    Parameters
    ----------
    finer, coarser
        The levels.
    shapes
        Heights and widths that the image of the finer level may have in the coarser one, from its upper left corner.

    Returns
    -------
    list
        For each shape, the median correlation of the windows, -1 to 1; None if no window has texture.

    Examples
    --------
    >>> y, x = np.mgrid[:400, :400]
    >>> image = np.uint8(120 + 60 * np.sin(x / 40) * np.cos(y * x / 9000))[..., None].repeat(3, axis=2)
    >>> [round(score, 1) for score in compare_levels(image, image[::2, ::2], [(200, 200)])]
    [1.0]
    """
    return [_compare(finer, coarser, shape) for shape in shapes]


def _compare(finer: Pixels, coarser: Pixels, shape: Shape) -> float | None:
    windows: list[tuple[Box, NDArray[np.float32]]] = []
    for places in PLACES:
        if not windows:
            windows = [one for one in _read_windows(coarser, shape, places) if float(one[1].std()) >= TEXTURE]
    windows = sorted(windows, key=lambda window: -float(window[1].std()))[:WINDOWS]
    scores = [score for window in windows if (score := _correlate(finer, *window, shape)) is not None]
    return float(np.median(scores)) if scores else None


def _read_windows(level: Pixels, shape: Shape, places: int) -> Iterable[tuple[Box, NDArray[np.float32]]]:
    height, width = shape
    tall, wide = min(WINDOW_PX, height), min(WINDOW_PX, width)
    for y in sorted({i * (height - tall) // (places - 1) for i in range(places)}):
        for x in sorted({i * (width - wide) // (places - 1) for i in range(places)}):
            pixels = np.asarray(level[y : y + tall, x : x + wide])
            if not _is_damaged(level, (y, x, y + tall, x + wide)):
                yield (y, x, y + tall, x + wide), _blur(pixels)


def _correlate(finer: Pixels, box: Box, window: NDArray[np.float32], shape: Shape) -> float | None:
    """Return the correlation of a window with the same place in a finer level.

    It is 0 if the place lies outside of that level, and None if it is damaged.
    """
    factors = [side / inner for side, inner in zip(finer.shape[:2], shape, strict=True)]
    y0, x0, y1, x1 = (round(side * factor) for side, factor in zip(box, factors * 2, strict=True))
    y1, x1 = min(y1, finer.shape[0]), min(x1, finer.shape[1])
    if y1 - y0 < (box[2] - box[0]) * factors[0] / 2 or x1 - x0 < (box[3] - box[1]) * factors[1] / 2:
        return 0.0
    pixels = np.asarray(finer[y0:y1, x0:x1])
    if _is_damaged(finer, (y0, x0, y1, x1)):
        return None
    size = max(round((x1 - x0) / factors[1]), 1), max(round((y1 - y0) / factors[0]), 1)
    other = _blur(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    window = window[: other.shape[0], : other.shape[1]]
    other = other[: window.shape[0], : window.shape[1]]
    first, second = window - window.mean(), other - other.mean()
    scale = math.sqrt(float((first**2).sum()) * float((second**2).sum()))
    return float((first * second).sum()) / scale if scale > 0 else 0.0


def _is_damaged(level: Pixels, box: Box) -> bool:
    """Return whether a box that was just read has places that could not be read."""
    y0, x0, y1, x1 = box
    places = getattr(level, "damaged", ())
    return any(top < y1 and left < x1 and bottom > y0 and right > x0 for top, left, bottom, right in places)


def _blur(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the grey values of pixels, smoothed so that it does not matter how a level was made from another."""
    grey = pixels.astype(np.float32).mean(axis=2) if pixels.ndim == 3 else pixels.astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.5), np.float32)
