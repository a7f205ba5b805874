"""One-to-one assignment over sparse candidates: the undisputed are taken, each cluster of the others is solved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.instances.overlaps import Overlaps


def best_overlaps(overlaps: Overlaps) -> NDArray[np.int64]:
    """Entries of an overlap table, at most one for each instance, whose sum of IoU is the greatest (ascending)."""
    shape = len(overlaps.ids_a), len(overlaps.ids_b)
    return _assigned(overlaps.row_a, overlaps.row_b, overlaps.iou, shape)


def nearest_pairs(a: NDArray[np.float64], b: NDArray[np.float64], radius: float) -> NDArray[np.int64]:
    """Pair points at most a radius apart: as many pairs as possible, then the least distance in all.

    Returns
    -------
    ndarray
        (P, 2) int64, rows of a and of b.
    """
    if not len(a) or not len(b):
        return np.zeros((0, 2), np.int64)
    near = KDTree(a).sparse_distance_matrix(KDTree(b), radius, output_type="coo_matrix")
    # one more pair is worth more than any saving of distance among the pairs there are
    gain = (len(a) + len(b)) * 1.0 + 1.0 - near.data / radius
    rows, columns = near.row.astype(np.int64), near.col.astype(np.int64)
    chosen = _assigned(rows, columns, gain, (len(a), len(b)))
    return np.stack([rows[chosen], columns[chosen]], axis=1)


def _assigned(
    rows: NDArray[np.int64], columns: NDArray[np.int64], gain: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Candidates of the assignment with the greatest total gain; all gains are positive."""
    chosen = []
    left = np.arange(len(rows))
    while True:
        row, column = rows[left], columns[left]
        sure = _undisputed(row, column, gain[left])
        if not sure.any():
            break
        chosen.append(left[sure])
        left = left[~(np.isin(row, row[sure]) | np.isin(column, column[sure]))]
    for part in _clusters(rows[left], columns[left], shape):
        cluster = left[part]
        chosen.append(_solved(cluster, rows[cluster], columns[cluster], gain[cluster]))
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)


def _undisputed(rows: NDArray[np.int64], columns: NDArray[np.int64], gain: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Candidates that gain more than the two that they could drive out, and so are in every best assignment."""
    return gain > _best_other(rows, gain) + _best_other(columns, gain)


def _best_other(group: NDArray[np.int64], gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each candidate the greatest gain among the others of its group, 0 if it is alone."""
    if not len(group):
        return np.zeros(0)
    order = np.lexsort((-gain, group))
    ordered = gain[order]
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    size = np.diff(first, append=len(order))
    best_other = np.repeat(ordered[first], size)
    best_other[first] = np.where(size > 1, ordered[np.minimum(first + 1, len(order) - 1)], 0.0)
    result = np.empty_like(gain)
    result[order] = best_other
    return result


def _clusters(
    rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]
) -> Iterator[NDArray[np.int64]]:
    """Candidates that compete with one another, directly or by way of others."""
    nodes = shape[0] + shape[1]
    edges = sparse.coo_array((np.ones(len(rows), np.bool_), (rows, columns + shape[0])), shape=(nodes, nodes))
    _, cluster = sparse.csgraph.connected_components(edges, directed=False)
    member = cluster[rows]
    order = np.argsort(member, kind="stable")
    cuts = np.flatnonzero(np.diff(member[order])) + 1
    yield from (part for part in np.split(order, cuts) if len(part))


def _solved(
    cluster: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64], gain: NDArray[np.float64]
) -> NDArray[np.int64]:
    if len(cluster) == 1:
        return cluster
    row_names, at_row = np.unique(rows, return_inverse=True)
    column_names, at_column = np.unique(columns, return_inverse=True)
    gains = np.zeros((len(row_names), len(column_names)))
    gains[at_row, at_column] = gain
    candidate = np.full(gains.shape, -1, np.int64)
    candidate[at_row, at_column] = cluster
    best = candidate[linear_sum_assignment(gains, maximize=True)]
    kept: NDArray[np.int64] = best[best >= 0]
    return kept
