"""Measurements of the nuclei of an image that is edited, updated where it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pathprune.base.box import Box
from napari_pathprune.instances.numbering import renumber

if TYPE_CHECKING:
    from numpy.typing import NDArray


class EditedNuclei:
    """Position, area and box of each nucleus of a label image.

    `update` compares the image with a copy, so that every change is found whatever made it, and measures only the
    nuclei that changed.

    Parameters
    ----------
    labels
        (H, W) integers, 0 background. The array is read again at each update.

    Attributes
    ----------
    boxes, areas, centres
        By id: (y0, x0, y1, x1), the number of pixels, and (y, x), in pixels of the image.

    Examples
    --------
    >>> labels = np.zeros((8, 8), np.int32)
    >>> nuclei = EditedNuclei(labels)
    >>> labels[2:4, 2:6] = 5
    >>> nuclei.update(), nuclei.areas[5], nuclei.centres[5]
    ({5}, 8, (2.5, 3.5))
    """

    def __init__(self, labels: NDArray[Any]) -> None:
        self.labels = labels
        self._copy = labels.copy()
        self.boxes: dict[int, Box] = {}
        self.areas: dict[int, int] = {}
        self.centres: dict[int, tuple[float, float]] = {}
        from scipy import ndimage  # docks open without it

        ids, numbers = renumber(labels)
        for number, slices in enumerate(ndimage.find_objects(numbers)):
            down, across = slices
            self._measure(int(ids[number]), (down.start, across.start, down.stop, across.stop))

    def __len__(self) -> int:
        """Return the number of nuclei."""
        return len(self.areas)

    def __contains__(self, number: object) -> bool:
        """Return whether a nucleus has pixels."""
        return number in self.areas

    def mask(self, number: int) -> tuple[NDArray[np.bool_], tuple[int, int]]:
        """Return the pixels of a nucleus within its box, and the first pixel (y, x) of the box."""
        y0, x0, y1, x1 = self.boxes[number]
        return self.labels[y0:y1, x0:x1] == number, (y0, x0)

    def update(self) -> set[int]:
        """Measure what has changed since the last update, and return the ids of those nuclei."""
        is_changed = self.labels != self._copy
        rows = np.flatnonzero(is_changed.any(axis=1))
        if not len(rows):
            return set()
        y0, y1 = int(rows[0]), int(rows[-1]) + 1
        columns = np.flatnonzero(is_changed[y0:y1].any(axis=0))
        x0, x1 = int(columns[0]), int(columns[-1]) + 1
        part, where = (slice(y0, y1), slice(x0, x1)), is_changed[y0:y1, x0:x1]
        touched = np.unique(np.concatenate([self.labels[part][where], self._copy[part][where]]))
        self._copy[part] = self.labels[part]
        ids = {int(number) for number in touched if number > 0}
        for number in ids:
            a, b, c, d = self.boxes.get(number, (y0, x0, y1, x1))
            self._measure(number, (min(a, y0), min(b, x0), max(c, y1), max(d, x1)))
        return ids

    def _measure(self, number: int, box: Box) -> None:
        """Measure a nucleus that lies within a box; forget it if it has no pixels."""
        y0, x0, y1, x1 = box
        ys, xs = np.nonzero(self.labels[y0:y1, x0:x1] == number)
        if not len(ys):
            for column in (self.boxes, self.areas, self.centres):
                column.pop(number, None)
            return
        top, left, bottom, right = (int(v) for v in (ys.min(), xs.min(), ys.max() + 1, xs.max() + 1))
        self.boxes[number] = (y0 + top, x0 + left, y0 + bottom, x0 + right)
        self.areas[number] = len(ys)
        self.centres[number] = (y0 + float(ys.mean()), x0 + float(xs.mean()))
