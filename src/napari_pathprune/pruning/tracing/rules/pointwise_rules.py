"""Rules for operations that treat entries one by one or take statistics over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from torch import Tensor

from napari_pathprune.pruning.cutting.masked_norm import STATISTICS
from napari_pathprune.pruning.tracing.identities import Factors, Ids
from napari_pathprune.pruning.tracing.silence import is_loud

if TYPE_CHECKING:
    from napari_pathprune.pruning.tracing.tracer import Call, Rule, Tracer

Shape = Sequence[int]

LOUD: Final = "they are not zero where a filter makes zeros, and are summed over"


def pointwise(tracer: Tracer, call: Call) -> Factors:
    """Unite what meets entry by entry; a batch norm's output has the channels of its input."""
    operands = [(tracer.shape_of(tensor), tracer.of(tensor)) for tensor in call.inputs]
    return meeting(tracer, operands, call.outputs[0].shape, joins=call.name in {"add", "sub"})


def meeting(tracer: Tracer, operands: Sequence[tuple[Shape, Factors]], shape: Shape, *, joins: bool = False) -> Factors:
    """Unite the channels of tensors that are broadcast against each other, and give the result's factors.

    Channels that meet an axis of the same length that carries none (positions, the input, a constant) cannot be
    cut. With ``joins`` the operation is an addition: channels of two producers that meet in it make a skip group.
    """
    parts = [
        (number, factor.reshape((1,) * (len(shape) - factor.ndim) + factor.shape))
        for number, (_, factors) in enumerate(operands)
        for factor in factors
    ]
    if len(parts) == 1 and len(operands) == 1:
        return (parts[0][1],)
    # what a filter made comes first: its identities then stand for the result
    parts.sort(key=lambda part: not tracer.ids.made(part[1]))
    result: list[Ids] = []
    while parts:
        cluster, common, parts = _overlapping(parts)
        first = cluster[0][1]
        _unite(tracer, first, [factor for _, factor in cluster[1:]], joins=joins)
        picked = first[tuple(slice(None) if axis in common else slice(1) for axis in range(first.ndim))]
        present = {number for number, _ in cluster}
        meets_all = all(n in present or _broadcasts(own, len(shape), common) for n, (own, _) in enumerate(operands))
        if not meets_all:
            tracer.freeze((picked,), "meets an axis that is no channel axis")
        if meets_all or tracer.ids.made(picked):
            result.append(picked)
    return tuple(result)


_Part = tuple[int, Ids]


def _overlapping(parts: list[_Part]) -> tuple[list[_Part], frozenset[int], list[_Part]]:
    """Take the first factor and those that share axes with it; give the axes that all have, and the rest."""
    cluster, apart = [parts[0]], []
    axes = common = _axes(parts[0][1])
    for part in parts[1:]:
        other = _axes(part[1])
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
        if joins and tracer.ids.made(first) and tracer.ids.made(factor) and not _equal(first, factor):
            tracer.ids.joined.extend((first.ravel(), factor.ravel()))
        tracer.ids.unite(*np.broadcast_arrays(first, factor))


def _axes(factor: Ids) -> frozenset[int]:
    return frozenset(axis for axis, length in enumerate(factor.shape) if length > 1)


def _equal(first: Ids, second: Ids) -> bool:
    return first.shape == second.shape and bool((first == second).all())


def _broadcasts(shape: Shape, ndim: int, axes: frozenset[int]) -> bool:
    missing = ndim - len(shape)
    return all(axis < missing or shape[axis - missing] == 1 for axis in axes)


def nothing(tracer: Tracer, call: Call) -> Factors:
    """Give new tensors no channels, whatever tensor their type was taken from."""
    del tracer, call
    return ()


