"""Rules for operations that change the shape of a tensor: channel identities move with its entries."""

from __future__ import annotations

from typing import Final

import numpy as np

from napari_pathprune.pruning.tracing.axes import permuted_axes, view_factor
from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.identities import Factors, Ids
from napari_pathprune.pruning.tracing.tracer import Rule, Tracer


def trace_flatten(tracer: Tracer, call: Call) -> Factors | None:
    """Reshape to sizes that follow those of the input: flatten, squeeze, unsqueeze."""
    out = tuple(call.outputs[0].shape)
    old = tuple(call.inputs[0].shape)
    if 0 in old:
        return None
    moved = [_view(tracer, factor, old, out) for factor in tracer.of(call.inputs[0])]
    return tuple(factor for factor in moved if factor.size > 1)


def trace_view(tracer: Tracer, call: Call) -> Factors | None:
    """Reshape to sizes given as numbers, which may or may not follow when channels are cut."""
    tracer.doubt = True
    return trace_flatten(tracer, call)


def _view(tracer: Tracer, factor: Ids, old: tuple[int, ...], new: tuple[int, ...]) -> Ids:
    moved, became = view_factor(factor, old, new)
    for axes in became:
        moved = _tie_rows(tracer, moved, axes)
    return moved


def _tie_rows(tracer: Tracer, factor: Ids, axes: tuple[int, ...]) -> Ids:
    """Reduce a factor so that it varies on one of these axes only.

    Where a view splits a channel axis (heads, shuffled parts), the rows have to keep the same length and order. The
    same index is therefore cut in every row, and the last axis stands for all.
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


def trace_permute(tracer: Tracer, call: Call) -> Factors:
    """Reorder axes."""
    order = permuted_axes(call)
    return tuple(factor.transpose(order) for factor in tracer.of(call.inputs[0]))


def trace_expand(tracer: Tracer, call: Call) -> Factors:
    """Repeat axes of length 1; the sizes are numbers."""
    tracer.doubt = True
    missing = call.outputs[0].ndim - call.inputs[0].ndim
    return tuple(factor.reshape((1,) * missing + factor.shape) for factor in tracer.of(call.inputs[0]))


def trace_repeat(tracer: Tracer, call: Call) -> Factors:
    """Repeat the whole tensor along its axes."""
    counts = call.get("repeats")
    out: list[Ids] = []
    for factor in tracer.of(call.inputs[0]):
        aligned = factor.reshape((1,) * (len(counts) - factor.ndim) + factor.shape)
        out.append(np.tile(aligned, [n if length > 1 else 1 for n, length in zip(counts, aligned.shape, strict=True)]))
    return tuple(out)


def trace_flip(tracer: Tracer, call: Call) -> Factors:
    """Reverse axes."""
    axes = tuple(axis % call.inputs[0].ndim for axis in call.get("dims"))
    return tuple(np.flip(factor, axes) for factor in tracer.of(call.inputs[0]))


def trace_as_strided(tracer: Tracer, call: Call) -> Factors | None:
    """Accept new strides for axes of length 1 only, which pooling to one pixel makes."""
    x = call.inputs[0]
    same = tuple(call.get("size")) == tuple(x.shape)
    strides = [s for s, n in zip(x.stride(), x.shape, strict=True) if n > 1]
    new = [s for s, n in zip(call.get("stride"), x.shape, strict=True) if n > 1] if same else None
    return tracer.of(x) if same and (call.in_place or strides == new) else None


def trace_pixel_shuffle(tracer: Tracer, call: Call) -> Factors:
    """Turn channels into pixels: the channels of one block are cut together."""
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
    **dict.fromkeys(("flatten", "squeeze", "unsqueeze"), trace_flatten),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "unflatten", "view_as", "reshape_as"), trace_view),
    **dict.fromkeys(("permute", "transpose", "t"), trace_permute),
    **dict.fromkeys(("expand", "expand_as"), trace_expand),
    "repeat": trace_repeat,
    "flip": trace_flip,
    "as_strided": trace_as_strided,
    "pixel_shuffle": trace_pixel_shuffle,
}
