"""Rules for operations that give a tensor another shape: channel identities move with its entries."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_pathprune.pruning.tracing.identities import Factors, Ids

if TYPE_CHECKING:
    from napari_pathprune.pruning.tracing.tracer import Call, Rule, Tracer


def free_view(tracer: Tracer, call: Call) -> Factors | None:
    """Reshape in a way that follows the input's shape: flatten, squeeze, unsqueeze."""
    out = tuple(call.outputs[0].shape)
    old = tuple(call.inputs[0].shape)
    if 0 in old:
        return None
    moved = [_viewed(tracer, factor, old, out) for factor in tracer.of(call.inputs[0])]
    return tuple(factor for factor in moved if factor.size > 1)


def view(tracer: Tracer, call: Call) -> Factors | None:
    """Reshape to sizes given as numbers, which may or may not follow when channels are cut."""
    tracer.doubt = True
    return free_view(tracer, call)


def _viewed(tracer: Tracer, factor: Ids, old: tuple[int, ...], new: tuple[int, ...]) -> Ids:
    moved, cut = reshaped(factor, old, new)
    for outs in cut:
        moved = _tied(tracer, moved, outs)
    return moved


def reshaped(factor: Ids, old: tuple[int, ...], new: tuple[int, ...]) -> tuple[Ids, list[tuple[int, ...]]]:
    """Reshape an array that broadcasts to shape ``old``; give also the new axes that each of its axes became."""
    before = list(factor.shape)
    after = [1] * len(new)
    cut: list[tuple[int, ...]] = []
    for ins, outs in _segments(old, new):
        if all(factor.shape[axis] == 1 for axis in ins):
            continue
        for axis in ins:
            before[axis] = old[axis]
        for axis in outs:
            after[axis] = new[axis]
        cut.append(outs)
    return np.broadcast_to(factor, before).reshape(after), cut


def _tied(tracer: Tracer, factor: Ids, axes: tuple[int, ...]) -> Ids:
    """Keep what varies on one axis only.

    Where a view splits a channel axis (heads, shuffled parts), rows have to stay equally long and in order:
    the same index is cut in every row, so the last axis stands for all.
    """
    if sum(factor.shape[axis] > 1 for axis in axes) < 2:
        return factor
    if bool((factor == factor.flat[0]).all()):
        tracer.freeze((factor,), "one channel takes several axes")
        return factor[(slice(1),) * factor.ndim]
    varying = []
    for axis in axes:
        first = factor.take([0], axis)
        if factor.shape[axis] > 1 and bool((first == factor).all()):
            factor = first
        elif factor.shape[axis] > 1:
            varying.append(axis)
    for axis in varying[:-1]:
        first = factor.take([0], axis)
        tracer.ids.unite(np.ascontiguousarray(np.broadcast_to(first, factor.shape)), factor)
        factor = first
    return factor


@lru_cache(maxsize=4096)
def _segments(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Pair the axes of two shapes of equal size: the smallest runs of axes whose products agree."""
    segments = []
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
        segments.append((tuple(ins), tuple(outs)))
    return tuple(segments)


def permute(tracer: Tracer, call: Call) -> Factors:
    """Reorder axes."""
    order = order_of(call)
    return tuple(factor.transpose(order) for factor in tracer.of(call.inputs[0]))


def order_of(call: Call) -> list[int]:
    """Give the order in which an operation puts the axes."""
    x = call.inputs[0]
    if call.name == "permute":
        return [axis % x.ndim for axis in call.get("dims")]
    order = list(range(x.ndim))
    first, second = (0, 1) if call.name == "t" else (call.get("dim0"), call.get("dim1"))
    if x.ndim > 1:
        order[first], order[second] = order[second], order[first]
    return order


def expand(tracer: Tracer, call: Call) -> Factors:
    """Repeat axes of length 1; sizes are numbers."""
    tracer.doubt = True
    missing = call.outputs[0].ndim - call.inputs[0].ndim
    return tuple(factor.reshape((1,) * missing + factor.shape) for factor in tracer.of(call.inputs[0]))


def repeat(tracer: Tracer, call: Call) -> Factors:
    """Repeat the whole tensor along its axes."""
    counts = call.get("repeats")
    out: list[Ids] = []
    for factor in tracer.of(call.inputs[0]):
        aligned = factor.reshape((1,) * (len(counts) - factor.ndim) + factor.shape)
        out.append(np.tile(aligned, [n if length > 1 else 1 for n, length in zip(counts, aligned.shape, strict=True)]))
    return tuple(out)


def flip(tracer: Tracer, call: Call) -> Factors:
    """Turn axes around."""
    axes = tuple(axis % call.inputs[0].ndim for axis in call.get("dims"))
    return tuple(np.flip(factor, axes) for factor in tracer.of(call.inputs[0]))


def as_strided(tracer: Tracer, call: Call) -> Factors | None:
    """Only other strides for axes of length 1, as pooling to one pixel makes them."""
    x = call.inputs[0]
    same = tuple(call.get("size")) == tuple(x.shape)
    strides = [s for s, n in zip(x.stride(), x.shape, strict=True) if n > 1]
    wanted = [s for s, n in zip(call.get("stride"), x.shape, strict=True) if n > 1] if same else None
    return tracer.of(x) if same and (call.in_place or strides == wanted) else None


def pixel_shuffle(tracer: Tracer, call: Call) -> Factors:
    """Make pixels of channels: the channels of one block stay or go together."""
    x = call.inputs[0]
    square = call.get("upscale_factor") ** 2
    ids = tracer.line(x, x.ndim - 3, "pixel shuffle")
    tracer.freeze(tuple(f for f in tracer.of(x) if f.shape[-3] == 1), "pixel shuffle mixes channels")
    if ids is None:
        return ()
    blocks = ids.reshape(-1, square)
    tracer.ids.unite(np.ascontiguousarray(np.broadcast_to(blocks[:, :1], blocks.shape)), blocks)
    return (blocks[:, 0].reshape((1,) * (x.ndim - 3) + (-1, 1, 1)),)


LAYOUT_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("flatten", "squeeze", "unsqueeze"), free_view),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "unflatten"), view),
    **dict.fromkeys(("permute", "transpose", "t"), permute),
    "expand": expand,
    "repeat": repeat,
    "flip": flip,
    "as_strided": as_strided,
    "pixel_shuffle": pixel_shuffle,
}
