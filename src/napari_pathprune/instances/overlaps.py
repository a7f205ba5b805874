"""Which instances of two maps lie on which, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from napari_pathprune.instances.numbering import numbered, require_instance_map

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """The sparse contingency table of two instance maps a and b: one entry for each pair that shares a pixel.

    Every score of two maps can be read from it; the maps themselves are not needed any more.

    Parameters
    ----------
    ids_a, ids_b
        (A,), (B,) int64, ascending ids of all instances.
    area_a, area_b
        (A,), (B,) int64, their pixels.
    centre_a, centre_b
        (A, 2), (B, 2) float64, their centroids (y, x), pixels.
    row_a, row_b
        (K,) int64, the pairs, as rows of ids_a and ids_b; ascending by row_a, then by row_b.
    shared
        (K,) int64, pixels that the pair shares, 1 or more.
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
        """(K,) int64, pixels in one or the other of a pair."""
        return self.area_a[self.row_a] + self.area_b[self.row_b] - self.shared

    @property
    def iou(self) -> NDArray[np.float64]:
        """(K,) float64, intersection over union of each pair, above 0, at most 1."""
        return self.shared / self.union


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Stretches of pixels, each within one row, on which both maps are constant: there are far fewer than pixels."""

    a: NDArray[Any]
    b: NDArray[Any]
    y: NDArray[np.int64]
    x: NDArray[np.float64]  # of the middle
    length: NDArray[np.int64]


def overlaps_of(a: NDArray[Any], b: NDArray[Any]) -> Overlaps:
    """Count the pixels that the instances of two maps share.

    Parameters
    ----------
    a, b
        (H, W) integers, 0 background.

    Raises
    ------
    ValueError
        If the maps differ in shape or are no instance maps.

    Examples
    --------
    >>> import numpy as np
    >>> overlaps = overlaps_of(np.array([[1, 1, 1, 0, 2]]), np.array([[7, 7, 0, 0, 0]]))
    >>> overlaps.shared.tolist(), overlaps.area_a.tolist(), overlaps.centre_a.tolist()
    ([2], [3, 1], [[0.0, 1.0], [0.0, 4.0]])
    """
    require_instance_map(a)
    require_instance_map(b)
    if a.shape != b.shape:
        raise ValueError(f"two instance maps of one image have one shape; got {a.shape} and {b.shape}")
    runs = _runs(a, b)
    ids_a, numbers_a = numbered(runs.a)
    ids_b, numbers_b = numbered(runs.b)
    both = np.flatnonzero((numbers_a > 0) & (numbers_b > 0))
    at_a, at_b = numbers_a[both] - 1, numbers_b[both] - 1
    table = sparse.coo_array((runs.length[both], (at_a, at_b)), shape=(len(ids_a), len(ids_b))).tocsr()
    table.sum_duplicates()
    entries = table.tocoo()
    area_a, centre_a = _measured(numbers_a, len(ids_a), runs)
    area_b, centre_b = _measured(numbers_b, len(ids_b), runs)
    row_a, row_b = entries.row.astype(np.int64), entries.col.astype(np.int64)
    return Overlaps(ids_a, ids_b, area_a, area_b, centre_a, centre_b, row_a, row_b, entries.data)


def _runs(a: NDArray[Any], b: NDArray[Any]) -> _Runs:
    width = a.shape[1]
    flat_a, flat_b = a.ravel(), b.ravel()
    begins = np.ones(a.size, np.bool_)
    begins[1:] = (flat_a[1:] != flat_a[:-1]) | (flat_b[1:] != flat_b[:-1])
    begins[:: width or 1] = True
    start = np.flatnonzero(begins)
    length = np.diff(start, append=a.size)
    of_a, of_b = flat_a[start], flat_b[start]
    some = np.flatnonzero((of_a != 0) | (of_b != 0))
    start, length = start[some], length[some]
    y, x = np.divmod(start, width or 1)
    return _Runs(of_a[some], of_b[some], y, x + (length - 1) / 2, length)


def _measured(numbers: NDArray[np.int32], count: int, runs: _Runs) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Areas and centroids of the instances 1 to count."""
    area, sum_y, sum_x = (
        np.bincount(numbers, weights, count + 1)[1:]
        for weights in (runs.length, runs.y * runs.length, runs.x * runs.length)
    )
    return area.astype(np.int64), np.stack([sum_y, sum_x], axis=1) / area[:, np.newaxis]
