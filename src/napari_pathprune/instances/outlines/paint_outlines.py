"""Label images from outlines, in parts that fit into memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from skimage.draw import polygon

from napari_pathprune.base.box import Box
from napari_pathprune.instances.table import InstanceTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL_PX: Final = 1024
"""Nuclei whose first point is in the same cell of this side are painted together."""
FAR_PX: Final = 1_000_000
"""Positions farther away than any slide reaches are mistakes."""


def bound_outlines(rings: Sequence[NDArray[np.float64]]) -> Box:
    """Return the box (y0, x0, y1, x1) of level-0 pixels that outlines cover.

    Raises
    ------
    ValueError
        If a position is not on any slide.
    """
    lowest = np.min([ring.min(axis=0) for ring in rings], axis=0)
    highest = np.max([ring.max(axis=0) for ring in rings], axis=0)
    if not (np.isfinite([lowest, highest]).all() and lowest.min() > -FAR_PX and highest.max() < FAR_PX):
        raise ValueError(f"got positions from {lowest} to {highest}; expected pixels of level 0 of a slide")
    (y0, x0), (y1, x1) = np.floor(lowest).astype(int), np.ceil(highest).astype(int) + 1
    return max(int(y0), 0), max(int(x0), 0), max(int(y1), 1), max(int(x1), 1)


def paint_outlines(
    rings: Sequence[NDArray[np.float64]], types: NDArray[np.int16], ids: NDArray[np.integer] | None = None
) -> Iterator[tuple[Box, NDArray[np.int32], InstanceTable]]:
    """Paint nuclei, one part of the slide after the other.

    A pixel is in a nucleus if its centre is. Where nuclei overlap within a part, the first one keeps the pixel.

    Parameters
    ----------
    rings
        Outlines (P, 2), (y, x), in level-0 pixels with centres at whole numbers.
    types
        (N,) type of each nucleus.
    ids
        (N,) ids; by default 1 to N.

    Yields
    ------
    box, labels, table
        A part of the slide, (h, w) int32 labels of it, and the nuclei with at least one pixel, in level-0 pixels.

    Examples
    --------
    >>> ring = np.array([[0.5, 1.5], [0.5, 4.5], [2.5, 4.5], [2.5, 1.5]])
    >>> [(box, labels, table)] = paint_outlines([ring], np.array([2], np.int16))
    >>> box, table.area.tolist(), table.type.tolist()
    ((0, 1, 4, 6), [6.0], [2])
    """
    numbers = np.arange(1, len(rings) + 1) if ids is None else ids
    cells: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, ring in enumerate(rings):
        y, x = np.maximum(ring[0], 0) // CELL_PX
        cells[int(y), int(x)].append(row)
    for rows in cells.values():
        part = [rings[row] for row in rows]
        y0, x0, y1, x1 = box = bound_outlines(part)
        labels = np.zeros((y1 - y0, x1 - x0), np.int32)
        for row, ring in zip(rows, part, strict=True):
            ys, xs = polygon(ring[:, 0] - y0, ring[:, 1] - x0, labels.shape)
            is_free = labels[ys, xs] == 0
            labels[ys[is_free], xs[is_free]] = numbers[row]
        table = InstanceTable.from_instance_map(labels)
        known = {int(numbers[row]): int(types[row]) for row in rows}
        kinds = np.array([known[number] for number in table.id.tolist()], np.int16)
        certain = (kinds > 0).astype(np.float32)
        yield box, labels, replace(table, type=kinds, type_probability=certain).transform(offset=(y0, x0))
