"""Which instances of two maps lie on which, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from napari_pathprune.instances.numbering import without_gaps

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """The sparse contingency table of two instance maps a and b: one entry for each pair that shares a pixel.

    Parameters
    ----------
    ids_a, ids_b
        (A,), (B,) int64, ascending ids of all instances.
    area_a, area_b
        (A,), (B,) int64, their pixels.
    row_a, row_b
        (K,) int64, the pairs, as rows of ids_a and ids_b.
    shared
        (K,) int64, pixels that the pair shares, 1 or more.
    """

    ids_a: NDArray[np.int64]
    ids_b: NDArray[np.int64]
    area_a: NDArray[np.int64]
    area_b: NDArray[np.int64]
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
    """
    if a.shape != b.shape:
        raise ValueError(f"two instance maps of one image have one shape; got {a.shape} and {b.shape}")
    ids_a, numbers_a = without_gaps(a)
    ids_b, numbers_b = without_gaps(b)
    both = np.flatnonzero((numbers_a > 0) & (numbers_b > 0))
    at_a, at_b = numbers_a.ravel()[both] - 1, numbers_b.ravel()[both] - 1
    ones = np.ones(len(both), np.int64)
    table = sparse.coo_array((ones, (at_a, at_b)), shape=(len(ids_a), len(ids_b))).tocsr()
    table.sum_duplicates()
    entries = table.tocoo()
    return Overlaps(
        ids_a,
        ids_b,
        _areas(numbers_a, len(ids_a)),
        _areas(numbers_b, len(ids_b)),
        entries.row.astype(np.int64),
        entries.col.astype(np.int64),
        entries.data,
    )


def _areas(numbers: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    return np.bincount(numbers[numbers > 0], minlength=count + 1)[1:]
