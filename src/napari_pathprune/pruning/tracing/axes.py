"""How views and permutations move the axes of a tensor, and of arrays that broadcast to it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.identities import Ids

Shape = tuple[int, ...]


def view_factor(factor: Ids, old: Shape, new: Shape) -> tuple[Ids, list[tuple[int, ...]]]:
    """Reshape an array that broadcasts to shape ``old``, as a view to shape ``new`` does.

    Returns
    -------
    Ids
        The array, broadcasting to ``new``.
    list
        For each run of axes of the array that is longer than 1, the new axes it became.
    """
    before = list(factor.shape)
    after = [1] * len(new)
    became: list[tuple[int, ...]] = []
    for ins, outs in _pair_axes(old, new):
        if all(factor.shape[axis] == 1 for axis in ins):
            continue
        for axis in ins:
            before[axis] = old[axis]
        for axis in outs:
            after[axis] = new[axis]
        became.append(outs)
    return np.broadcast_to(factor, before).reshape(after), became


@lru_cache(maxsize=4096)
def _pair_axes(old: Shape, new: Shape) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Pair the axes of two shapes of equal size: the shortest runs of axes whose products agree."""
    pairs = []
    i = j = 0
    while i < len(old) and j < len(new):
        ins, outs = [i], [j]
        a, b = old[i], new[j]
        i, j = i + 1, j + 1
        while a != b:
            if a < b:
                a *= old[i]
                ins.append(i)
                i += 1
            else:
                b *= new[j]
                outs.append(j)
                j += 1
        pairs.append((tuple(ins), tuple(outs)))
    return tuple(pairs)


def permuted_axes(call: Call) -> list[int]:
    """Return the order in which ``permute``, ``transpose`` or ``t`` puts the axes of its input."""
    x = call.inputs[0]
    if call.name == "permute":
        return [axis % x.ndim for axis in call.get("dims")]
    order = list(range(x.ndim))
    first, second = (0, 1) if call.name == "t" else (call.get("dim0"), call.get("dim1"))
    if x.ndim > 1:
        order[first], order[second] = order[second], order[first]
    return order


def place_on_axis(ids: Ids, axis: int, ndim: int) -> Ids:
    """Reshape (n,) identities so that they lie on one axis of an array with ``ndim`` axes."""
    shape = [1] * ndim
    shape[axis] = len(ids)
    return ids.reshape(shape)


def long_axes(factor: Ids) -> frozenset[int]:
    """Return the axes of an array that are longer than 1."""
    return frozenset(axis for axis, length in enumerate(factor.shape) if length > 1)
