"""Nuclei of a view -> nuclei of the slide's level 0."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_pathprune.inference.stitch import TileNuclei

if TYPE_CHECKING:
    from numpy.typing import NDArray


def at_level0(nuclei: TileNuclei, scale: tuple[float, float], shape: tuple[int, int]) -> TileNuclei:
    """Draw a tile's nuclei in level-0 pixels.

    Each level-0 pixel takes the view pixel that its centre lies in, so tiles that share no view pixel share no level-0
    pixel. A nucleus that falls between the pixels of a coarser slide still gets the one nearest to it.

    Parameters
    ----------
    nuclei
        In view pixels.
    scale
        View pixels per level-0 pixel (y, x), ``View.scale``.
    shape
        (H, W) of level 0; nothing is drawn outside.

    Returns
    -------
    TileNuclei
        In level-0 pixels: the same ids.
    """
    if scale == (1.0, 1.0):
        return nuclei
    y0, x0, y1, x1 = nuclei.box
    rows, columns = _pixels(y0, y1, scale[0], shape[0]), _pixels(x0, x1, scale[1], shape[1])
    labels = nuclei.labels[np.ix_(_sampled(rows, y0, y1, scale[0]), _sampled(columns, x0, x1, scale[1]))]
    table = nuclei.table.transformed(scale=(1 / scale[0], 1 / scale[1]))
    table = replace(table, box=np.clip(table.box, 0, np.array((*shape, *shape))))
    for row in np.flatnonzero(~np.isin(table.id, labels)):
        _give_a_pixel(labels, int(table.id[row]), table.y[row] - rows.start, table.x[row] - columns.start)
    return TileNuclei((rows.start, columns.start, rows.stop, columns.stop), labels, table)


def _pixels(first: int, last: int, scale: float, length: int) -> range:
    """Give the level-0 pixels whose centres lie in the view pixels first..last; the nearest where there is none."""
    start = min(max(math.ceil(first / scale - 0.5), 0), length - 1)
    stop = min(math.ceil(last / scale - 0.5), length)
    return range(start, max(stop, start + 1))


def _sampled(pixels: range, first: int, last: int, scale: float) -> NDArray[np.int64]:
    """Give the rows (or columns) of the labels in which the centres of level-0 pixels lie."""
    view = np.floor((np.arange(pixels.start, pixels.stop) + 0.5) * scale).astype(np.int64)
    inside: NDArray[np.int64] = np.clip(view, first, last - 1) - first
    return inside


def _give_a_pixel(labels: NDArray[np.int32], id_: int, y: float, x: float) -> None:
    """Draw a nucleus that the sampling missed, near its centre, on a pixel that is free or not another's last."""
    row, column = (min(max(round(c), 0), side - 1) for c, side in zip((y, x), labels.shape, strict=True))
    near = labels[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    owners = near.ravel()
    spare = [owner == 0 or np.count_nonzero(labels == owner) > 1 for owner in owners]
    middle = min(row, 1) * near.shape[1] + min(column, 1)
    order = [middle, *np.argsort(owners != 0, kind="stable").tolist()]  # free pixels before taken ones
    place = next((place for place in order if spare[place]), middle)
    near[np.unravel_index(place, near.shape)] = id_
