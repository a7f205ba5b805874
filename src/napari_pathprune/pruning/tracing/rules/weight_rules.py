"""Rules for convolutions, linear layers, matrix products and attention, which read channels and make new ones."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from torch import Tensor, nn

from napari_pathprune.pruning.tracing.axes import place_on_axis
from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.identities import MADE, READ, EvenSplits, Factors, Ids
from napari_pathprune.pruning.tracing.macs import attention_macs
from napari_pathprune.pruning.tracing.rules.pointwise_rules import unite_operands
from napari_pathprune.pruning.tracing.silence import sounds
from napari_pathprune.pruning.tracing.tracer import Rule, Tracer

_NO_CHANNELS: Final = "reads the input or channels that are not cut"
_LOUD: Final = "they are not zero where a filter makes zeros, and are summed over"


def trace_convolution(tracer: Tracer, call: Call) -> Factors:
    """Read the channels of the input with one axis of the weight, and make new ones with the other."""
    x, weight = call.inputs[:2]
    bias = call.inputs[2] if len(call.inputs) > 2 else None
    transposed = "transpose" in call.name or bool(call.get("transposed", False))
    splits = int(call.get("groups", 1))
    if splits > 1 and not tracer.runs_torch_layer:  # whose number of conv groups may not follow
        tracer.doubt = True
    channel_axis = x.ndim - (weight.ndim - 1)
    for factor in tracer.of(x):
        if factor.shape[channel_axis] == 1:
            tracer.freeze((factor,), "a convolution slides over channels")
    read = tracer.line(x, channel_axis, "a convolution mixes channels with another axis")
    read_axis, made_axis = (0, 1) if transposed else (1, 0)
    if splits == 1:
        into = tracer.line(weight, read_axis, "weights depend on channels")
        made = tracer.line(weight, made_axis, "weights depend on channels")
        if x.shape[channel_axis] > 1:
            _read(tracer, read, into)
            _freeze_loud(tracer, x, weight, read)
        _count_macs(tracer, call, made, into)
    elif weight.shape[1] == 1 and splits == x.shape[channel_axis]:
        made = _trace_depthwise(tracer, weight, read, x.shape[channel_axis])
        _count_macs(tracer, call, made, None)
    else:
        made = _trace_grouped(tracer, call, weight, read, splits, transposed=transposed)
    if made is None:
        if bias is not None:
            tracer.freeze(tracer.of(bias), "makes channels that are not cut")
        return ()
    tracer.ids.mark(made, MADE)
    if bias is not None:
        _unite_or_freeze(tracer, made, tracer.line(bias, 0, "bias"))
    return (place_on_axis(made, channel_axis, call.outputs[0].ndim),)


def _read(tracer: Tracer, read: Ids | None, into: Ids | None) -> None:
    if into is not None:
        tracer.ids.mark(into, READ)
    _unite_or_freeze(tracer, read, into)


def _unite_or_freeze(tracer: Tracer, first: Ids | None, second: Ids | None) -> None:
    if first is not None and second is not None:
        tracer.ids.unite(first, second)
    else:
        tracer.freeze(tuple(ids for ids in (first, second) if ids is not None), _NO_CHANNELS)


def _count_macs(tracer: Tracer, call: Call, *lengths: Ids | None) -> None:
    tracer.count_macs(call, *(ids for ids in lengths if ids is not None))


def _trace_depthwise(tracer: Tracer, weight: Tensor, read: Ids | None, channels: int) -> Ids | None:
    made = tracer.line(weight, 0, "weights depend on channels")
    if made is not None and read is not None:
        tracer.ids.unite(np.repeat(read, len(made) // channels), made)
    else:
        _unite_or_freeze(tracer, read, made)
    return made


def _trace_grouped(
    tracer: Tracer, call: Call, weight: Tensor, read: Ids | None, splits: int, *, transposed: bool
) -> Ids | None:
    """Handle conv groups: the weight's axis 1 holds one split's share of all input (transposed: output) channels."""
    name = tracer.name_of(weight)
    plain = tracer.line(weight, 0, "weights depend on channels")
    if name is None or plain is None:
        tracer.freeze(tracer.of(weight), "grouped weights are no plain parameter")
        _unite_or_freeze(tracer, read, None)
        _count_macs(tracer, call)
        return None
    shared = tracer.line(weight, 1, "weights depend on channels")
    if shared is not None:
        tracer.ids.freeze(shared, "one share stands for all splits")
    known = [axis for axis in tracer.ids.axes if axis.name == name and axis.splits == splits and splits > 1]
    ids = known[0].ids if known else tracer.ids.number_axis(name, 1, weight.shape[1] * splits, splits)
    into, made = (plain, ids) if transposed else (ids, plain)
    tracer.ids.mark(made, MADE)
    _read(tracer, read, into)
    for side in (into, made):
        tracer.ids.even.append(EvenSplits(side.reshape(splits, -1), tracer.where))
    _count_macs(tracer, call, made, into)
    return made


def trace_linear(tracer: Tracer, call: Call) -> Factors:
    """Multiply the last axis by a (out, in) weight."""
    x, weight = call.inputs[:2]
    into = tracer.line(weight, 1, "weights depend on channels") if weight.ndim > 1 else None
    made = tracer.line(weight, 0, "weights depend on channels")
    read = tracer.line(x, x.ndim - 1, "a linear layer mixes channels with another axis")
    if x.shape[-1] > 1:
        _read(tracer, read, into)
        _freeze_loud(tracer, x, weight, read)
    others = [factor.ravel() for factor in tracer.of(x) if factor.shape[-1] == 1]
    _count_macs(tracer, call, *((made, into) if weight.ndim > 1 else ()), *others)
    out = [factor for factor in tracer.of(x) if factor.shape[-1] == 1]
    if made is not None and weight.ndim > 1:
        tracer.ids.mark(made, MADE)
        if len(call.inputs) > 2:
            _unite_or_freeze(tracer, made, tracer.line(call.inputs[2], 0, "bias"))
        out.append(place_on_axis(made, x.ndim - 1, x.ndim))
    return tuple(out)


def trace_product(tracer: Tracer, call: Call) -> Factors | None:
    """Multiply matrices: read the axis that is summed over, unite the batch axes, carry on the others."""
    first, second = call.inputs[-2:]
    if first.ndim < 2 or second.ndim < 2:
        return None
    read = tracer.line(first, first.ndim - 1, "a product mixes channels with another axis")
    into = tracer.line(second, second.ndim - 2, "a product mixes channels with another axis")
    if first.shape[-1] > 1:
        for ids in (read, into):
            if ids is not None:
                tracer.ids.mark(ids, READ)
        _unite_or_freeze(tracer, read, into)
        _freeze_loud(tracer, first, second, read)
    rows = tracer.line(first, first.ndim - 2, "a product mixes channels with another axis")
    columns = tracer.line(second, second.ndim - 1, "a product mixes channels with another axis")
    ndim = call.outputs[0].ndim
    out: list[Ids] = []
    for ids, axis in ((rows, ndim - 2), (columns, ndim - 1)):
        if ids is not None:
            tracer.ids.mark(ids, MADE)
            out.append(place_on_axis(ids, axis, ndim))
    batch = _unite_batch(tracer, (first, second), call.outputs[0], matrix=2)
    _count_macs(tracer, call, rows, columns, read if read is not None else into, *(ids.ravel() for ids in batch))
    out.extend(batch)
    if len(call.inputs) > 2:  # the matrix that is added
        added = call.inputs[0]
        whole = call.outputs[0].shape
        return unite_operands(tracer, [(whole, tuple(out)), (added.shape, tracer.of(added))], whole)
    return tuple(out)


def _freeze_loud(tracer: Tracer, first: Tensor, second: Tensor, read: Ids | None) -> None:
    """Freeze channels whose products do not vanish once they are silenced in both tensors."""
    if read is None or isinstance(second, nn.Parameter):
        return
    if sounds(tracer.facts, first, read) and sounds(tracer.facts, second, read):
        tracer.ids.freeze(read, f"{_LOUD} in {tracer.where}")


def _unite_batch(tracer: Tracer, tensors: tuple[Tensor, ...], out: Tensor, matrix: int) -> Factors:
    """Unite the channels on the batch axes of a batched product, and return the factor of the result."""
    parts: list[tuple[int, Ids]] = []
    for number, tensor in enumerate(tensors):
        for factor in tracer.of(tensor):
            if factor.ndim > matrix and factor.size == int(np.prod(factor.shape[:-matrix])) and factor.size > 1:
                aligned = factor.reshape((1,) * (out.ndim - factor.ndim) + factor.shape)
                parts.append((number, aligned))
    if not parts:
        return ()
    present = {number for number, _ in parts}
    first = parts[0][1]
    lengths = [int(np.prod(tensor.shape[:-matrix])) for tensor in tensors]
    alike = all(factor.shape == first.shape for _, factor in parts)
    if not alike or any(n not in present and lengths[n] > 1 for n in range(len(tensors))):
        tracer.freeze(tuple(factor for _, factor in parts), "the batch axis of a product carries channels")
        return ()
    for _, factor in parts[1:]:
        tracer.ids.unite(first, factor)
    return (first,)


def trace_attention(tracer: Tracer, call: Call) -> Factors:
    """Multiply queries with keys, which reads the channels of both, and carry on those of the values."""
    query, key, value = call.inputs[:3]
    last = query.ndim - 1
    read = tracer.line(query, last, "attention mixes channels with another axis")
    into = tracer.line(key, last, "attention mixes channels with another axis")
    _unite_or_freeze(tracer, read, into)
    _freeze_loud(tracer, query, key, read)
    if call.get("scale") is None and read is not None and not tracer.rescale(query, read, -0.5):
        tracer.ids.freeze(read, f"attention is scaled by their number in {tracer.where}")
    for tensor in call.inputs[:3]:
        tracer.freeze(tuple(factor for factor in tracer.of(tensor) if factor.shape[-2] > 1), "attention mixes channels")
    for tensor in call.inputs[3:]:
        tracer.freeze(tracer.of(tensor), "masks attention")
    columns = tracer.line(value, last, "attention mixes channels with another axis")
    batch = _unite_batch(tracer, (query, key, value), call.outputs[0], matrix=2)
    for macs, ids in zip(attention_macs(query, key, value), (read, columns), strict=True):
        lengths = (*(() if ids is None else (ids,)), *(heads.ravel() for heads in batch))
        tracer.ids.macs.append((macs / math.prod(map(len, lengths)), lengths))
    out = list(batch)
    if columns is not None:
        out.append(place_on_axis(columns, last, last + 1))
    return tuple(out)


def trace_embedding(tracer: Tracer, call: Call) -> Factors:
    """Look up rows: the rows cannot be cut, the channels of a row are new ones."""
    weight = call.inputs[0]
    rows = tuple(factor for factor in tracer.of(weight) if factor.shape[0] > 1)
    tracer.freeze((*rows, *tracer.of(call.inputs[1])), "rows are looked up")
    made = tracer.line(weight, 1, "embedding")
    if made is None:
        return ()
    tracer.ids.mark(made, MADE)
    ndim = call.outputs[0].ndim
    return (place_on_axis(made, ndim - 1, ndim),)


WEIGHT_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), trace_convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), trace_convolution),
    "linear": trace_linear,
    **dict.fromkeys(("mm", "bmm", "addmm", "baddbmm", "matmul"), trace_product),
    "scaled_dot_product_attention": trace_attention,
    "embedding": trace_embedding,
}
