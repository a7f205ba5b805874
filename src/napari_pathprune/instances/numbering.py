"""Renumbering of instances without gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def renumber(instances: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Renumber the instances of a map from 1, in the order of their ids.

    Parameters
    ----------
    instances
        (H, W) integers, 0 background, ids with or without gaps.

    Returns
    -------
    ids
        (N,) int64, ascending; the id of number k is ``ids[k - 1]``.
    numbers
        (H, W) int32, 0 to N.

    Raises
    ------
    ValueError
        If the map is not two-dimensional, not of integers, or holds negative ids.

    Examples
    --------
    >>> ids, numbers = renumber(np.array([[0, 7, 7], [9, 9, 0]]))
    >>> ids.tolist(), numbers.tolist()
    ([7, 9], [[0, 1, 1], [2, 2, 0]])
    """
    check_instance_map(instances)
    return renumber_ids(instances)


def check_instance_map(instances: NDArray[Any]) -> None:
    """Raise if an array is not an instance map.

    Raises
    ------
    ValueError
        If it is not two-dimensional or not of integers.
    """
    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise ValueError(
            f"got a map of shape {instances.shape} and type {instances.dtype}; "
            "expected (H, W) integers with 0 as background"
        )


def renumber_ids(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Renumber ids in an array of any shape; see `renumber`."""
    if values.min(initial=0) < 0:
        raise ValueError(f"got the id {values.min()} in an instance map; expected 0 or more")
    top = int(values.max(initial=0))
    if top > max(4 * values.size, 1 << 20):  # a lookup table by id would be larger than the map
        present, place = np.unique(values, return_inverse=True)
        background = int(present[0] == 0)
        numbers = place.reshape(values.shape) + (1 - background)
        return present[background:].astype(np.int64), numbers.astype(np.int32)
    is_present = np.zeros(top + 1, np.bool_)
    is_present[values[values > 0]] = True
    ids = np.flatnonzero(is_present)
    if len(ids) == top:
        return ids, values.astype(np.int32, copy=False)
    number = np.zeros(top + 1, np.int32)
    number[ids] = np.arange(1, len(ids) + 1, dtype=np.int32)
    return ids, number[values]
