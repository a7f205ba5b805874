"""The label image of a region, which grows tile by tile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_pathprune.base.box import Box, clip_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.instances.table import InstanceTable

EDITABLE_PX: Final = 4096 * 4096
"""Largest region kept as one array in memory, which napari can edit; larger ones are compressed, read-only pyramids."""
CHUNK_PX: Final = 1024
COARSEST_PX: Final = 2048


class NucleiCanvas:
    """Labels and table of the nuclei in a region; one thread paints while another reads.

    Parameters
    ----------
    region
        (y0, x0, y1, x1) in level-0 pixels of the slide.

    Attributes
    ----------
    levels
        Label images, int32, finest first; each has half the resolution of the one before.

    Examples
    --------
    >>> canvas = NucleiCanvas((100, 200, 102, 203))
    >>> labels = np.full((1, 2), 7, np.int32)
    >>> canvas.add((101, 201, 102, 203), labels)
    >>> canvas.data.tolist()
    [[0, 0, 0], [0, 7, 7]]
    """

    def __init__(self, region: Box) -> None:
        y0, x0, y1, x1 = region
        self.region = region
        self._lock = threading.Lock()
        self._tables: list[InstanceTable] = []
        self.levels: tuple[Any, ...] = _make_levels((y1 - y0, x1 - x0))

    @property
    def data(self) -> Any:  # noqa: ANN401 - whatever napari takes
        """The data of a Labels layer: an array, or a list of levels if the region is large."""
        return self.levels[0] if len(self.levels) == 1 else list(self.levels)

    def add(self, box: Box, labels: NDArray[np.int32], table: InstanceTable | None = None) -> None:
        """Paint the nuclei of a tile; pixels that are painted already are kept.

        Parameters
        ----------
        box
            (y0, x0, y1, x1) in level-0 pixels of the slide; parts outside the region are cut off.
        labels
            (h, w) int32, 0 for the background.
        table
            The same nuclei, in level-0 pixels of the slide; None if the labels are not those of nuclei.
        """
        top, left = self.region[:2]
        moved = (box[0] - top, box[1] - left, box[2] - top, box[3] - left)
        y0, x0, y1, x1 = clip_box(moved, self.levels[0].shape)
        new = labels[y0 - moved[0] : y1 - moved[0], x0 - moved[1] : x1 - moved[1]]
        if new.any():
            old = np.asarray(self.levels[0][y0:y1, x0:x1])
            merged = np.where(old == 0, new, old)
            for level, step in zip(self.levels, (2**k for k in range(len(self.levels))), strict=True):
                rows, columns = -(-y0 // step), -(-x0 // step)
                part = merged[rows * step - y0 :: step, columns * step - x0 :: step]
                if part.size:
                    level[rows : rows + part.shape[0], columns : columns + part.shape[1]] = part
        if table is not None:
            with self._lock:
                self._tables.append(table)

    def table(self) -> InstanceTable:
        """Return the table of all nuclei so far, in level-0 pixels of the slide."""
        from napari_pathprune.instances.table import InstanceTable  # imports scipy, which docks open without

        with self._lock:
            tables = list(self._tables)
        whole = InstanceTable.concatenate(tables)
        with self._lock:
            self._tables[: len(tables)] = [whole]
        return whole


def _make_levels(shape: tuple[int, int]) -> tuple[Any, ...]:
    if shape[0] * shape[1] <= EDITABLE_PX:
        return (np.zeros(shape, np.int32),)
    import zarr  # docks open without it

    store = zarr.storage.MemoryStore()  # compressed; chunks without nuclei take no memory
    levels: list[Any] = []
    step = 1
    while True:
        size = (-(-shape[0] // step), -(-shape[1] // step))
        chunks = (min(CHUNK_PX, size[0]), min(CHUNK_PX, size[1]))
        levels.append(
            zarr.create_array(store, name=str(len(levels)), shape=size, chunks=chunks, dtype="int32", fill_value=0)
        )
        if max(size) <= COARSEST_PX:
            return tuple(levels)
        step *= 2
