"""Whether removed channels are still silent: zero times a weight is zero, but the sigmoid of zero is a half.

Filters are not affected, because the weights that read a removed channel are removed with it. Sums over channels and
products of two activations are. Operations that are known to keep zero are listed; any other may not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from torch import Tensor, nn

from napari_pathprune.pruning.tracing.axes import long_axes
from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.facts import FactsTable
from napari_pathprune.pruning.tracing.identities import Ids

Loud = Sequence[bool]
"""For each input, whether it may be other than zero in removed channels."""


def carry_loudness(facts: FactsTable, call: Call) -> None:
    """Note which results of an operation may be other than zero in channels that were removed."""
    _carry_shifted(facts, call)
    if call.name in _FRESH or (call.name in _FILTERS and all(isinstance(t, nn.Parameter) for t in call.inputs[1:])):
        return
    loud = _is_norm_loud(facts, call) if call.name in _SCALED else _is_loud(facts, call)
    if loud or call.in_place:
        for output in call.outputs:
            facts.note(output, is_loud=loud)
    if call.name in _RANKS:  # zeros are equal, so the numbers of their places may be any
        facts.note(call.outputs[-1], is_loud=True)
    if loud and call.in_place:  # what it is a view of, and other views of that
        for other in list(facts.find_sharing(call.inputs[0])):
            facts.note(other, is_loud=True)


def sounds(facts: FactsTable, tensor: Tensor, ids: Ids) -> bool:
    """Return whether a tensor may hold values other than zero in some channels, if they are removed."""
    known = facts.of(tensor)
    return known.is_loud or (known.shifted is not None and bool(np.isin(ids, known.shifted).any()))


def _carry_shifted(facts: FactsTable, call: Call) -> None:
    """Note the channels that a bias has shifted: those on other axes than the one that it lies on."""
    if not facts.has_shifted and call.name not in _BIASED:
        return
    known = [facts.of(tensor) for tensor in call.inputs]
    found = [own.shifted for own in known if own.shifted is not None]
    if call.name in _BIASED and (call.name == "layer_norm" or len(known) > 2 or known[0].is_loud):
        found.extend(factor.ravel() for factor in known[0].factors or () if factor.shape[-1] == 1)
    if not found:
        return
    facts.has_shifted = True
    shifted = found[0] if len(found) == 1 else np.unique(np.concatenate(found))
    if len(known) > 1 and call.name not in _BIASED:  # channels that meet them in the operation
        factors = [factor for own in known for factor in own.factors or ()]
        axes = {axis for factor in factors if np.isin(factor, shifted).any() for axis in _axes_from_end(factor)}
        meet = [factor.ravel() for factor in factors if _axes_from_end(factor) & axes]
        shifted = np.unique(np.concatenate([shifted, *meet]))
    for output in call.outputs:
        facts.note(output, shifted=shifted)


def _axes_from_end(factor: Ids) -> frozenset[int]:
    return frozenset(axis - factor.ndim for axis in long_axes(factor))


def find_divisors(facts: FactsTable, call: Call) -> Sequence[Tensor]:
    """Return the tensors whose removed channels would become infinite, or no number, in a masked model."""
    if call.name not in _MAY_DIVIDE:
        return ()
    if call.name in _DIVIDES:
        place = 2 if call.name == "addcdiv" else 1
        found = [value for value in call.args[place : place + 1] if isinstance(value, Tensor)]
    elif call.name in _UNBOUNDED or (call.name == "pow" and _is_negative(call.args[1])):
        found = list(call.inputs[:1])
    else:
        return ()
    return [tensor for tensor in found if _has_channels(facts, tensor) and not _may_sound(facts, tensor)]


def _is_negative(value: object) -> bool:
    return isinstance(value, (int, float)) and value < 0


def _is_loud(facts: FactsTable, call: Call) -> bool:
    loud = [_may_sound(facts, tensor) for tensor in call.inputs]
    rule = _RULES.get(call.name)
    return rule(facts, call, loud) if rule else any(loud) or call.name not in _KEEPS


def _multiply(_: FactsTable, call: Call, loud: Loud) -> bool:
    del call
    return all(loud)  # silent if one factor is


def _divide(_: FactsTable, call: Call, loud: Loud) -> bool:
    return loud[0] if call.inputs[0] is call.args[0] else True


def _add(facts: FactsTable, call: Call, loud: Loud) -> bool:
    """In a sum, or an extreme of two, a number, or a tensor without these channels, shifts all of them."""
    others = call.args[:2] if len(call.args) > 1 else ()
    return any(loud) or any(
        not _has_channels(facts, other) if isinstance(other, Tensor) else other not in (0, 0.0) for other in others
    )


def _take_extreme(facts: FactsTable, call: Call, loud: Loud) -> bool:
    return _add(facts, call, loud) if len(call.inputs) > 1 else any(loud)


def _draw(_: FactsTable, call: Call, loud: Loud) -> bool:
    """Draws with a given probability do not depend on the channels."""
    return any(loud) or call.get("p") is not None


def _filter(_: FactsTable, call: Call, loud: Loud) -> bool:
    """Hear what the rows of a weight make that are not zero once they are removed."""
    del call
    return any(loud[1:])


def _multiply_matrices(facts: FactsTable, call: Call, loud: Loud) -> bool:
    """Hear the rows of the first matrix, and the columns of the second."""
    first, second = (facts.of(tensor).factors or () for tensor in call.inputs[-2:])
    sounds = (loud[-2] and any(f.shape[-1] == 1 for f in first)) or (
        loud[-1] and any(f.ndim < 2 or f.shape[-2] == 1 for f in second)
    )
    return sounds or (len(loud) > 2 and (loud[0] or not _has_channels(facts, call.inputs[0])))


def _attend(_: FactsTable, call: Call, loud: Loud) -> bool:
    del call
    return loud[2]


def _raise(_: FactsTable, call: Call, loud: Loud) -> bool:
    exponent = call.args[1]
    return loud[0] or isinstance(exponent, Tensor) or call.inputs[0] is not call.args[0] or not exponent > 0


def _bound(_: FactsTable, call: Call, loud: Loud) -> bool:
    """Clamping leaves zero as it is if it lies between the bounds."""
    low, high = call.get("min", call.get("min_val")), call.get("max", call.get("max_val"))
    are_numbers = all(isinstance(bound, (int, float)) for bound in (low, high) if bound is not None)
    return any(loud) or not are_numbers or not (low is None or low <= 0) or not (high is None or high >= 0)


def _add_product(facts: FactsTable, call: Call, loud: Loud) -> bool:
    product = all(loud[1:]) if call.name == "addcmul" else loud[1]
    return loud[0] or product or not all(_has_channels(facts, tensor) for tensor in call.inputs[:2])


def _choose(facts: FactsTable, call: Call, _: Loud) -> bool:
    return len(call.args) < 3 or any(_fills(facts, value) for value in call.args[1:3])


def _write(facts: FactsTable, call: Call, _: Loud) -> bool:
    return _fills(facts, call.args[1])


def _write_some(facts: FactsTable, call: Call, loud: Loud) -> bool:
    return loud[0] or _fills(facts, call.args[2])


def _replace_small(_: FactsTable, call: Call, loud: Loud) -> bool:
    return loud[0] or (call.get("threshold") >= 0 and call.get("value") != 0)


def _pad(_: FactsTable, call: Call, loud: Loud) -> bool:
    return loud[0] or call.get("value") not in {None, 0}


def _fills(facts: FactsTable, value: Any) -> bool:  # noqa: ANN401 (numbers or tensors)
    """Return whether a value that is written into channels may be other than zero."""
    if isinstance(value, Tensor):
        return _may_sound(facts, value) or not _has_channels(facts, value)
    return bool(value != 0)


def _is_norm_loud(facts: FactsTable, call: Call) -> bool:
    """Return whether the result of a norm is loud: not if it has a weight and a bias that are zeroed."""
    weight, bias = call.get("weight"), call.get("bias")
    own = [tensor for tensor in (weight, bias) if isinstance(tensor, Tensor)]
    if any(not _has_channels(facts, tensor) or _may_sound(facts, tensor) for tensor in own):
        return True
    if isinstance(weight, Tensor):
        return False
    return _may_sound(facts, call.inputs[0]) or isinstance(call.get("running_mean"), Tensor)


def _may_sound(facts: FactsTable, tensor: Tensor) -> bool:
    """Return whether a tensor may hold other values than zero in removed channels; buffers keep theirs."""
    if facts.name_of(tensor) is not None:
        return not isinstance(tensor, nn.Parameter)
    return facts.of(tensor).is_loud


def _has_channels(facts: FactsTable, tensor: Tensor) -> bool:
    return bool(facts.of(tensor).factors)


_FRESH: Final = frozenset({"embedding", "layer_norm", "rms_norm"})
"""Operations that make new channels, or that a masked model keeps silent."""
_FILTERS: Final = frozenset(
    {"conv1d", "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear"}
)
"""Operations that make new channels; those of parameters are silent if they are removed."""
_BIASED: Final = frozenset({"linear", "layer_norm"})
"""Operations along the last axis that add a bias."""
_RANKS: Final = frozenset({"sort", "topk", "max_pool2d_with_indices"})
"""Operations whose last result is the numbers of places."""
_DIVIDES: Final = frozenset({"div", "true_divide", "floor_divide", "fmod", "remainder", "addcdiv"})
_UNBOUNDED: Final = frozenset(
    {"reciprocal", "rsqrt", "log", "log2", "log10", "logit", "special_logit", "digamma", "lgamma", "acosh"}
)
"""Operations that turn zeros into infinities."""
_MAY_DIVIDE: Final = _DIVIDES | _UNBOUNDED | {"pow"}
_SCALED: Final = frozenset(
    {"batch_norm", "group_norm", "instance_norm", "native_batch_norm", "_native_batch_norm_legit_no_training"}
)
"""Norms with a weight and a bias for each channel."""
_RULES: Final[dict[str, Callable[[FactsTable, Call, Loud], bool]]] = {
    "mul": _multiply,
    **dict.fromkeys(_FILTERS, _filter),
    **dict.fromkeys(("mm", "bmm", "addmm", "baddbmm", "matmul"), _multiply_matrices),
    "scaled_dot_product_attention": _attend,
    **dict.fromkeys(("max", "min"), _take_extreme),
    "bernoulli": _draw,
    **dict.fromkeys(("div", "true_divide", "floor_divide", "fmod", "remainder", "ldexp"), _divide),
    **dict.fromkeys(("add", "sub", "rsub", "maximum", "minimum", "fmax", "fmin", "hypot", "lerp"), _add),
    "pow": _raise,
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max", "hardtanh"), _bound),
    **dict.fromkeys(("addcmul", "addcdiv"), _add_product),
    "where": _choose,
    **dict.fromkeys(("copy", "fill"), _write),
    "masked_fill": _write_some,
    "threshold": _replace_small,
    **dict.fromkeys(("pad", "constant_pad_nd"), _pad),
}
_KEEP: Final = """
    relu relu6 hardswish silu gelu elu selu celu mish tanh leaky_relu prelu _prelu_kernel rrelu hardshrink softshrink
    rrelu_with_noise square sqrt neg abs sign sgn positive conj resolve_conj resolve_neg real sin tan asin atan sinh
    asinh atanh erf erfinv expm1 log1p floor ceil round trunc frac deg2rad rad2deg nan_to_num isnan isinf logical_and
    bitwise_and clone contiguous detach alias lift lift_fresh lift_fresh_copy to _to_copy type_as dropout
    feature_dropout native_dropout zero zeros_like new_zeros glu
    view_as reshape_as expand_as
    view _unsafe_view reshape unflatten flatten squeeze unsqueeze permute transpose t expand repeat flip as_strided
    pixel_shuffle slice select unbind split split_with_sizes chunk cat concat stack index index_select roll
    sum mean amax amin var std var_mean std_mean prod any all nansum linalg_vector_norm cumsum cumprod sort topk
    max_pool1d max_pool2d max_pool3d max_pool2d_with_indices avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact2d upsample_linear1d
    upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
    native_group_norm native_layer_norm _weight_norm _weight_norm_interface
"""
_KEEPS: Final = frozenset(_KEEP.split())
"""Operations that turn zeros into zeros."""
