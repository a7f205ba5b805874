"""Whether removed channels are still silent: zero times a weight is zero, but the sigmoid of zero is a half.

Filters are not affected, because the weights that read a removed channel are removed with it. Sums over channels and
products of two activations are.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor

from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.facts import FactsTable


def carry_loudness(facts: FactsTable, call: Call) -> None:
    """Note which results of an operation may be other than zero in channels that were removed."""
    if call.name in _FRESH:
        return
    loud_inputs = [facts.of(tensor).is_loud for tensor in call.inputs]
    if call.name in _SCALED:
        loud_inputs = loud_inputs[:1] if len(call.inputs) < 2 or not _has_channels(facts, call.inputs[1]) else [False]
    is_loud = _is_loud(facts, call, loud_inputs)
    if is_loud or call.in_place:
        for output in call.outputs:
            facts.note(output, is_loud=is_loud)


def _is_loud(facts: FactsTable, call: Call, loud_inputs: list[bool]) -> bool:
    if call.name == "mul":
        return all(loud_inputs)
    if call.name in {"add", "sub", "rsub"}:  # a number, or a tensor without these channels, shifts all of them
        other = call.args[1] if len(call.args) > 1 else None
        shifts = other not in (0, 0.0) if not isinstance(other, Tensor) else not _has_channels(facts, other)
        return any(loud_inputs) or shifts or not _has_channels(facts, call.inputs[0])
    if call.name in {"div", "true_divide"}:
        return loud_inputs[0] if call.inputs[0] is call.args[0] else True
    if call.name in {"clamp", "clamp_min", "hardtanh"}:
        return any(loud_inputs) or not _spans_zero(call)
    return any(loud_inputs) or call.name in _WAKES


def _has_channels(facts: FactsTable, tensor: Tensor) -> bool:
    return bool(facts.of(tensor).factors)


def _spans_zero(call: Call) -> bool:
    """Return whether clamping leaves zero as it is."""
    low, high = call.get("min", call.get("min_val")), call.get("max", call.get("max_val"))
    are_numbers = all(isinstance(bound, (int, float)) for bound in (low, high) if bound is not None)
    return are_numbers and (low is None or low <= 0) and (high is None or high >= 0)


_FRESH: Final = frozenset(
    {"conv1d", "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
    | {"linear", "mm", "bmm", "addmm", "baddbmm", "matmul", "scaled_dot_product_attention", "embedding"}
    | {"layer_norm", "rms_norm"}
)
"""Operations that make new channels, or that a masked model keeps silent."""
_SCALED: Final = frozenset({"batch_norm", "group_norm", "native_batch_norm", "_native_batch_norm_legit_no_training"})
"""Norms whose own weights and biases are zeroed with the channels."""
_WAKES: Final = frozenset(
    {"sigmoid", "hardsigmoid", "softplus", "log_sigmoid", "exp", "log", "logsumexp", "cos", "acos", "pow"}
    | {"softmax", "log_softmax", "_softmax", "_log_softmax", "reciprocal", "rsqrt", "addcmul", "addcdiv", "lerp"}
    | {"where", "masked_fill", "fill", "ones_like", "full_like", "rand_like", "randn_like", "threshold"}
    | {"alpha_dropout", "eq", "ne", "le", "ge", "logical_not", "constant_pad_nd", "pad", "nan_to_num"}
)
"""Operations that may turn zero into something else."""
