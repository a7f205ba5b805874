"""The rows of weights that an activation was made by, as long as it has only been moved around since.

Channel identities are merged where heads are split, because the same index is cut from each head. Here every row
keeps its own number, so that a factor can be put into the rows of the queries and not into those of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from torch import Tensor

from napari_pathprune.pruning.tracing.axes import permuted_axes, place_on_axis, view_factor
from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.facts import FactsTable, Rows
from napari_pathprune.pruning.tracing.identities import Ids


def rows_of(facts: FactsTable, tensor: Tensor) -> Rows:
    """Return the rows that an activation was made by; for a parameter, its own."""
    known = facts.of(tensor).rows
    if known is not None:
        return known
    name = facts.name_of(tensor)
    return ((name, place_on_axis(np.arange(len(tensor)), 0, tensor.ndim)),) if name and tensor.ndim else ()


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """A step that takes in an activation and does not carry its rows on.

    Attributes
    ----------
    rows
        The rows that the activation was made by.
    passed
        Numbers of the steps that multiplied it by a number.
    """

    rows: Rows
    passed: tuple[int, ...]


def carry_rows(facts: FactsTable, call: Call, number: int, uses: list[Use]) -> None:
    """Note the rows that the results of a step were made by; append to ``uses`` where they end."""
    carried = _carry(facts, call, number)
    for tensor in call.inputs[:1] if call.name in _MAKING_AXIS else call.inputs:  # rows of weights go on
        known = facts.of(tensor)
        if known.rows and tensor is not carried:
            own = (number,) if call.name in _SCALED_INSIDE and tensor is call.inputs[0] else ()
            uses.append(Use(known.rows, known.passed + own))


def _carry(facts: FactsTable, call: Call, number: int) -> Tensor | None:
    """Note the rows of the results, and return the input whose rows went on."""
    if call.name in _MAKING_AXIS:
        facts.note(call.outputs[0], rows=_make_rows(facts, call))
        return None
    x = call.inputs[0]
    known, rows = facts.of(x), rows_of(facts, x)
    if call.name in _PRODUCTS:
        return _carry_product(facts, call)
    move = _MOVES.get(call.name)
    scales = call.name in _SCALES
    partial = known.width is not None and move not in _WHOLE
    if move is None or not rows or partial or (scales and call.multiplier is None):
        return None
    passed = (*known.passed, number) if scales else known.passed
    if known.width is not None:
        facts.note(call.outputs[0], rows=rows, width=known.width, passed=passed)
        return x
    moved = [(name, move(call, positions)) for name, positions in rows]
    for place, output in enumerate(call.outputs):
        facts.note(output, rows=tuple((name, parts[place]) for name, parts in moved), passed=passed)
    return x


def _carry_product(facts: FactsTable, call: Call) -> Tensor | None:
    """Note that a product is linear in the rows of its first factor."""
    x = call.inputs[0]
    known, rows = facts.of(x), rows_of(facts, x)
    last = [factor for factor in known.factors or () if factor.size == factor.shape[-1] > 1]
    if not rows or not last or known.width is not None or facts.name_of(x) is not None:
        return None
    every = tuple((name, np.unique(positions)) for name, positions in rows)
    facts.note(call.outputs[0], rows=every, width=last[0].ravel(), passed=known.passed)
    return x


def are_compensated(rows: Rows, steps: Collection[int], uses: Sequence[Use]) -> bool:
    """Return whether every use of an activation made by some rows comes after exactly one of some steps."""
    own = dict(rows)
    return all(
        sum(step in steps for step in use.passed) == 1
        for use in uses
        if any(name in own and np.isin(own[name], positions).any() for name, positions in use.rows)
    )


def _make_rows(facts: FactsTable, call: Call) -> Rows:
    """Return the rows of the weight and the bias of a layer, on the axis of the channels that it makes."""
    output = call.outputs[0]
    axis = _MAKING_AXIS[call.name] % output.ndim
    return tuple(
        (name, place_on_axis(positions.ravel(), axis, output.ndim))
        for tensor in call.inputs[1:]
        for name, positions in rows_of(facts, tensor)
        if positions.size == len(tensor) == output.shape[axis]
    )


def _keep_rows(call: Call, rows: Ids) -> Sequence[Ids]:
    del call
    return (rows,)


def _view_rows(call: Call, rows: Ids) -> Sequence[Ids]:
    old, new = tuple(call.inputs[0].shape), tuple(call.outputs[0].shape)
    return (rows if 0 in old else view_factor(rows, old, new)[0],)


def _permute_rows(call: Call, rows: Ids) -> Sequence[Ids]:
    return (rows.transpose(permuted_axes(call)),)


def _expand_rows(call: Call, rows: Ids) -> Sequence[Ids]:
    return (rows.reshape((1,) * (call.outputs[0].ndim - rows.ndim) + rows.shape),)


def _select_rows(call: Call, rows: Ids) -> Sequence[Ids]:
    axis = int(call.get("dim", 0)) % rows.ndim
    numbers = [int(call.get("index"))] if call.name == "select" else range(len(call.outputs))
    return [rows.take([number if rows.shape[axis] > 1 else 0], axis).squeeze(axis) for number in numbers]


def _split_rows(call: Call, rows: Ids) -> Sequence[Ids]:
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


_MAKING_AXIS: Final[dict[str, int]] = {"linear": -1, "conv1d": 1, "conv2d": 1, "conv3d": 1}
_PRODUCTS: Final = frozenset({"mm", "bmm", "matmul"})
_SCALED_INSIDE: Final = frozenset({"scaled_dot_product_attention"})
_SCALES: Final = frozenset({"mul", "div", "true_divide"})
_MOVES: Final[dict[str, Callable[[Call, Ids], Sequence[Ids]]]] = {
    **dict.fromkeys(("contiguous", "clone", "dropout", "to", "_to_copy", "alias", "detach", *_SCALES), _keep_rows),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "unflatten", "flatten", "squeeze", "unsqueeze"), _view_rows),
    **dict.fromkeys(("permute", "transpose", "t"), _permute_rows),
    "expand": _expand_rows,
    **dict.fromkeys(("select", "unbind"), _select_rows),
    **dict.fromkeys(("slice", "split", "split_with_sizes", "chunk"), _split_rows),
}
_WHOLE: Final = frozenset({_keep_rows, _view_rows, _permute_rows, _expand_rows})
"""Moves that leave no entry out."""
