"""Rules for norms and other layers with a parameter for each channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from torch import Tensor

from napari_pathprune.pruning.cutting.masked_norm import MASKED_NORMS
from napari_pathprune.pruning.tracing.axes import place_on_axis
from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.identities import Factors
from napari_pathprune.pruning.tracing.rules.pointwise_rules import standardises, unite_operands
from napari_pathprune.pruning.tracing.tracer import Rule, Tracer


def trace_batch_norm(tracer: Tracer, call: Call) -> Factors:
    """Unite the parameters with axis 1; each channel has its own statistics."""
    if standardises(tracer, call.inputs[0]) and call.get("running_mean") is None:
        x = call.inputs[0]
        _scale_channels(tracer, call, x, call.inputs[1:], alone=True)
        return tracer.of(x)
    return _scale_channels(tracer, call, call.inputs[0], call.inputs[1:])


def trace_weight_norm(tracer: Tracer, call: Call) -> Factors | list[Factors] | None:
    """Scale the rows of a weight to given lengths: a row is removed by its length."""
    direction, length = call.inputs[:2]
    name, axis = tracer.name_of(direction), int(call.get("dim", 0))
    if name is None or tracer.name_of(length) is None:
        return None
    factors = tracer.of(direction)
    if axis >= 0:
        ids = tracer.line(direction, axis, "weight norm")
        lengths = tracer.line(length, axis, "weight norm")
        if ids is not None and lengths is not None:
            tracer.ids.unite(ids, lengths)
            tracer.ids.directions.append((name, axis))
    return [factors, ()] if len(call.outputs) > 1 else factors


def _scale_channels(
    tracer: Tracer, call: Call, x: Tensor, parameters: Sequence[Tensor], *, alone: bool = False
) -> Factors:
    ids = tracer.line(x, 1, f"{call.name} over channels that share an axis with others")
    others = tuple(f for f in tracer.of(x) if f.shape[1] == 1 and not alone)
    tracer.freeze(others, f"{call.name} mixes channels")
    for parameter in parameters:
        own = tracer.line(parameter, 0, call.name)
        if own is None:
            continue
        if ids is None:
            tracer.freeze((own,), "applies to channels that are not cut")
        else:
            tracer.ids.unite(ids, own)
    return () if ids is None else (place_on_axis(ids, 1, x.ndim),)


def trace_group_norm(tracer: Tracer, call: Call) -> Factors:
    """Unite the channels of each norm group; a single norm group runs over those that stay."""
    result = _scale_channels(tracer, call, call.inputs[0], call.inputs[1:])
    groups = int(call.get("num_groups", call.get("group", 1)))
    if not result:
        return ()
    if groups == 1:
        _note_norm(tracer, call, result)
        return result
    if call.get("weight") is None and (result[0].size > groups or tracer.runs_torch_layer):
        tracer.freeze(result, f"{call.name} has no weights that its number of groups could follow")
        return result
    if not tracer.runs_torch_layer:
        tracer.doubt = True  # whether the number of groups follows
    ids = result[0].reshape(groups, -1)
    if ids.shape[1] == 1:
        return result
    first = np.broadcast_to(ids[:, :1], ids.shape)
    tracer.ids.unite(np.ascontiguousarray(first), ids)
    return (first.reshape(result[0].shape),)


def trace_layer_norm(tracer: Tracer, call: Call) -> Factors:
    """Carry channels through a norm over the last axes; over one axis it runs over the channels that stay."""
    tracer.doubt = True  # its shape is given as numbers
    x = call.inputs[0]
    result = unite_operands(tracer, [(tensor.shape, tracer.of(tensor)) for tensor in call.inputs], x.shape)
    count = len(call.get("normalized_shape"))
    over = tuple(factor for factor in result if math.prod(factor.shape[-count:]) > 1)
    if count > 1 or any(factor.size > factor.shape[-1] for factor in over):
        tracer.freeze(over, f"{call.name} mixes channels with another axis")
    else:
        _note_norm(tracer, call, over)
    return result


def _note_norm(tracer: Tracer, call: Call, over: Factors) -> None:
    """Record the weight of a norm that runs over channels, by which the masked model leaves some out."""
    weight = call.get("weight")
    name = tracer.name_of(weight) if isinstance(weight, Tensor) else None
    if call.name not in MASKED_NORMS or name is None:
        tracer.freeze(over, f"{call.name} runs over channels and has no weights to mask it by")
    elif over:
        tracer.ids.norms.append(name)


def trace_prelu(tracer: Tracer, call: Call) -> Factors:
    """Unite the slopes with the channels, if each channel has its own."""
    x, slope = call.inputs
    return tracer.of(x) if slope.numel() == 1 else _scale_channels(tracer, call, x, (slope,))


NORM_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("batch_norm", "native_batch_norm", "_native_batch_norm_legit_no_training"), trace_batch_norm),
    "instance_norm": trace_batch_norm,
    **dict.fromkeys(("group_norm", "native_group_norm"), trace_group_norm),
    **dict.fromkeys(("layer_norm", "native_layer_norm", "rms_norm"), trace_layer_norm),
    "prelu": trace_prelu,
    **dict.fromkeys(("_weight_norm", "_weight_norm_interface"), trace_weight_norm),
}
