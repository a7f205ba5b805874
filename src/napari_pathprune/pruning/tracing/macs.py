"""Multiply-accumulates of single operations: convolutions and matrix products; all others count as none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from torch import Tensor


def macs_of_call(name: str, args: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    """Return the multiply-accumulates of an operation, from the shapes of its tensors; 1 MAC = 2 FLOPs.

    Parameters
    ----------
    name
        Name of the operation, without namespace and overload: ``"conv2d"``.
    args
        Its positional arguments.
    outputs
        Its results.

    Examples
    --------
    >>> import torch
    >>> macs_of_call("mm", (torch.zeros(2, 3), torch.zeros(3, 5)), (torch.zeros(2, 5),))
    30
    """
    count = _COUNTED.get(name)
    return count(args, outputs) if count else 0


def _count_conv(args: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    return int(outputs[0].numel() * math.prod(args[1].shape[1:]))


def _count_conv_transposed(args: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    del outputs
    return int(args[0].numel() * math.prod(args[1].shape[1:]))


def _count_convolution(args: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    return _count_conv_transposed(args, outputs) if args[6] else _count_conv(args, outputs)


def _count_product(args: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    return outputs[0].numel() * int(args[0].shape[-1])


def _count_added_product(args: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    return _count_product(args[1:], outputs)


def attention_macs(query: Tensor, key: Tensor, value: Tensor) -> tuple[int, int]:
    """Return the MACs of scaled dot product attention: of the scores, and of the values weighted by them."""
    weights = query.numel() // query.shape[-1] * key.shape[-2]
    return weights * query.shape[-1], weights * value.shape[-1]


def _count_attention(args: Sequence[Any], outputs: Sequence[Tensor]) -> int:
    del outputs
    return sum(attention_macs(*args[:3]))


_COUNTED: Final[dict[str, Callable[[Sequence[Any], Sequence[Tensor]], int]]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _count_conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _count_conv_transposed),
    "convolution": _count_convolution,
    **dict.fromkeys(("linear", "mm", "bmm", "matmul", "mv", "dot"), _count_product),
    **dict.fromkeys(("addmm", "baddbmm"), _count_added_product),
    "scaled_dot_product_attention": _count_attention,
}
