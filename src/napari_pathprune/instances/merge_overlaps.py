"""Overlap tables of parts of an image, merged; and overlap tables of some of the instances."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from napari_pathprune.instances.overlaps import Overlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray


def merge_overlaps(parts: Iterable[tuple[Overlaps, tuple[int, int]]]) -> Overlaps:
    """Return the overlaps of two maps from those of their parts.

    An instance that several parts share keeps one row. Memory grows with the number of instances, not of pixels.

    Parameters
    ----------
    parts
        The overlaps of each part, and the position of its first pixel (y, x). The parts do not overlap.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_pathprune.instances.overlaps import count_overlaps
    >>> a, b = np.array([[1, 1, 1, 0, 2]]), np.array([[7, 7, 0, 0, 0]])
    >>> halves = [(count_overlaps(a[:, x : x + 2], b[:, x : x + 2]), (0, x)) for x in (0, 2)]
    >>> overlaps = merge_overlaps(halves + [(count_overlaps(a[:, 4:], b[:, 4:]), (0, 4))])
    >>> overlaps.area_a.tolist(), overlaps.centre_a.tolist(), overlaps.shared.tolist()
    ([3, 1], [[0.0, 1.0], [0.0, 4.0]], [2])
    """
    sides: tuple[list[_Instances], list[_Instances]] = ([], [])
    ids_a, ids_b, shared = [], [], []
    for part, origin in parts:
        sides[0].append(_Instances(part.ids_a, part.area_a, part.centre_a + origin))
        sides[1].append(_Instances(part.ids_b, part.area_b, part.centre_b + origin))
        ids_a.append(part.ids_a[part.row_a])
        ids_b.append(part.ids_b[part.row_b])
        shared.append(part.shared)
    a, b = (_merge(side) for side in sides)
    rows = np.searchsorted(a.ids, _join(ids_a)), np.searchsorted(b.ids, _join(ids_b))
    table = sparse.coo_array((_join(shared), rows), shape=(len(a.ids), len(b.ids))).tocsr()
    table.sum_duplicates()
    entries = table.tocoo()
    row_a, row_b = entries.row.astype(np.int64), entries.col.astype(np.int64)
    return Overlaps(a.ids, b.ids, a.area, b.area, a.centre, b.centre, row_a, row_b, entries.data)


def select_overlaps(overlaps: Overlaps, keep_a: NDArray[np.bool_], keep_b: NDArray[np.bool_]) -> Overlaps:
    """Return the overlaps of some of the instances.

    Parameters
    ----------
    overlaps
        The overlaps of all instances.
    keep_a, keep_b
        (A,), (B,) masks of the instances to keep.
    """
    kept = keep_a[overlaps.row_a] & keep_b[overlaps.row_b]
    number_a, number_b = np.cumsum(keep_a) - 1, np.cumsum(keep_b) - 1
    return Overlaps(
        overlaps.ids_a[keep_a],
        overlaps.ids_b[keep_b],
        overlaps.area_a[keep_a],
        overlaps.area_b[keep_b],
        overlaps.centre_a[keep_a],
        overlaps.centre_b[keep_b],
        number_a[overlaps.row_a[kept]],
        number_b[overlaps.row_b[kept]],
        overlaps.shared[kept],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Instances:
    """Ids, areas and centroids of the instances of one map."""

    ids: NDArray[np.int64]
    area: NDArray[np.int64]
    centre: NDArray[np.float64]


def _merge(parts: list[_Instances]) -> _Instances:
    """Add up the parts of each instance."""
    if not parts:
        return _Instances(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2)))
    area = _join([part.area for part in parts])
    ids, row = np.unique(_join([part.ids for part in parts]), return_inverse=True)
    total, sum_y, sum_x = (
        np.bincount(row, weights, len(ids))
        for weights in (area, *(np.concatenate([part.centre for part in parts]) * area[:, np.newaxis]).T)
    )
    centre = np.stack([sum_y, sum_x], axis=1) / np.maximum(total, 1.0)[:, np.newaxis]
    return _Instances(ids, total.astype(np.int64), centre)


def _join(parts: list[NDArray[Any]]) -> NDArray[np.int64]:
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)
