"""Rules for operations that mix the entries along some axes: reductions, softmax, pooling, padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from napari_pathprune.pruning.tracing.axes import long_axes
from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.identities import Factors, Ids
from napari_pathprune.pruning.tracing.rules.pointwise_rules import standardises, trace_pointwise
from napari_pathprune.pruning.tracing.silence import sounds
from napari_pathprune.pruning.tracing.tracer import Rule, Tracer


def trace_reduction(tracer: Tracer, call: Call) -> Factors:
    """Carry on the channels that a sum, mean or extreme does not reduce over, and freeze the others."""
    x = call.inputs[0]
    if len(call.inputs) > 1:  # the larger of two tensors, entry by entry
        return trace_pointwise(tracer, call)
    dims = call.get("dim")
    axes = set(range(x.ndim)) if dims is None or dims == [] else {d % x.ndim for d in _list_axes(dims)}
    summed = [factor for factor in tracer.of(x) if long_axes(factor) & axes]
    if call.name in _SUMS and not any(sounds(tracer.facts, x, own) for own in summed):  # silent channels add nothing
        return tuple(
            factor if call.get("keepdim", False) else factor.squeeze(tuple(axes))
            for factor in tracer.of(x)
            if not long_axes(factor) & axes
        )
    keepdim = bool(call.get("keepdim", False))
    if call.name in _STATISTICS and standardises(tracer, x):
        own = tuple(factor for factor in tracer.of(x) if not long_axes(factor) & axes)
        return own if keepdim else tuple(factor.squeeze(tuple(axes)) for factor in own)
    return _mix_axes(tracer, call, axes, keepdim=keepdim)


def trace_along_axis(tracer: Tracer, call: Call) -> Factors:
    """Carry on the channels on other axes than that of a softmax, cumulative sum or sort."""
    x = call.inputs[0]
    dims = call.get("dims") if call.name == "roll" else call.get("dim", -1)
    axes = {d % x.ndim for d in _list_axes(dims)} or set(range(x.ndim))
    return _mix_axes(tracer, call, axes, keepdim=True)


def _list_axes(dims: int | Sequence[int]) -> Sequence[int]:
    return (dims,) if isinstance(dims, int) else dims


def _mix_axes(tracer: Tracer, call: Call, axes: set[int], *, keepdim: bool) -> Factors:
    """Freeze the channels on some axes, and return those on the others."""
    kept: list[Ids] = []
    same_shape = call.outputs[0].shape == call.inputs[0].shape
    for factor in tracer.of(call.inputs[0]):
        mixed = bool(long_axes(factor) & axes)
        if mixed:
            tracer.freeze((factor,), f"{call.name} mixes channels")
        if keepdim and (not mixed or same_shape):
            kept.append(factor)
        elif not mixed:
            kept.append(factor.squeeze(tuple(axes)))
    return tuple(kept)


def trace_pooling(tracer: Tracer, call: Call) -> Factors:
    """Carry on the channels on the axes before those that are pooled or resampled."""
    count = next((n for n in (1, 2, 3) if f"{n}d" in call.name), 0)
    x = call.inputs[0]
    if count == 0:
        return _mix_axes(tracer, call, set(range(2, x.ndim)), keepdim=True)
    return _mix_axes(tracer, call, set(range(x.ndim - count, x.ndim)), keepdim=True)


def trace_padding(tracer: Tracer, call: Call) -> Factors:
    """Carry on the channels on axes that are not padded."""
    x = call.inputs[0]
    pad = call.get("pad")
    axes = {x.ndim - 1 - n // 2 for n, amount in enumerate(pad) if amount}
    return _mix_axes(tracer, call, axes, keepdim=True)


_REDUCTIONS: Final = """
    sum mean amax amin max min var std var_mean std_mean prod any all logsumexp argmax argmin nansum linalg_vector_norm
"""
_SUMS: Final = frozenset({"sum", "linalg_vector_norm"})
_STATISTICS: Final = frozenset({"mean", "var", "std", "var_mean", "std_mean"})
_ALONG: Final = "softmax log_softmax _softmax _log_softmax cumsum cumprod sort argsort topk roll"
_POOLING: Final = """
    max_pool1d max_pool2d max_pool3d max_pool2d_with_indices avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact2d upsample_linear1d
    upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
"""

REDUCTION_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(_REDUCTIONS.split(), trace_reduction),
    **dict.fromkeys(_ALONG.split(), trace_along_axis),
    **dict.fromkeys(_POOLING.split(), trace_pooling),
    "pad": trace_padding,
    "constant_pad_nd": trace_padding,
}
