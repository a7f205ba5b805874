"""Rescaling of a tile's nuclei from the pixels of a view to level 0 of the slide."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_pathprune.inference.stitch import TileNuclei

if TYPE_CHECKING:
    from numpy.typing import NDArray

DITHER: Final = 0.25
"""View pixels by which the places are moved where a coarser slide takes its labels, back and forth."""


def rescale_to_level0(nuclei: TileNuclei, scale: tuple[float, float], shape: tuple[int, int]) -> TileNuclei:
    """Rescale a tile's nuclei to level-0 pixels.

    Each level-0 pixel takes the label of the view pixel that contains its centre, or of one that is close to it.
    So tiles that share no view pixel share no level-0 pixel. A nucleus that gets no (larger) level-0 pixel in this way
    gets the nearest one.

    Parameters
    ----------
    nuclei
        Nuclei in view pixels.
    scale
        View pixels per level-0 pixel (y, x), ``View.scale``.
    shape
        (H, W) of level 0; labels outside are cut off.

    Returns
    -------
    TileNuclei
        The same nuclei and ids in level-0 pixels.
    """
    if scale == (1.0, 1.0):
        return nuclei
    y0, x0, y1, x1 = nuclei.box
    rows, columns = _find_pixels(y0, y1, scale[0], shape[0]), _find_pixels(x0, x1, scale[1], shape[1])
    labels = nuclei.labels[np.ix_(_sample(rows, y0, y1, scale[0]), _sample(columns, x0, x1, scale[1]))]
    table = nuclei.table.transform(scale=(1 / scale[0], 1 / scale[1]))
    table = replace(table, box=np.clip(table.box, 0, np.array((*shape, *shape))))
    for row in np.flatnonzero(~np.isin(table.id, labels)):
        _draw_pixel(labels, int(table.id[row]), table.y[row] - rows.start, table.x[row] - columns.start)
    return TileNuclei((rows.start, columns.start, rows.stop, columns.stop), labels, table, nuclei.dropped)


def _find_pixels(first: int, last: int, scale: float, length: int) -> range:
    """Return the level-0 pixels that take their labels from the view pixels first..last, or else the nearest one."""
    start = min(max(_find_first(first, scale), 0), length - 1)
    stop = min(_find_first(last, scale), length)
    return range(start, max(stop, start + 1))


def _find_first(view_px: int, scale: float) -> int:
    """Return the first level-0 pixel that takes its label from a view pixel, or from one behind it."""
    near = math.ceil(view_px / scale - 0.5) + np.arange(-1, 2)
    return int(near[np.argmax(_choose_pixels(near, scale) >= view_px)])


def _choose_pixels(numbers: NDArray[np.int64], scale: float) -> NDArray[np.int64]:
    """Return the view pixels that contain the centres of level-0 pixels, on one axis.

    If a level-0 pixel has about 2 or 4 view pixels, all centres lie near the lines between them, and the labels of a
    whole region would shift to the same side. So on coarser slides every second pixel looks a quarter of a view pixel
    further up, and the others further down.
    """
    centres = (numbers + 0.5) * scale
    if scale > 1:
        centres += np.where(numbers % 2 == 1, -DITHER, DITHER)
    chosen: NDArray[np.int64] = np.floor(centres).astype(np.int64)
    return chosen


def _sample(pixels: range, first: int, last: int, scale: float) -> NDArray[np.int64]:
    """Return the rows (or columns) of the labels from which level-0 pixels take their labels."""
    view = _choose_pixels(np.arange(pixels.start, pixels.stop), scale)
    inside: NDArray[np.int64] = np.clip(view, first, last - 1) - first
    return inside


def _draw_pixel(labels: NDArray[np.int32], id_: int, y: float, x: float) -> None:
    """Draw a nucleus without pixels on one near its centre that is free, or not the last pixel of another nucleus."""
    row, column = (min(max(round(c), 0), side - 1) for c, side in zip((y, x), labels.shape, strict=True))
    near = labels[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    owners = near.ravel()
    is_spare = [owner == 0 or np.count_nonzero(labels == owner) > 1 for owner in owners]
    middle = min(row, 1) * near.shape[1] + min(column, 1)
    order = [middle, *np.argsort(owners != 0, kind="stable").tolist()]  # free pixels first
    place = next((place for place in order if is_spare[place]), middle)
    near[np.unravel_index(place, near.shape)] = id_