def reduction(tracer: Tracer, call: Call) -> Factors:
    """Take sums, means or extremes: channels that are not reduced over go on, the others are mixed."""
    x = call.inputs[0]
    if len(call.inputs) > 1:  # the larger of two tensors, entry by entry
        return pointwise(tracer, call)
    dims = call.get("dim")
    axes = set(range(x.ndim)) if dims is None or dims == [] else {d % x.ndim for d in _listed(dims)}
    if call.name in _SUMS and not is_loud(x):  # silent channels add nothing
        return tuple(
            factor if call.get("keepdim", False) else factor.squeeze(tuple(axes))
            for factor in tracer.of(x)
            if not _axes(factor) & axes
        )
    return _without(tracer, call, axes, keepdim=bool(call.get("keepdim", False)))


def along(tracer: Tracer, call: Call) -> Factors:
    """Softmax, cumulative sums, sorting along one axis: other axes go on."""
    x = call.inputs[0]
    dims = call.get("dims") if call.name == "roll" else call.get("dim", -1)
    axes = {d % x.ndim for d in _listed(dims)} or set(range(x.ndim))
    return _without(tracer, call, axes, keepdim=True)


def _listed(dims: int | Sequence[int]) -> Sequence[int]:
    return (dims,) if isinstance(dims, int) else dims


def _without(tracer: Tracer, call: Call, axes: set[int], *, keepdim: bool) -> Factors:
    kept: list[Ids] = []
    same_shape = call.outputs[0].shape == call.inputs[0].shape
    for factor in tracer.of(call.inputs[0]):
        mixed = bool(_axes(factor) & axes)
        if mixed:
            tracer.freeze((factor,), f"{call.name} mixes channels")
        if keepdim and (not mixed or same_shape):
            kept.append(factor)
        elif not mixed:
            kept.append(factor.squeeze(tuple(axes)))
    return tuple(kept)


def spatial(tracer: Tracer, call: Call) -> Factors:
    """Pooling and resampling of the last axes: channels before them go on."""
    count = next((n for n in (1, 2, 3) if f"{n}d" in call.name), 0)
    x = call.inputs[0]
    if count == 0:
        return _without(tracer, call, set(range(2, x.ndim)), keepdim=True)
    return _without(tracer, call, set(range(x.ndim - count, x.ndim)), keepdim=True)


