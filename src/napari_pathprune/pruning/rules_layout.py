"""Rules for operations that only move entries: channel identities move with them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_pathprune.pruning.identities import Factors, Ids
from napari_pathprune.pruning.rules_pointwise import meeting

if TYPE_CHECKING:
    from napari_pathprune.pruning.tracer import Call, Rule, Tracer


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
    moved = np.broadcast_to(factor, before).reshape(after)
    for outs in cut:
        moved = _tied(tracer, moved, outs)
    return moved


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
    x = call.inputs[0]
    if call.name == "permute":
        order = [axis % x.ndim for axis in call.get("dims")]
    else:
        order = list(range(x.ndim))
        first, second = (0, 1) if call.name == "t" else (call.get("dim0"), call.get("dim1"))
        if x.ndim > 1:
            order[first], order[second] = order[second], order[first]
    return tuple(factor.transpose(order) for factor in tracer.of(x))


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
        parts = [factor.take(np.arange(a, b), axis) for a, b in zip(starts[:-1], starts[1:], strict=True)]
        for piece, part in zip(out, parts, strict=True):
            if part.shape == parts[0].shape:
                tracer.ids.unite(parts[0], part)
                piece.append(parts[0])
            else:
                piece.append(part)
    return [tuple(piece) for piece in out]


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


def flip(tracer: Tracer, call: Call) -> Factors:
    """Turn axes around."""
    axes = tuple(axis % call.inputs[0].ndim for axis in call.get("dims"))
    return tuple(np.flip(factor, axes) for factor in tracer.of(call.inputs[0]))


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
    "slice": slicing,
    **dict.fromkeys(("select", "unbind"), select),
    **dict.fromkeys(("split", "split_with_sizes", "chunk"), pieces),
    **dict.fromkeys(("cat", "concat"), cat),
    "stack": stack,
    "flip": flip,
    "index": index,
    "index_select": index_select,
    "as_strided": as_strided,
    "pixel_shuffle": pixel_shuffle,
}
