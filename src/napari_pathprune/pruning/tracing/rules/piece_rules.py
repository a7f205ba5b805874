"""Rules for operations that split tensors or join them."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from napari_pathprune.pruning.tracing.axes import place_on_axis
from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.identities import Factors, Ids
from napari_pathprune.pruning.tracing.rules.pointwise_rules import unite_operands
from napari_pathprune.pruning.tracing.tracer import Rule, Tracer


def trace_slice(tracer: Tracer, call: Call) -> Factors:
    """Take a part of an axis; of a channel axis only without steps. Its ends are numbers."""
    x = call.inputs[0]
    axis = int(call.get("dim", 0)) % x.ndim
    length, taken = x.shape[axis], call.outputs[0].shape[axis]
    start = call.get("start") or 0
    start = min(max(start + length if start < 0 else start, 0), length)
    out: list[Ids] = []
    for factor in tracer.of(x):
        if factor.shape[axis] == 1 or taken == length:
            out.append(factor)
        elif taken == 0 or call.get("step", 1) != 1:
            tracer.freeze((factor,), "every other channel is picked")
        else:
            tracer.doubt = True
            out.append(factor.take(np.arange(start, start + taken), axis))
    return tuple(out)


def trace_select(tracer: Tracer, call: Call) -> Factors | list[Factors]:
    """Take one entry of an axis, or each alone; freeze channels on that axis."""
    x = call.inputs[0]
    axis = int(call.get("dim", 0)) % x.ndim
    out: list[Ids] = []
    for factor in tracer.of(x):
        if factor.shape[axis] == 1:
            out.append(factor.squeeze(axis))
        else:
            tracer.freeze((factor,), "one channel is picked by its number")
    return tuple(out)


def trace_split(tracer: Tracer, call: Call) -> list[Factors]:
    """Split an axis. Equal pieces of a channel axis lose the same channels, so that chunks stay equally long."""
    x = call.inputs[0]
    axis = int(call.get("dim", 0)) % x.ndim
    lengths = [output.shape[axis] for output in call.outputs]
    starts = np.cumsum([0, *lengths])
    out: list[list[Ids]] = [[] for _ in lengths]
    for factor in tracer.of(x):
        if factor.shape[axis] == 1 or len(lengths) == 1:
            for piece in out:
                piece.append(factor)
            continue
        tracer.doubt = tracer.doubt or call.name != "chunk" or len(set(lengths)) > 1
        parts = [factor.take(np.arange(a, b), axis) for a, b in pairwise(starts.tolist())]
        for piece, part in zip(out, parts, strict=True):
            if part.shape == parts[0].shape:
                tracer.ids.unite(parts[0], part)
                piece.append(parts[0])
            else:
                piece.append(part)
    return [tuple(piece) for piece in out]


def trace_glu(tracer: Tracer, call: Call) -> Factors:
    """Multiply one half of an axis by a gate made from the other: both halves lose the same channels."""
    x = call.inputs[0]
    axis = int(call.get("dim", -1)) % x.ndim
    half = x.shape[axis] // 2
    out: list[Ids] = []
    for factor in tracer.of(x):
        if factor.shape[axis] == 1:
            out.append(factor)
            continue
        first, second = factor.take(np.arange(half), axis), factor.take(np.arange(half, 2 * half), axis)
        tracer.ids.unite(first, second)
        out.append(first)
    return tuple(out)


def trace_cat(tracer: Tracer, call: Call) -> Factors:
    """Join tensors along an axis: channels keep their identities, other entries get frozen ones."""
    tensors = [tensor for tensor in call.inputs if tensor.ndim == call.outputs[0].ndim]
    ndim = call.outputs[0].ndim
    axis = int(call.get("dim", 0)) % ndim
    lines: list[Ids] = []
    found = False
    stubs: list[tuple[list[int], Factors]] = []
    for tensor in tensors:
        ids = tracer.line(tensor, axis, "a concatenation of axes that share channels")
        found = found or ids is not None
        if ids is None:
            ids = tracer.ids.number_positions(tensor.shape[axis])
            tracer.ids.freeze(ids, f"stands beside channels in {tracer.where}")
        lines.append(ids)
        # channels on the other axes meet as in an addition
        stub = [1 if n == axis else length for n, length in enumerate(tensor.shape)]
        stubs.append((stub, tuple(factor for factor in tracer.of(tensor) if factor.shape[axis] == 1)))
    out = unite_operands(tracer, stubs, [1 if n == axis else s for n, s in enumerate(call.outputs[0].shape)])
    if not found:  # positions, such as those of tokens
        return out
    return (*out, place_on_axis(np.concatenate(lines), axis, ndim))


def trace_stack(tracer: Tracer, call: Call) -> Factors:
    """Join tensors along a new axis."""
    out = unite_operands(tracer, [(t.shape, tracer.of(t)) for t in call.inputs], call.inputs[0].shape)
    axis = int(call.get("dim", 0)) % call.outputs[0].ndim
    return tuple(np.expand_dims(factor, axis) for factor in out)


def trace_index(tracer: Tracer, call: Call) -> Factors:
    """Pick entries by tensors of indices; freeze channels on the indexed axes."""
    x = call.inputs[0]
    picked = [n for n, entry in enumerate(call.get("indices")) if entry is not None]
    for tensor in call.inputs[1:]:
        tracer.freeze(tracer.of(tensor), "used as numbers of entries")
    together = picked == list(range(picked[0], picked[-1] + 1))
    grown = call.outputs[0].ndim - (x.ndim - len(picked))
    out: list[Ids] = []
    for factor in tracer.of(x):
        if any(factor.shape[axis] > 1 for axis in picked):
            tracer.freeze((factor,), "channels are picked by their numbers")
            continue
        rest = factor.squeeze(tuple(picked))
        place = picked[0] if together else 0
        out.append(rest.reshape(rest.shape[:place] + (1,) * grown + rest.shape[place:]))
    return tuple(out)


def trace_index_select(tracer: Tracer, call: Call) -> Factors:
    """Pick entries of one axis; freeze channels on that axis."""
    axis = int(call.get("dim")) % call.inputs[0].ndim
    tracer.freeze(tracer.of(call.inputs[1]), "used as numbers of entries")
    bad = tuple(factor for factor in tracer.of(call.inputs[0]) if factor.shape[axis] > 1)
    tracer.freeze(bad, "channels are picked by their numbers")
    return tuple(factor for factor in tracer.of(call.inputs[0]) if factor.shape[axis] == 1)


PIECE_RULES: Final[dict[str, Rule]] = {
    "slice": trace_slice,
    **dict.fromkeys(("select", "unbind"), trace_select),
    **dict.fromkeys(("split", "split_with_sizes", "chunk"), trace_split),
    "glu": trace_glu,
    **dict.fromkeys(("cat", "concat"), trace_cat),
    "stack": trace_stack,
    "index": trace_index,
    "index_select": trace_index_select,
}
