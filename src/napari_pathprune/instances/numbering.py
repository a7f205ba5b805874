"""Instance numbers without gaps, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def without_gaps(instances: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Give the instances of a map numbers from 1 on, in the order of their ids.

    Parameters
    ----------
    instances
        (H, W) integers, 0 background, ids with or without gaps.

    Returns
    -------
    ids
        (N,) int64, ascending: the id of number k is ``ids[k - 1]``.
    numbers
        (H, W) int32, 0 to N.

    Raises
    ------
    ValueError
        If the map is not two-dimensional, not of integers, or holds negative ids.
    """
    require_instance_map(instances)
    return numbered(instances)


def require_instance_map(instances: NDArray[Any]) -> None:
    """Refuse, with a ValueError, what is not two-dimensional or not of integers."""
    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise ValueError(
            f"an instance map is (H, W) integers with 0 as background; got {instances.shape} {instances.dtype}"
        )


def numbered(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Give ids of any shape numbers without gaps; see `without_gaps`."""
    if values.min(initial=0) < 0:
        raise ValueError(f"ids of an instance map are 0 or more; got {values.min()}")
    top = int(values.max(initial=0))
    if top > max(4 * values.size, 1 << 20):  # a look-up table by id would be larger than the map
        present, place = np.unique(values, return_inverse=True)
        background = int(present[0] == 0)
        numbers = place.reshape(values.shape) + (1 - background)
        return present[background:].astype(np.int64), numbers.astype(np.int32)
    is_there = np.zeros(top + 1, np.bool_)
    is_there[values[values > 0]] = True
    ids = np.flatnonzero(is_there)
    if len(ids) == top:
        return ids, values.astype(np.int32, copy=False)
    number = np.zeros(top + 1, np.int32)
    number[ids] = np.arange(1, len(ids) + 1, dtype=np.int32)
    return ids, number[values]
