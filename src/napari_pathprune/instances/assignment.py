"""One-to-one assignment over sparse candidates.

Candidates that are part of every best assignment are chosen first; each cluster of the others is solved on its own.
"""

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


def assign_overlaps(overlaps: Overlaps) -> NDArray[np.int64]:
    """Return the entries of an overlap table, at most one per instance, with the largest sum of IoU, ascending."""
    shape = len(overlaps.ids_a), len(overlaps.ids_b)
    return _assign(overlaps.row_a, overlaps.row_b, overlaps.iou, shape)


def pair_nearest(a: NDArray[np.float64], b: NDArray[np.float64], radius: float) -> NDArray[np.int64]:
    """Pair points that are at most a radius apart.

    There are as many pairs as possible, with the smallest possible sum of distances.

    Parameters
    ----------
    a, b
        (N, 2), (M, 2) float64, points.
    radius
        Largest distance of a pair.

    Returns
    -------
    ndarray
        (P, 2) int64, rows of a and of b.

    Examples
    --------
    >>> pair_nearest(np.array([[0.0, 0.0], [0.0, 10.0]]), np.array([[0.0, 9.0], [0.0, 21.0]]), radius=12.0).tolist()
    [[0, 0], [1, 1]]
    """
    if not len(a) or not len(b):
        return np.zeros((0, 2), np.int64)
    near = KDTree(a).sparse_distance_matrix(KDTree(b), radius, output_type="coo_matrix")
    # one more pair gains more than any reduction of the distances
    gain = (len(a) + len(b)) * 1.0 + 1.0 - near.data / radius
    rows, columns = near.row.astype(np.int64), near.col.astype(np.int64)
    chosen = _assign(rows, columns, gain, (len(a), len(b)))
    return np.stack([rows[chosen], columns[chosen]], axis=1)


def _assign(
    rows: NDArray[np.int64], columns: NDArray[np.int64], gain: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Return the candidates of the assignment with the largest total gain; all gains are positive."""
    chosen = []
    left = np.arange(len(rows))
    while True:
        row, column = rows[left], columns[left]
        is_certain = _is_undisputed(row, column, gain[left])
        if not is_certain.any():
            break
        chosen.append(left[is_certain])
        left = left[~(np.isin(row, row[is_certain]) | np.isin(column, column[is_certain]))]
    for part in _split_clusters(rows[left], columns[left], shape):
        cluster = left[part]
        chosen.append(_solve_cluster(cluster, rows[cluster], columns[cluster], gain[cluster]))
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)


def _is_undisputed(rows: NDArray[np.int64], columns: NDArray[np.int64], gain: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the candidates that gain more than the two that they exclude, and so are in every best assignment."""
    return gain > _find_best_other(rows, gain) + _find_best_other(columns, gain)


def _find_best_other(group: NDArray[np.int64], gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each candidate, the largest gain of the others in its group, 0 if there are none."""
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


def _split_clusters(
    rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]
) -> Iterator[NDArray[np.int64]]:
    """Yield the groups of candidates that compete with one another, directly or through others."""
    nodes = shape[0] + shape[1]
    edges = sparse.coo_array((np.ones(len(rows), np.bool_), (rows, columns + shape[0])), shape=(nodes, nodes))
    _, cluster = sparse.csgraph.connected_components(edges, directed=False)
    member = cluster[rows]
    order = np.argsort(member, kind="stable")
    cuts = np.flatnonzero(np.diff(member[order])) + 1
    yield from (part for part in np.split(order, cuts) if len(part))


def _solve_cluster(
    cluster: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64], gain: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the candidates of a cluster in its best assignment."""
    if len(cluster) == 1:
        return cluster
    row_names, at_row = np.unique(rows, return_inverse=True)
    column_names, at_column = np.unique(columns, return_inverse=True)
    gains = np.zeros((len(row_names), len(column_names)))
    gains[at_row, at_column] = gain
    candidate = np.full(gains.shape, -1, np.int64)
    candidate[at_row, at_column] = cluster
    best = candidate[linear_sum_assignment(gains, maximize=True)]
    solution: NDArray[np.int64] = best[best >= 0]
    return solution
