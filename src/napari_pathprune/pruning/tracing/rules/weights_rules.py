"""Rules for convolutions, linear layers, matrix products and attention: where channels end and new ones begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from torch import Tensor

from napari_pathprune.pruning.tracing.identities import MADE, READ, Evenness, Factors, Ids
from napari_pathprune.pruning.tracing.macs import attention_macs
from napari_pathprune.pruning.tracing.rules.pointwise_rules import LOUD, meeting
from napari_pathprune.pruning.tracing.silence import is_loud

if TYPE_CHECKING:
    from napari_pathprune.pruning.tracing.tracer import Call, Rule, Tracer

NO_CHANNELS: Final = "reads the input or channels that are not cut"


def convolution(tracer: Tracer, call: Call) -> Factors:
    """End the input's channels at the weight's input axis and begin new ones at its output axis."""
    x, weight = call.inputs[:2]
    bias = call.inputs[2] if len(call.inputs) > 2 else None
    transposed = "transpose" in call.name or bool(call.get("transposed", False))
    splits = int(call.get("groups", 1))
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
            _end(tracer, read, into)
        _count(tracer, call, made, into)
    elif weight.shape[1] == 1 and splits == x.shape[channel_axis]:
        made = _depthwise(tracer, weight, read, x.shape[channel_axis])
        _count(tracer, call, made, None)
    else:
        made = _grouped(tracer, call, weight, read, splits, transposed=transposed)
    if made is None:
        if bias is not None:
            tracer.freeze(tracer.of(bias), "makes channels that are not cut")
        return ()
    tracer.ids.mark(made, MADE)
    if bias is not None:
        _unite_or_freeze(tracer, made, tracer.line(bias, 0, "bias"))
    shape = [1] * call.outputs[0].ndim
    shape[channel_axis] = len(made)
    return (made.reshape(shape),)


def _end(tracer: Tracer, read: Ids | None, into: Ids | None) -> None:
    if into is not None:
        tracer.ids.mark(into, READ)
    _unite_or_freeze(tracer, read, into)


def _unite_or_freeze(tracer: Tracer, first: Ids | None, second: Ids | None) -> None:
    if first is not None and second is not None:
        tracer.ids.unite(first, second)
    else:
        tracer.freeze(tuple(ids for ids in (first, second) if ids is not None), NO_CHANNELS)


def _count(tracer: Tracer, call: Call, *lengths: Ids | None) -> None:
    tracer.count(call, *(ids for ids in lengths if ids is not None))


def _depthwise(tracer: Tracer, weight: Tensor, read: Ids | None, channels: int) -> Ids | None:
    made = tracer.line(weight, 0, "weights depend on channels")
    if made is not None and read is not None:
        tracer.ids.unite(np.repeat(read, len(made) // channels), made)
    else:
        _unite_or_freeze(tracer, read, made)
    return made


def _grouped(
    tracer: Tracer, call: Call, weight: Tensor, read: Ids | None, splits: int, *, transposed: bool
) -> Ids | None:
    """Handle conv groups: the weight's axis 1 holds one split's share of all input (transposed: output) channels."""
    name = tracer.name_of(weight)
    plain = tracer.line(weight, 0, "weights depend on channels")
    if name is None or plain is None:
        tracer.freeze(tracer.of(weight), "grouped weights are no plain parameter")
        _unite_or_freeze(tracer, read, None)
        _count(tracer, call)
        return None
    shared = tracer.line(weight, 1, "weights depend on channels")
    if shared is not None:
        tracer.ids.freeze(shared, "one share stands for all splits")
    known = [axis for axis in tracer.ids.axes if axis.name == name and axis.splits == splits and splits > 1]
    ids = known[0].ids if known else tracer.ids.fresh(name, 1, weight.shape[1] * splits, splits)
    into, made = (plain, ids) if transposed else (ids, plain)
    tracer.ids.mark(made, MADE)
    _end(tracer, read, into)
    for side in (into, made):
        tracer.ids.even.append(Evenness(side.reshape(splits, -1), tracer.where))
    _count(tracer, call, made, into)
    return made


def linear(tracer: Tracer, call: Call) -> Factors:
    """Multiply the last axis by a (out, in) weight."""
    x, weight = call.inputs[:2]
    into = tracer.line(weight, 1, "weights depend on channels") if weight.ndim > 1 else None
    made = tracer.line(weight, 0, "weights depend on channels")
    read = tracer.line(x, x.ndim - 1, "a linear layer mixes channels with another axis")
    if x.shape[-1] > 1:
        _end(tracer, read, into)
    _count(tracer, call, *((made, into) if weight.ndim > 1 else ()))
    out = list(_elsewhere(tracer, x, x.ndim - 1))
    if made is not None and weight.ndim > 1:
        tracer.ids.mark(made, MADE)
        if len(call.inputs) > 2:
            _unite_or_freeze(tracer, made, tracer.line(call.inputs[2], 0, "bias"))
        out.append(made.reshape((1,) * (x.ndim - 1) + (len(made),)))
    return tuple(out)


def _elsewhere(tracer: Tracer, tensor: Tensor, axis: int) -> Factors:
    return tuple(factor for factor in tracer.of(tensor) if factor.shape[axis] == 1)


def product(tracer: Tracer, call: Call) -> Factors | None:
    """Multiply matrices: the axis that is summed over ends, the batch axes unite, the others go on."""
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
        _silent(tracer, first, second, read)
    rows = tracer.line(first, first.ndim - 2, "a product mixes channels with another axis")
    columns = tracer.line(second, second.ndim - 1, "a product mixes channels with another axis")
    ndim = call.outputs[0].ndim
    out: list[Ids] = []
    for ids, axis in ((rows, ndim - 2), (columns, ndim - 1)):
        if ids is not None:
            tracer.ids.mark(ids, MADE)
            shape = [1] * ndim
            shape[axis] = len(ids)
            out.append(ids.reshape(shape))
    _count(tracer, call, rows, columns, read if read is not None else into)
    out.extend(_batch(tracer, (first, second), call.outputs[0], matrix=2))
    if len(call.inputs) > 2:  # the matrix that is added
        added = call.inputs[0]
        whole = call.outputs[0].shape
        return meeting(tracer, [(whole, tuple(out)), (added.shape, tracer.of(added))], whole)
    return tuple(out)


def _silent(tracer: Tracer, first: Tensor, second: Tensor, read: Ids | None) -> None:
    """Let channels go only if their products vanish once they are silent in both tensors."""
    if read is not None and is_loud(first) and is_loud(second):
        tracer.ids.freeze(read, f"{LOUD} in {tracer.where}")


def _batch(tracer: Tracer, tensors: tuple[Tensor, ...], out: Tensor, matrix: int) -> Factors:
    """Unite the batch axes of the operands of a batched product."""
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


def attention(tracer: Tracer, call: Call) -> Factors:
    """Scaled dot product attention: queries and keys end in each other, values go on."""
    query, key, value = call.inputs[:3]
    last = query.ndim - 1
    read = tracer.line(query, last, "attention mixes channels with another axis")
    into = tracer.line(key, last, "attention mixes channels with another axis")
    _unite_or_freeze(tracer, read, into)
    _silent(tracer, query, key, read)
    if call.get("scale") is None and read is not None and not tracer.rescale(query, read, -0.5):
        tracer.ids.freeze(read, f"attention is scaled by their number in {tracer.where}")
    for tensor in call.inputs[:3]:
        tracer.freeze(tuple(factor for factor in tracer.of(tensor) if factor.shape[-2] > 1), "attention mixes channels")
    for tensor in call.inputs[3:]:
        tracer.freeze(tracer.of(tensor), "masks attention")
    columns = tracer.line(value, last, "attention mixes channels with another axis")
    for macs, ids in zip(attention_macs(query, key, value), (read, columns), strict=True):
        tracer.ids.macs.append((macs / (1 if ids is None else len(ids)), () if ids is None else (ids,)))
    out = list(_batch(tracer, (query, key, value), call.outputs[0], matrix=2))
    if columns is not None:
        out.append(columns.reshape((1,) * last + (len(columns),)))
    return tuple(out)


def embedding(tracer: Tracer, call: Call) -> Factors:
    """Look rows up: the rows cannot be cut, the channels of a row are new ones."""
    weight = call.inputs[0]
    rows = tuple(factor for factor in tracer.of(weight) if factor.shape[0] > 1)
    tracer.freeze((*rows, *tracer.of(call.inputs[1])), "rows are looked up")
    made = tracer.line(weight, 1, "embedding")
    if made is None:
        return ()
    tracer.ids.mark(made, MADE)
    return (made.reshape((1,) * (call.outputs[0].ndim - 1) + (len(made),)),)


WEIGHT_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), convolution),
    "linear": linear,
    **dict.fromkeys(("mm", "bmm", "addmm", "baddbmm", "matmul"), product),
    "scaled_dot_product_attention": attention,
    "embedding": embedding,
}
