"""Whether a removed channel is still silent: zero times a weight is zero, but the sigmoid of zero is a half.

Filters do not mind, for the weights that read a removed channel go with it. Sums over channels, and products of two
activations, do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from torch import Tensor

if TYPE_CHECKING:
    from napari_pathprune.pruning.tracing.tracer import Call, Tracer

_MARK: Final = "_pathprune_loud"


def is_loud(tensor: Tensor) -> bool:
    """Tell whether a tensor may hold something other than zero in channels that were removed."""
    return bool(getattr(tensor, _MARK, False))


def carry_sound(tracer: Tracer, call: Call) -> None:
    """Write down which results may be other than zero in channels that were removed."""
    if call.name in _FRESH:
        return
    heard = [is_loud(tensor) for tensor in call.inputs]
    if call.name in _SCALED:
        heard = heard[:1] if len(call.inputs) < 2 or not tracer.of(call.inputs[1]) else [False]
    loud = _loud(tracer, call, heard)
    for output in call.outputs:
        if loud:
            setattr(output, _MARK, True)
        elif call.in_place:
            setattr(output, _MARK, False)


def _loud(tracer: Tracer, call: Call, heard: list[bool]) -> bool:
    if call.name == "mul":
        return all(heard)
    if call.name in {"add", "sub", "rsub"}:  # a number, or a tensor without these channels, shifts all of them
        other = call.args[1] if len(call.args) > 1 else None
        shifted = other not in (0, 0.0) if not isinstance(other, Tensor) else not tracer.of(other)
        return any(heard) or shifted or not tracer.of(call.inputs[0])
    if call.name in {"div", "true_divide"}:
        return heard[0] if call.inputs[0] is call.args[0] else True
    if call.name in {"clamp", "clamp_min", "hardtanh"}:
        low, high = call.get("min", call.get("min_val")), call.get("max", call.get("max_val"))
        bounds = [bound for bound in (low, high) if bound is not None]
        plain = all(isinstance(bound, (int, float)) for bound in bounds)
        spans = plain and (low is None or low <= 0) and (high is None or high >= 0)
        return any(heard) or not spans
    return any(heard) or call.name in _WAKES


_FRESH: Final = frozenset(
    {"conv1d", "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
    | {"linear", "mm", "bmm", "addmm", "baddbmm", "matmul", "scaled_dot_product_attention", "embedding"}
    | {"layer_norm", "rms_norm"}
)
_SCALED: Final = frozenset({"batch_norm", "group_norm", "native_batch_norm", "_native_batch_norm_legit_no_training"})
_WAKES: Final = frozenset(
    {"sigmoid", "hardsigmoid", "softplus", "log_sigmoid", "exp", "log", "logsumexp", "cos", "acos", "pow"}
    | {"softmax", "log_softmax", "_softmax", "_log_softmax", "reciprocal", "rsqrt", "addcmul", "addcdiv", "lerp"}
    | {"where", "masked_fill", "fill", "ones_like", "full_like", "rand_like", "randn_like", "threshold"}
    | {"alpha_dropout", "eq", "ne", "le", "ge", "logical_not", "constant_pad_nd", "pad", "nan_to_num"}
)
