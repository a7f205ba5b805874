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
        (y0, x0, y1, x1) in level-0 pixels, cut off at the edge of the compared region.
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

    Squares start at multiples of half their side from the corner of the region. The number of disagreements counts
    rather than their share: it is what a person can correct in a region of a given size.

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
    y0, x0, y1, x1 = region
    step = max(side_px // 2, 1)
    shape = (-(-(y1 - y0) // step), -(-(x1 - x0) // step))
    wrong_in = _sum_windows(wrong, region, step, shape)
    agreed_in = _sum_windows(agreed, region, step, shape)
    order = np.argsort(-wrong_in, axis=None, kind="stable")
    is_free = np.ones(shape, np.bool_)
    chosen: list[WorstRegion] = []
    for flat in order:
        row, column = divmod(int(flat), shape[1])
        count = int(wrong_in[row, column])
        if not count or len(chosen) == most:
            break
        if not is_free[row, column]:
            continue
        is_free[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = False
        top, left = y0 + row * step, x0 + column * step
        box = (top, left, min(top + 2 * step, y1), min(left + 2 * step, x1))
        chosen.append(WorstRegion(box, count, count + int(agreed_in[row, column])))
    return tuple(chosen)


def _sum_windows(centres: NDArray[np.float64], region: Box, step: int, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return the number of centres in the window of two by two cells that starts at each cell."""
    if not len(centres):
        return np.zeros(shape, np.int64)
    cells = np.floor((centres + 0.5 - np.array(region[:2])) / step).astype(np.int64)
    rows, columns = (np.clip(cells[:, axis], 0, shape[axis] - 1) for axis in (0, 1))
    counts = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)
    padded = np.pad(counts, ((0, 1), (0, 1)))
    windows: NDArray[np.int64] = padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]
    return windows
