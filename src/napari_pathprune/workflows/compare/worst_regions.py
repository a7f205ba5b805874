"""The regions where two segmentations disagree most: what to look at, or to annotate, next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_pathprune.base.box import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIELD_UM: Final = 128.0
"""Side of a region: 256 px at 0.5 um/px, or 512 px at 0.25 um/px, as much as a person annotates in one go."""
FIELD_PX: Final = 256
"""Side of a region if the pixel size is unknown."""
MOST: Final = 12


@dataclass(frozen=True, slots=True)
class WorstRegion:
    """A square in which two segmentations disagree.

    Parameters
    ----------
    box
        (y0, x0, y1, x1) in level-0 pixels, about as large as asked for and within the compared region.
    disagreements
        Nuclei in it that are in one segmentation only, or change their type.
    nuclei
        Nuclei of either segmentation in it; a pair counts once.
    """

    box: Box
    disagreements: int
    nuclei: int

    @property
    def share(self) -> float:
        """Share of the nuclei that disagree."""
        return self.disagreements / self.nuclei if self.nuclei else 0.0


def rank_regions(
    wrong: NDArray[np.float64], agreed: NDArray[np.float64], region: Box, side_px: int, most: int = MOST
) -> tuple[WorstRegion, ...]:
    """Return squares that do not overlap, those with the most disagreements first.

    Squares lie on a grid of half their side, which is stretched to fit the region. They are ranked by the number of
    disagreements rather than by their share: the number is what a person can correct in a region of a given size.

    Parameters
    ----------
    wrong, agreed
        (N, 2), (M, 2), centres (y, x) of nuclei that disagree and that agree, in level-0 pixels.
    region
        (y0, x0, y1, x1), what was compared.
    side_px
        Side of a square, 2 or more.
    most
        Largest number of regions.

    Examples
    --------
    >>> wrong = np.array([[5.0, 5.0], [6.0, 8.0], [70.0, 70.0]])
    >>> worst = rank_regions(wrong, np.array([[7.0, 7.0]]), (0, 0, 100, 100), side_px=20)
    >>> [(one.box, one.disagreements, one.nuclei) for one in worst]
    [((0, 0, 20, 20), 2, 3), ((60, 60, 80, 80), 1, 1)]
    """
    step = max(side_px // 2, 1)
    y0, x0 = region[:2]
    edges_y, edges_x = (_split(start, stop, step) for start, stop in ((y0, region[2]), (x0, region[3])))
    wrong_in, agreed_in = (_sum_windows(centres, edges_y, edges_x) for centres in (wrong, agreed))
    is_free = np.ones(wrong_in.shape, np.bool_)
    chosen: list[WorstRegion] = []
    for flat in np.argsort(-wrong_in, axis=None, kind="stable"):
        row, column = divmod(int(flat), wrong_in.shape[1])
        count = int(wrong_in[row, column])
        if not count or len(chosen) == most:
            break
        if not is_free[row, column]:
            continue
        is_free[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = False
        bottom, right = min(row + 2, len(edges_y) - 1), min(column + 2, len(edges_x) - 1)
        box = (int(edges_y[row]), int(edges_x[column]), int(edges_y[bottom]), int(edges_x[right]))
        chosen.append(WorstRegion(box, count, count + int(agreed_in[row, column])))
    return tuple(chosen)


def _split(start: int, stop: int, step: int) -> NDArray[np.int64]:
    """Return the edges of cells of equal size, about a step each."""
    count = max(round((stop - start) / step), 1)
    return np.round(np.linspace(start, stop, count + 1)).astype(np.int64)


def _sum_windows(
    centres: NDArray[np.float64], edges_y: NDArray[np.int64], edges_x: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the number of centres in each window of two by two cells; of one cell where there is only one."""
    shape = len(edges_y) - 1, len(edges_x) - 1
    rows, columns = (
        np.clip(np.searchsorted(edges, centres[:, axis] + 0.5, side="right") - 1, 0, shape[axis] - 1)
        for axis, edges in enumerate((edges_y, edges_x))
    )
    counts = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)
    windows: NDArray[np.int64] = counts
    if shape[0] > 1:
        windows = windows[:-1] + windows[1:]
    if shape[1] > 1:
        windows = windows[:, :-1] + windows[:, 1:]
    return windows