def padding(tracer: Tracer, call: Call) -> Factors:
    """Pad axes that are no channel axes."""
    x = call.inputs[0]
    pad = call.get("pad")
    axes = {x.ndim - 1 - n // 2 for n, amount in enumerate(pad) if amount}
    return _without(tracer, call, axes, keepdim=True)


def batch_norm(tracer: Tracer, call: Call) -> Factors:
    """Unite the parameters with axis 1: each channel has statistics of its own."""
    return _scaled(tracer, call, call.inputs[0], call.inputs[1:])


def _scaled(tracer: Tracer, call: Call, x: Tensor, parameters: Sequence[Tensor]) -> Factors:
    ids = tracer.line(x, 1, f"{call.name} over channels that share an axis with others")
    others = tuple(f for f in tracer.of(x) if f.shape[1] == 1)
    tracer.freeze(others, f"{call.name} mixes channels")
    for parameter in parameters:
        own = tracer.line(parameter, 0, call.name)
        if own is None:
            continue
        if ids is None:
            tracer.freeze((own,), "applies to channels that are not cut")
        else:
            tracer.ids.unite(ids, own)
    return () if ids is None else (_on_axis(ids, 1, x.ndim),)


def prelu(tracer: Tracer, call: Call) -> Factors:
    """One slope for all channels, or one for each."""
    x, slope = call.inputs
    return tracer.of(x) if slope.numel() == 1 else _scaled(tracer, call, x, (slope,))


def group_norm(tracer: Tracer, call: Call) -> Factors:
    """Statistics over each norm group: its channels stay or go together, unless one norm group has them all."""
    result = _scaled(tracer, call, call.inputs[0], call.inputs[1:])
    groups = int(call.get("num_groups", call.get("group", 1)))
    if not result:
        return ()
    if groups == 1:
        _over_channels(tracer, call, result)
        return result
    ids = result[0].reshape(groups, -1)
    if ids.shape[1] == 1:
        return result
    first = np.broadcast_to(ids[:, :1], ids.shape)
    tracer.ids.unite(np.ascontiguousarray(first), ids)
    return (first.reshape(result[0].shape),)


def layer_norm(tracer: Tracer, call: Call) -> Factors:
    """Statistics over the last axes; where that is one axis, over the channels that stay."""
    tracer.doubt = True  # its shape is told as numbers
    x = call.inputs[0]
    result = meeting(tracer, [(tensor.shape, tracer.of(tensor)) for tensor in call.inputs], x.shape)
    count = len(call.get("normalized_shape"))
    over = tuple(factor for factor in result if math.prod(factor.shape[-count:]) > 1)
    if count > 1 or any(factor.size > factor.shape[-1] for factor in over):
        tracer.freeze(over, f"{call.name} mixes channels with another axis")
    else:
        _over_channels(tracer, call, over)
    return result


def _over_channels(tracer: Tracer, call: Call, over: Factors) -> None:
    """Take note of a norm that runs over channels: the masked model finds it by its weight, and leaves some out."""
    weight = call.get("weight")
    name = tracer.name_of(weight) if isinstance(weight, Tensor) else None
    if call.name not in STATISTICS or name is None:
        tracer.freeze(over, f"{call.name} runs over channels and has no weights to mask it by")
    elif over:
        tracer.ids.norms.append(name)


def _on_axis(ids: Ids, axis: int, ndim: int) -> Ids:
    shape = [1] * ndim
    shape[axis] = len(ids)
    return ids.reshape(shape)


_POINTWISE: Final = """
    relu relu6 hardswish hardsigmoid hardtanh silu gelu elu selu celu mish sigmoid tanh leaky_relu softplus softsign
    log_sigmoid _prelu_kernel rrelu hardshrink softshrink threshold clone contiguous detach alias lift lift_fresh
    lift_fresh_copy to _to_copy dropout feature_dropout alpha_dropout native_dropout type_as zeros_like ones_like
    full_like empty_like rand_like randn_like copy where masked_fill fill zero clamp clamp_min clamp_max add sub rsub
    mul div true_divide floor_divide remainder maximum minimum pow square sqrt rsqrt exp log neg abs sign reciprocal
    addcmul addcdiv lerp isnan isinf nan_to_num bernoulli conj resolve_conj positive
"""
_REDUCTIONS: Final = """
    sum mean amax amin max min var std var_mean std_mean prod any all logsumexp argmax argmin nansum linalg_vector_norm
"""
_SUMS: Final = frozenset({"sum", "linalg_vector_norm"})
_ALONG: Final = "softmax log_softmax _softmax _log_softmax cumsum cumprod sort argsort topk roll"
_SPATIAL: Final = """
    max_pool1d max_pool2d max_pool3d max_pool2d_with_indices avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact2d upsample_linear1d
    upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
"""
_NEW: Final = "new_zeros new_ones new_full new_empty new_tensor scalar_tensor"

POINTWISE_RULES: Final[dict[str, Rule]] = {
    "pointwise": pointwise,
    **dict.fromkeys(_POINTWISE.split(), pointwise),
    **dict.fromkeys(_REDUCTIONS.split(), reduction),
    **dict.fromkeys(_ALONG.split(), along),
    **dict.fromkeys(_SPATIAL.split(), spatial),
    **dict.fromkeys(_NEW.split(), nothing),
    "pad": padding,
    "constant_pad_nd": padding,
    **dict.fromkeys(("batch_norm", "native_batch_norm", "_native_batch_norm_legit_no_training"), batch_norm),
    "instance_norm": batch_norm,
    "prelu": prelu,
    **dict.fromkeys(("group_norm", "native_group_norm"), group_norm),
    **dict.fromkeys(("layer_norm", "native_layer_norm", "rms_norm"), layer_norm),
}
