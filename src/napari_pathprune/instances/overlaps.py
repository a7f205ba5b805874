"""The overlaps of the instances of two maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from napari_pathprune.instances.numbering import check_instance_map, renumber_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """The sparse contingency table of two instance maps a and b, with one entry for each pair that shares a pixel.

    Every score of the two maps can be computed from it.

    Parameters
    ----------
    ids_a, ids_b
        (A,), (B,) int64, ids of all instances, ascending.
    area_a, area_b
        (A,), (B,) int64, their areas in pixels.
    centre_a, centre_b
        (A, 2), (B, 2) float64, their centroids (y, x), pixels.
    row_a, row_b
        (K,) int64, the pairs as rows of ids_a and ids_b, sorted by row_a, then by row_b.
    shared
        (K,) int64, pixels that each pair shares, 1 or more.
    """

    ids_a: NDArray[np.int64]
    ids_b: NDArray[np.int64]
    area_a: NDArray[np.int64]
    area_b: NDArray[np.int64]
    centre_a: NDArray[np.float64]
    centre_b: NDArray[np.float64]
    row_a: NDArray[np.int64]
    row_b: NDArray[np.int64]
    shared: NDArray[np.int64]

    @property
    def union(self) -> NDArray[np.int64]:
        """(K,) int64, pixels in either instance of each pair."""
        return self.area_a[self.row_a] + self.area_b[self.row_b] - self.shared

    @property
    def iou(self) -> NDArray[np.float64]:
        """(K,) float64, intersection over union of each pair, above 0 and up to 1."""
        return self.shared / self.union


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Runs of pixels within a row on which both maps are constant; there are far fewer runs than pixels."""

    a: NDArray[Any]
    b: NDArray[Any]
    y: NDArray[np.int64]
    x: NDArray[np.float64]  # of the middle of the run
    length: NDArray[np.int64]


def count_overlaps(a: NDArray[Any], b: NDArray[Any]) -> Overlaps:
    """Count the pixels that the instances of two maps share.

    Parameters
    ----------
    a, b
        (H, W) integers, 0 background.

    Raises
    ------
    ValueError
        If the maps differ in shape, or are not instance maps.

    Examples
    --------
    >>> import numpy as np
    >>> overlaps = count_overlaps(np.array([[1, 1, 1, 0, 2]]), np.array([[7, 7, 0, 0, 0]]))
    >>> overlaps.shared.tolist(), overlaps.area_a.tolist(), overlaps.centre_a.tolist()
    ([2], [3, 1], [[0.0, 1.0], [0.0, 4.0]])
    """
    check_instance_map(a)
    check_instance_map(b)
    if a.shape != b.shape:
        raise ValueError(f"got instance maps of shapes {a.shape} and {b.shape}; expected two maps of one image")
    runs = _find_runs(a, b)
    ids_a, numbers_a = renumber_ids(runs.a)
    ids_b, numbers_b = renumber_ids(runs.b)
    both = np.flatnonzero((numbers_a > 0) & (numbers_b > 0))
    at_a, at_b = numbers_a[both] - 1, numbers_b[both] - 1
    table = sparse.coo_array((runs.length[both], (at_a, at_b)), shape=(len(ids_a), len(ids_b))).tocsr()
    table.sum_duplicates()
    entries = table.tocoo()
    area_a, centre_a = _measure(numbers_a, len(ids_a), runs)
    area_b, centre_b = _measure(numbers_b, len(ids_b), runs)
    row_a, row_b = entries.row.astype(np.int64), entries.col.astype(np.int64)
    return Overlaps(ids_a, ids_b, area_a, area_b, centre_a, centre_b, row_a, row_b, entries.data)


def _find_runs(a: NDArray[Any], b: NDArray[Any]) -> _Runs:
    """Return the runs that are not background in both maps."""
    width = a.shape[1]
    flat_a, flat_b = a.ravel(), b.ravel()
    is_start = np.ones(a.size, np.bool_)
    is_start[1:] = (flat_a[1:] != flat_a[:-1]) | (flat_b[1:] != flat_b[:-1])
    is_start[:: width or 1] = True
    start = np.flatnonzero(is_start)
    length = np.diff(start, append=a.size)
    of_a, of_b = flat_a[start], flat_b[start]
    not_background = np.flatnonzero((of_a != 0) | (of_b != 0))
    start, length = start[not_background], length[not_background]
    y, x = np.divmod(start, width or 1)
    return _Runs(of_a[not_background], of_b[not_background], y, x + (length - 1) / 2, length)


def _measure(numbers: NDArray[np.int32], count: int, runs: _Runs) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the areas and centroids of the instances 1 to count."""
    area, sum_y, sum_x = (
        np.bincount(numbers, weights, count + 1)[1:]
        for weights in (runs.length, runs.y * runs.length, runs.x * runs.length)
    )
    return area.astype(np.int64), np.stack([sum_y, sum_x], axis=1) / area[:, np.newaxis]
