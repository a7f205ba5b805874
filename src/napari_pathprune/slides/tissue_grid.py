"""The cells of a fixed grid on a view that hold tissue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.slides.tissue import TissueMask
    from napari_pathprune.slides.view import View

CELL_PX: Final = 256
"""Side of a cell, in view pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class TissueGrid:
    """Which cells of a view hold tissue. Cells are counted from the corner of the slide, whatever the tiles.

    Attributes
    ----------
    cells
        (h, w) bool.

    Examples
    --------
    >>> grid = TissueGrid(np.array([[True, False]]))
    >>> grid.overlaps((0, 250, 9, 300)), grid.overlaps((0, 256, 9, 300))
    (True, False)
    >>> grid.contains(np.array([[8.0, 255.4], [8.0, 255.5]])).tolist()
    [True, False]
    """

    cells: NDArray[np.bool_]

    @classmethod
    def from_mask(cls, tissue: TissueMask, view: View) -> TissueGrid:
        """Return the cells of which any part is tissue."""
        height, width = view.shape
        cells = [
            [tissue.coverage(view.to_level0((y, x, y + CELL_PX, x + CELL_PX))) > 0 for x in range(0, width, CELL_PX)]
            for y in range(0, height, CELL_PX)
        ]
        return cls(np.array(cells, np.bool_))

    def overlaps(self, box: Box) -> bool:
        """Return whether a box in view pixels overlaps a cell with tissue."""
        y0, x0, y1, x1 = box
        return bool(self.cells[y0 // CELL_PX : -(-y1 // CELL_PX), x0 // CELL_PX : -(-x1 // CELL_PX)].any())

    def enclose(self, box: Box) -> Box:
        """Return the smallest box around those parts of a box, which overlaps tissue, that lie in cells with tissue."""
        y0, x0, y1, x1 = box
        top, left = y0 // CELL_PX, x0 // CELL_PX
        cells = self.cells[top : -(-y1 // CELL_PX), left : -(-x1 // CELL_PX)]
        rows, columns = np.flatnonzero(cells.any(axis=1)) + top, np.flatnonzero(cells.any(axis=0)) + left
        return (
            max(y0, int(rows[0]) * CELL_PX),
            max(x0, int(columns[0]) * CELL_PX),
            min(y1, int(rows[-1] + 1) * CELL_PX),
            min(x1, int(columns[-1] + 1) * CELL_PX),
        )

    def count_empty_px(self, box: Box) -> int:
        """Return how many pixels of a box lie in cells without tissue.

        Examples
        --------
        >>> TissueGrid(np.array([[True, False]])).count_empty_px((0, 250, 9, 300))
        396
        """
        y0, x0, y1, x1 = box
        heights, widths = (
            np.diff(np.clip(np.arange(count + 1) * CELL_PX, start, stop))
            for count, start, stop in zip(self.cells.shape, (y0, x0), (y1, x1), strict=True)
        )
        return int(heights @ ~self.cells @ widths)

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which points (N, 2), (y, x) in view pixels, lie in cells with tissue, (N,) bool."""
        place = np.floor((points + 0.5) / CELL_PX).astype(np.int64)  # the centre of a pixel is a whole number
        rows, columns = np.clip(place, 0, np.array(self.cells.shape) - 1).T
        inside: NDArray[np.bool_] = self.cells[rows, columns]
        return inside
