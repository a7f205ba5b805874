"""Results of common operations on tensors without values, from the shapes alone.

Torch computes the same in Python, and takes up to a millisecond for one operation; a trace would spend most of its
time there. Uncommon cases are left to torch, which also words the errors for shapes that do not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

_LIKE_INPUT: Final = frozenset(
    {"relu", "relu6", "hardswish", "hardsigmoid", "hardtanh", "silu", "gelu", "elu", "selu", "celu", "mish", "sigmoid"}
    | {"tanh", "leaky_relu", "softplus", "dropout", "feature_dropout", "neg", "abs", "sqrt", "rsqrt", "exp"}
)
_ARITHMETIC: Final = frozenset({"add", "sub", "mul", "div"})


def make_empty_result(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], inputs: Sequence[Tensor], *, in_place: bool
) -> Tensor | None:
    """Return the result of an operation as a tensor without values; None for uncommon cases.

    Parameters
    ----------
    name, in_place
        Of the operation; see `Call`.
    args, kwargs, inputs
        Its arguments, and the tensors among them.
    """
    if (
        not inputs
        or not inputs[0].is_meta
        or not inputs[0].is_floating_point()
        or (kwargs and set(kwargs) - {"approximate"})
    ):
        return None
    x = inputs[0]
    known = _KNOWN.get(name)
    if known is not None and not kwargs and not in_place:
        return known(*args)
    if args[0] is not x:
        return None
    if name in _ARITHMETIC and len(args) == 2:
        plain = len(inputs) == 1 or (inputs[1].shape == x.shape and inputs[1].dtype == x.dtype)
    else:
        plain = name in _LIKE_INPUT and len(inputs) == 1
    if not plain:
        return None
    return x if in_place else _dense_like(x)


def _contiguous(x: Tensor, *_: object) -> Tensor:
    return torch.empty(x.shape, dtype=x.dtype, device="meta")


def _layer_norm(x: Tensor, normalized: Sequence[int], *parameters: object) -> Tensor | None:
    own = [t.shape for t in parameters if isinstance(t, Tensor)]
    return _contiguous(x) if all(shape == x.shape[-len(normalized) :] for shape in own) else None


def _batch_norm(x: Tensor, *parameters: object) -> Tensor | None:
    own = [t.shape for t in parameters if isinstance(t, Tensor)]
    return _dense_like(x) if all(shape == x.shape[1:2] for shape in own) else None


def _group_norm(x: Tensor, groups: int, *parameters: object) -> Tensor | None:
    return _batch_norm(x, *parameters) if x.shape[1] % groups == 0 else None


def _upsample_nearest(x: Tensor, size: Sequence[int] | None, *scale: Sequence[float]) -> Tensor | None:
    if len(scale) != 1:
        return None
    height, width = size or (int(x.shape[2] * scale[0][0]), int(x.shape[3] * scale[0][1]))
    return torch.empty((*x.shape[:2], height, width), dtype=x.dtype, device="meta")


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] | str = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Tensor | None:
    space = weight.ndim - 2
    if isinstance(padding, str) or x.ndim != weight.ndim or x.shape[1] != weight.shape[1] * groups:
        return None
    if weight.shape[0] % groups or x.dtype != weight.dtype or (bias is not None and bias.shape != weight.shape[:1]):
        return None
    shape = [
        (x.shape[2 + n] + 2 * pad - dilate * (weight.shape[2 + n] - 1) - 1) // step + 1
        for n, (step, pad, dilate) in enumerate(
            zip(
                *(tuple(values) * space if len(values) == 1 else values for values in (stride, padding, dilation)),
                strict=True,
            )
        )
    ]
    return torch.empty((x.shape[0], weight.shape[0], *shape), dtype=x.dtype, device="meta") if min(shape) > 0 else None


def _dense_like(x: Tensor) -> Tensor:
    """Do what ``torch.empty_like`` does; on tensors without values, that imports a computer algebra system."""
    if x.is_contiguous():
        return torch.empty(x.shape, dtype=x.dtype, device="meta")
    strides, size = [1] * x.ndim, 1
    for axis in sorted(range(x.ndim), key=lambda axis: (x.stride(axis), -axis)):
        strides[axis] = size
        size *= x.shape[axis]
    return torch.empty_strided(x.shape, strides, dtype=x.dtype, device="meta")


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor | None:
    fits = x.ndim > 1 and weight.ndim == 2 and x.shape[-1] == weight.shape[1] and weight.dtype == x.dtype
    fits = fits and (bias is None or bias.shape == weight.shape[:1])
    return torch.empty((*x.shape[:-1], weight.shape[0]), dtype=x.dtype, device="meta") if fits else None


def _cat(inputs: Sequence[Tensor], dim: int = 0) -> Tensor | None:
    first = inputs[0]
    dim = dim % first.ndim if first.ndim else 0
    rest = [(*t.shape[:dim], *t.shape[dim + 1 :]) for t in inputs]
    if first.ndim == 0 or any(t.ndim != first.ndim or t.dtype != first.dtype for t in inputs):
        return None
    if any(shape != rest[0] for shape in rest):
        return None
    shape = list(first.shape)
    shape[dim] = sum(t.shape[dim] for t in inputs)
    return torch.empty(shape, dtype=first.dtype, device="meta")


_KNOWN: Final[dict[str, Callable[..., Tensor | None]]] = {
    "cat": _cat,
    "linear": _linear,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    "upsample_nearest2d": _upsample_nearest,
    **dict.fromkeys(("softmax", "log_softmax", "contiguous"), _contiguous),
    "layer_norm": _layer_norm,
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
}
