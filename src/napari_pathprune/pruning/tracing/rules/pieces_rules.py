"""Rules for operations that take tensors apart or put them together."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_pathprune.pruning.tracing.identities import Factors, Ids
from napari_pathprune.pruning.tracing.rules.pointwise_rules import meeting

if TYPE_CHECKING:
    from napari_pathprune.pruning.tracing.tracer import Call, Rule, Tracer


def slicing(tracer: Tracer, call: Call) -> Factors:
    """Take a stretch of an axis; of a channel axis only without steps, and its ends are numbers."""
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


def select(tracer: Tracer, call: Call) -> Factors | list[Factors]:
    """Take one entry of an axis, or each by itself; that axis must not be one of channels."""
    x = call.inputs[0]
    axis = int(call.get("dim", 0)) % x.ndim
    out: list[Ids] = []
    for factor in tracer.of(x):
        if factor.shape[axis] == 1:
            out.append(factor.squeeze(axis))
        else:
            tracer.freeze((factor,), "one channel is picked by its number")
    return tuple(out)


def pieces(tracer: Tracer, call: Call) -> list[Factors]:
    """Split an axis. Equal pieces of a channel axis lose the same channels, so that a chunk stays a chunk."""
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


def gated_halves(tracer: Tracer, call: Call) -> Factors:
    """Multiply one half of an axis with the gate that the other is: both halves lose the same channels."""
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


def cat(tracer: Tracer, call: Call) -> Factors:
    """Put tensors one after the other: channels keep who they are, others get a number and stay."""
    tensors = [tensor for tensor in call.inputs if tensor.ndim == call.outputs[0].ndim]
    ndim = call.outputs[0].ndim
    axis = int(call.get("dim", 0)) % ndim
    lines: list[Ids] = []
    stubs: list[tuple[list[int], Factors]] = []
    for tensor in tensors:
        ids = tracer.line(tensor, axis, "a concatenation of axes that share channels")
        if ids is None:
            ids = tracer.ids.anonymous(tensor.shape[axis])
            tracer.ids.freeze(ids, f"stands beside channels in {tracer.where}")
        lines.append(ids)
        # what the tensors carry on the other axes meets as in an addition
        stub = [1 if n == axis else length for n, length in enumerate(tensor.shape)]
        stubs.append((stub, tuple(factor for factor in tracer.of(tensor) if factor.shape[axis] == 1)))
    out = meeting(tracer, stubs, [1 if n == axis else s for n, s in enumerate(call.outputs[0].shape)])
    if all(tracer.of(tensor) == () for tensor in tensors):
        return out
    shape = [1] * ndim
    shape[axis] = call.outputs[0].shape[axis]
    return (*out, np.concatenate(lines).reshape(shape))


def stack(tracer: Tracer, call: Call) -> Factors:
    """Put tensors beside each other along a new axis."""
    out = meeting(tracer, [(t.shape, tracer.of(t)) for t in call.inputs], call.inputs[0].shape)
    axis = int(call.get("dim", 0)) % call.outputs[0].ndim
    return tuple(np.expand_dims(factor, axis) for factor in out)


def index(tracer: Tracer, call: Call) -> Factors:
    """Pick entries by tensors of numbers, on axes that are no channel axes."""
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


def index_select(tracer: Tracer, call: Call) -> Factors:
    """Pick entries of one axis, which must not be one of channels."""
    axis = int(call.get("dim")) % call.inputs[0].ndim
    tracer.freeze(tracer.of(call.inputs[1]), "used as numbers of entries")
    bad = tuple(factor for factor in tracer.of(call.inputs[0]) if factor.shape[axis] > 1)
    tracer.freeze(bad, "channels are picked by their numbers")
    return tuple(factor for factor in tracer.of(call.inputs[0]) if factor.shape[axis] == 1)


PIECE_RULES: Final[dict[str, Rule]] = {
    "slice": slicing,
    **dict.fromkeys(("select", "unbind"), select),
    **dict.fromkeys(("split", "split_with_sizes", "chunk"), pieces),
    "glu": gated_halves,
    **dict.fromkeys(("cat", "concat"), cat),
    "stack": stack,
    "index": index,
    "index_select": index_select,
}
