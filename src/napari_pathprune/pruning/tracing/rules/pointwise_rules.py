"""Rules for operations that treat each entry alone: channels that meet in them are cut together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from torch import Tensor

from napari_pathprune.pruning.tracing.axes import long_axes
from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.identities import Factors, Ids
from napari_pathprune.pruning.tracing.origins import rows_of
from napari_pathprune.pruning.tracing.tracer import Rule, Tracer

Shape = Sequence[int]


def trace_pointwise(tracer: Tracer, call: Call) -> Factors:
    """Unite channels that meet entry by entry."""
    inputs = call.inputs
    if len(inputs) > 1 and tracer.is_buffer(inputs[0]):  # parameters stand for the result, not their masks
        inputs = tuple(sorted(inputs, key=tracer.is_buffer))
    operands = [(tracer.shape_of(tensor), tracer.of(tensor)) for tensor in inputs]
    return unite_operands(tracer, operands, call.outputs[0].shape, joins=call.name in {"add", "sub"})


def unite_operands(
    tracer: Tracer, operands: Sequence[tuple[Shape, Factors]], shape: Shape, *, joins: bool = False
) -> Factors:
    """Unite the channels of tensors that are broadcast against each other, and return the factors of the result.

    Channels that meet an axis without channels (positions, the input, a constant) cannot be cut, unless that axis is
    repeated. With ``joins`` the operation is an addition: channels of two producers that meet in it make a skip group.

    Parameters
    ----------
    tracer
        Of the run.
    operands
        Shape and factors of each tensor.
    shape
        Of the result.
    joins
        Whether the operation is an addition.
    """
    parts = [
        (number, factor.reshape((1,) * (len(shape) - factor.ndim) + factor.shape))
        for number, (_, factors) in enumerate(operands)
        for factor in factors
    ]
    if len(parts) == 1 and len(operands) == 1:
        return (parts[0][1],)
    # channels that a filter made come first: their identities then stand for the result
    parts.sort(key=lambda part: not tracer.ids.is_made(part[1]))
    result: list[Ids] = []
    while parts:
        cluster, common, parts = _split_overlapping(parts)
        first = cluster[0][1]
        _unite(tracer, first, [factor for _, factor in cluster[1:]], joins=joins)
        picked = first[tuple(slice(None) if axis in common else slice(1) for axis in range(first.ndim))]
        present = {number for number, _ in cluster}
        meets_all = all(n in present or _is_repeated(own, len(shape), common) for n, (own, _) in enumerate(operands))
        if not meets_all:
            tracer.freeze((picked,), "meets an axis that is no channel axis")
        if meets_all or tracer.ids.is_made(picked):
            result.append(picked)
    return tuple(result)


_Part = tuple[int, Ids]


def _split_overlapping(parts: list[_Part]) -> tuple[list[_Part], frozenset[int], list[_Part]]:
    """Split off the first factor and those that share axes with it; return them, their common axes and the rest."""
    cluster, apart = [parts[0]], []
    axes = common = long_axes(parts[0][1])
    for part in parts[1:]:
        other = long_axes(part[1])
        if other & axes:
            axes, common = axes | other, common & other
            cluster.append(part)
        else:
            apart.append(part)
    return cluster, common, apart


def _unite(tracer: Tracer, first: Ids, others: Sequence[Ids], *, joins: bool) -> None:
    for factor in others:
        if factor is first:
            continue
        if joins and tracer.ids.is_made(first) and tracer.ids.is_made(factor) and not _equal(first, factor):
            tracer.ids.joined.extend((first.ravel(), factor.ravel()))
        tracer.ids.unite(*np.broadcast_arrays(first, factor))


def _equal(first: Ids, second: Ids) -> bool:
    return first.shape == second.shape and bool((first == second).all())


def _is_repeated(shape: Shape, ndim: int, axes: frozenset[int]) -> bool:
    """Return whether a tensor is broadcast along all of these axes of the result."""
    missing = ndim - len(shape)
    return all(axis < missing or shape[axis - missing] == 1 for axis in axes)


def trace_like_first(tracer: Tracer, call: Call) -> Factors:
    """Return the channels of the first tensor: the others only lend their type or device."""
    return tracer.of(call.inputs[0])


def standardises(tracer: Tracer, weight: Tensor) -> bool:
    """Return whether statistics of a tensor are those of a layer's own weight, and note that weight.

    After a cut, such statistics are taken over the channels that stay. A masked model then leaves out the others, for
    which it has to read the channels of the layer's input on axis 1.
    """
    if not tracer.facts.is_weight(weight) or tracer.stack[-1][0] not in tracer.entries:
        return False
    names = {name for name, _ in rows_of(tracer.facts, weight)}
    if len(names) != 1 or not tracer.is_filter(name := names.pop()):
        return False
    tracer.ids.standardised.append(name)
    return True


def trace_new(tracer: Tracer, call: Call) -> Factors:
    """Return no channels: a new tensor takes only its type from another."""
    del tracer, call
    return ()


_POINTWISE: Final = """
    relu relu6 hardswish hardsigmoid hardtanh silu gelu elu selu celu mish sigmoid tanh leaky_relu softplus
    log_sigmoid _prelu_kernel rrelu hardshrink softshrink threshold clone contiguous detach alias lift lift_fresh
    lift_fresh_copy dropout feature_dropout alpha_dropout native_dropout copy where masked_fill fill zero clamp
    clamp_min clamp_max add sub rsub mul div true_divide floor_divide
    remainder maximum minimum pow square sqrt rsqrt exp log neg abs sign reciprocal
    addcmul addcdiv lerp isnan isinf nan_to_num bernoulli conj resolve_conj positive
"""
_LIKE: Final = """
    to _to_copy type_as zeros_like ones_like full_like empty_like rand_like randn_like randint_like
"""
_NEW: Final = "new_zeros new_ones new_full new_empty scalar_tensor"

POINTWISE_RULES: Final[dict[str, Rule]] = {
    "pointwise": trace_pointwise,
    **dict.fromkeys(_POINTWISE.split(), trace_pointwise),
    **dict.fromkeys(_LIKE.split(), trace_like_first),
    **dict.fromkeys(_NEW.split(), trace_new),
}
