"""The nuclei of a region as one Labels layer: pixels that grow tile by tile, and their table."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import zarr

from napari_pathprune.base.box import Box, clip_box
from napari_pathprune.instances.palette import names_by_number
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers.colormap import nuclei_colormap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.slides.reader import Mpp

EDITABLE_PX: Final = 4096 * 4096
"""Up to here one array in memory, which napari can edit; above, a compressed pyramid, which it can draw."""
CHUNK_PX: Final = 1024
COARSEST_PX: Final = 2048
OUTLINED_PX: Final = 2048 * 2048
"""Up to here nuclei are outlined; above, outlines are too thin to see, and slow to draw."""
OUTLINE_UM: Final = 0.5
OUTLINED, FILLED = 1.0, 0.6  # opacity


class NucleiCanvas:
    """Labels of a region, painted by one thread while another looks at them.

    Parameters
    ----------
    region
        (y0, x0, y1, x1) in level-0 pixels of the slide.
    """

    def __init__(self, region: Box) -> None:
        y0, x0, y1, x1 = region
        self.region = region
        self._lock = threading.Lock()
        self._tables: list[InstanceTable] = []
        self.levels: tuple[Any, ...] = _levels((y1 - y0, x1 - x0))

    @property
    def data(self) -> Any:  # noqa: ANN401 - whatever napari takes
        """What a Labels layer shows: an array, or a list of levels where the region is large."""
        return self.levels[0] if len(self.levels) == 1 else list(self.levels)

    def add(self, box: Box, labels: NDArray[np.int32], table: InstanceTable) -> None:
        """Paint the nuclei of a tile where nothing is yet; box in level-0 pixels of the slide."""
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
        with self._lock:
            self._tables.append(table)

    def table(self) -> InstanceTable:
        """Give the table of all nuclei so far, in level-0 pixels of the slide."""
        with self._lock:
            tables = list(self._tables)
        whole = InstanceTable.concatenate(tables)
        with self._lock:
            self._tables[: len(tables)] = [whole]
        return whole


def _levels(shape: tuple[int, int]) -> tuple[Any, ...]:
    if shape[0] * shape[1] <= EDITABLE_PX:
        return (np.zeros(shape, np.int32),)
    store = zarr.storage.MemoryStore()  # compressed; chunks without nuclei take no room at all
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


def features_of(table: InstanceTable, mpp: Mpp, type_names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Give the features table of a Labels layer: `index` is the label that a row belongs to, as napari has it."""
    names = np.array(names_by_number(type_names))
    known = np.where(table.type < len(names), table.type, 0)
    return {
        "index": table.id,
        "type": names[known],
        "area_um2": np.round(table.area * mpp[0] * mpp[1], 2),
        "probability": np.round(table.type_probability.astype(float), 3),
        "y_px": np.round(table.y, 1),
        "x_px": np.round(table.x, 1),
    }


def nuclei_attributes(table: InstanceTable, mpp: Mpp, type_names: Sequence[str]) -> dict[str, Any]:
    """Give colours and features of a Labels layer; where it lies comes from `layers.placed`."""
    return {
        "colormap": nuclei_colormap(table.id, table.type, type_names),
        "features": features_of(table, mpp, type_names),
        "opacity": FILLED,
    }


def outline_of(region: Box, mpp: Mpp) -> int:
    """Give the width of outlines in pixels for a region (level-0 pixels); 0 where nuclei are filled instead.

    Examples
    --------
    >>> outline_of((0, 0, 900, 900), (0.25, 0.25)), outline_of((0, 0, 9000, 9000), (0.25, 0.25))
    (2, 0)
    """
    y0, x0, y1, x1 = region
    return max(round(OUTLINE_UM / mpp[0]), 1) if (y1 - y0) * (x1 - x0) <= OUTLINED_PX else 0


def count_types(table: InstanceTable, type_names: Sequence[str]) -> tuple[int, ...]:
    """Count the nuclei of each type, those without one first."""
    length = max(len(type_names), 1)
    counts = np.bincount(np.where(table.type < length, table.type, 0), minlength=length)
    return tuple(int(count) for count in counts)
