"""Which rows of which weights an activation came from, as long as it only was moved around since.

Channel identities are merged where heads are split, because the same index goes from each. Here every row keeps its
own number, so that a factor can be put into the rows of the queries and not into those of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from torch import Tensor

from napari_pathprune.pruning.tracing.identities import Ids
from napari_pathprune.pruning.tracing.rules.layout_rules import order_of, reshaped

if TYPE_CHECKING:
    from napari_pathprune.pruning.tracing.tracer import Call, Tracer

Rows = tuple[tuple[str, Ids], ...]
"""Names of parameters, and positions on their axis 0 that broadcast to the tensor's shape."""
_MARK: Final = "_pathprune_rows"


def rows_of(tracer: Tracer, tensor: Tensor) -> Rows:
    """Give the rows that an activation was made by; of a parameter, its own."""
    known: Rows | None = getattr(tensor, _MARK, None)
    if known is None:
        name = tracer.name_of(tensor)
        own = [(name, np.arange(len(tensor)).reshape((-1,) + (1,) * (tensor.ndim - 1)))] if name and tensor.ndim else []
        known = tuple(own)
    return known


def carry_rows(tracer: Tracer, call: Call) -> None:
    """Write down the rows of an operation's results."""
    made = _MAKES.get(call.name)
    if made is not None:
        axis = made % call.outputs[0].ndim
        rows: list[tuple[str, Ids]] = []
        for tensor in call.inputs[1:]:
            for name, positions in rows_of(tracer, tensor):
                if positions.size == len(tensor):
                    shape = [1] * call.outputs[0].ndim
                    shape[axis] = len(tensor)
                    if len(tensor) == call.outputs[0].shape[axis]:
                        rows.append((name, positions.reshape(shape)))
        setattr(call.outputs[0], _MARK, tuple(rows))
        return
    moves = _MOVES.get(call.name)
    if moves is None or (call.name in _SCALES and len(call.inputs) > 1):
        return
    known = rows_of(tracer, call.inputs[0])
    moved = [(name, moves(call, positions)) for name, positions in known]
    for number, output in enumerate(call.outputs):
        setattr(output, _MARK, tuple((name, parts[number]) for name, parts in moved))


def _same(call: Call, rows: Ids) -> Sequence[Ids]:
    del call
    return (rows,)


def _viewed(call: Call, rows: Ids) -> Sequence[Ids]:
    old, new = tuple(call.inputs[0].shape), tuple(call.outputs[0].shape)
    return (rows if 0 in old else reshaped(rows, old, new)[0],)


def _permuted(call: Call, rows: Ids) -> Sequence[Ids]:
    return (rows.transpose(order_of(call)),)


def _expanded(call: Call, rows: Ids) -> Sequence[Ids]:
    return (rows.reshape((1,) * (call.outputs[0].ndim - rows.ndim) + rows.shape),)


def _selected(call: Call, rows: Ids) -> Sequence[Ids]:
    axis = int(call.get("dim", 0)) % rows.ndim
    numbers = [int(call.get("index"))] if call.name == "select" else range(len(call.outputs))
    return [rows.take([number if rows.shape[axis] > 1 else 0], axis).squeeze(axis) for number in numbers]


def _divided(call: Call, rows: Ids) -> Sequence[Ids]:
    axis = int(call.get("dim", 0)) % rows.ndim
    if rows.shape[axis] == 1:
        return [rows] * len(call.outputs)
    ends = np.cumsum([0, *(output.shape[axis] for output in call.outputs)]).tolist()
    if call.name == "slice":
        start = int(call.get("start") or 0)
        length = rows.shape[axis]
        start = min(max(start + length if start < 0 else start, 0), length)
        step = int(call.get("step", 1))
        return (rows.take(np.arange(start, start + step * ends[1], step), axis),)
    return [rows.take(np.arange(a, b), axis) for a, b in pairwise(ends)]


_MAKES: Final[dict[str, int]] = {"linear": -1, "conv1d": 1, "conv2d": 1, "conv3d": 1}
_SCALES: Final = frozenset({"mul", "div"})
_MOVES: Final[dict[str, Callable[[Any, Ids], Sequence[Ids]]]] = {
    **dict.fromkeys(("contiguous", "clone", "dropout", "to", "_to_copy", "alias", "detach", *_SCALES), _same),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "unflatten", "flatten", "squeeze", "unsqueeze"), _viewed),
    **dict.fromkeys(("permute", "transpose", "t"), _permuted),
    "expand": _expanded,
    **dict.fromkeys(("select", "unbind"), _selected),
    **dict.fromkeys(("slice", "split", "split_with_sizes", "chunk"), _divided),
}
