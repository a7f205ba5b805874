"""Norms folded into the convolutions before or after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from napari_pathprune.models.hovernet.strips.fused_convolution import Kernel, make_kernel

Layer = TypeVar("Layer", bound=nn.Module)


class UnfoldableError(ValueError):
    """A network has layers that cannot be folded."""


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """A batch norm in evaluation mode: ``scale * x + shift`` for each channel, both (C,), float64."""

    scale: Tensor
    shift: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Clamp:
    """Bounds of each channel, (C, 1, 1), float32.

    Together with a convolution, they replace norm, ReLU and convolution; see `fold_preactivation`.

    Attributes
    ----------
    lower
        Smallest value.
    upper
        Largest value; None if no channel needs one.
    """

    lower: Tensor
    upper: Tensor | None

    def apply(self, x: Tensor) -> Tensor:
        """Return a (1, C, H, W) tensor within the bounds."""
        return torch.maximum(x, self.lower) if self.upper is None else torch.clamp(x, self.lower, self.upper)


def find_layer(parent: nn.Module, name: str, kind: type[Layer]) -> Layer:
    """Return a layer by its name.

    Raises
    ------
    UnfoldableError
        If there is no such layer, or it is of another kind.
    """
    try:
        layer = parent.get_submodule(name)
    except AttributeError as error:
        raise UnfoldableError(f"got a {type(parent).__name__} without {name}; run the module instead") from error
    if type(layer) is not kind:
        raise UnfoldableError(f"got a {type(layer).__name__} as {name}; expected {kind.__name__}; run the module")
    return layer


def read_norm(norm: nn.BatchNorm2d) -> Affine:
    """Return scale and shift of a batch norm.

    Raises
    ------
    UnfoldableError
        If the norm has no weights, or no statistics.

    Examples
    --------
    >>> read_norm(nn.BatchNorm2d(2, eps=0.0)).scale.tolist()
    [1.0, 1.0]
    """
    if norm.weight is None or norm.running_mean is None or norm.running_var is None:
        raise UnfoldableError("got a batch norm without weights or statistics; run the module instead")
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return Affine(scale, norm.bias.double() - norm.running_mean.double() * scale)


def fold_convolution(
    conv: nn.Conv2d, norm: nn.BatchNorm2d | None = None, *, divisor: float = 1.0, every: int = 1
) -> Kernel:
    """Return a convolution and the norm after it as one kernel.

    Parameters
    ----------
    conv
        The convolution. Conv groups become a kernel with zeros between them, which is faster for narrow ones.
    norm
        The norm after it, if any.
    divisor
        Divides the input of the convolution.
    every
        Only every n-th of its outputs is computed.
    """
    weight, bias = _read_convolution(conv, norm)
    return make_kernel(weight / divisor, bias, every * conv.stride[0])


def fold_preactivation(norm: nn.BatchNorm2d, conv: nn.Conv2d, after: nn.BatchNorm2d | None) -> tuple[Clamp, Kernel]:
    """Return norm, ReLU, 1x1 convolution and an optional norm as bounds and one kernel.

    For a positive scale, ``relu(scale * x + shift)`` is ``scale * max(x, -shift / scale) + shift``. The scale and the
    shift outside the maximum go into the convolution. A negative scale needs an upper bound instead. Channels with a
    scale of zero are constants.
    """
    before = read_norm(norm)
    weight, bias = _read_convolution(conv, after)
    bound = (-before.shift / before.scale).float()
    is_constant = ~bound.isfinite()
    scale = before.scale.masked_fill(is_constant, 0.0)
    constant = torch.where(is_constant, before.shift.relu(), before.shift)
    infinite = torch.full_like(bound, torch.inf)
    zero = torch.zeros_like(bound)
    lower = torch.where(is_constant, zero, torch.where(scale > 0, bound, -infinite))
    upper = torch.where(is_constant, zero, torch.where(scale < 0, bound, infinite))
    bias = bias + weight[:, :, 0, 0] @ constant
    has_upper = bool(upper.isfinite().any())
    clamp = Clamp(lower[:, None, None].contiguous(), upper[:, None, None].contiguous() if has_upper else None)
    return clamp, make_kernel(weight * scale[:, None, None], bias)


def _read_convolution(conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> tuple[Tensor, Tensor]:
    """Return weight (O, I, k, k) and bias (O,) of a convolution and the norm after it, in float64, without groups."""
    if any(conv.padding) or conv.dilation != (1, 1) or conv.stride[0] != conv.stride[1]:
        raise UnfoldableError(f"got {conv}, which has padding, dilation or uneven strides; run the module instead")
    weight = conv.weight.double()
    if conv.groups > 1:
        outputs, inputs = weight.shape[0] // conv.groups, weight.shape[1]
        whole = weight.new_zeros(weight.shape[0], inputs * conv.groups, *weight.shape[2:])
        for group in range(conv.groups):
            rows = slice(group * outputs, (group + 1) * outputs)
            whole[rows, group * inputs : (group + 1) * inputs] = weight[rows]
        weight = whole
    bias = weight.new_zeros(len(weight)) if conv.bias is None else conv.bias.double()
    if norm is None:
        return weight, bias
    affine = read_norm(norm)
    return weight * affine.scale[:, None, None, None], bias * affine.scale + affine.shift
