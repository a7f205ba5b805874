"""Convolutions with what follows them in one pass: bias, ReLU, or an addition in place.

PyTorch has such convolutions for its compiler, where it is built with oneDNN. With one thread, its usual function takes
other kernels for 1x1 convolutions, which need two to four times longer if the number of channels is not a multiple of
16, as after pruning.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

HAS_FUSED: Final = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and platform.machine().lower() in {"x86_64", "amd64"}
    and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    and hasattr(torch.ops.mkldnn, "_convolution_pointwise_")
)
"""Whether this build of PyTorch has the fused convolutions."""
_TYPICAL_PX: Final = (32, 256)
"""Height and width of an input, for which weights are packed. Other inputs give the same results."""


LANES: Final = 16 if torch.backends.cpu.get_cpu_capability() == "AVX512" else 8
"""Number of float32 values in a vector register. A convolution takes as long for any smaller number of outputs."""


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """The weights of a convolution without conv groups.

    Attributes
    ----------
    weight
        (outputs, inputs, height, width), float32, in channels-last memory or in the layout of oneDNN.
    bias
        (outputs,).
    outputs
        Number of output channels.
    size_px
        Height and width of the kernel.
    stride_px
        Step between two outputs.
    is_packed
        Whether the weight has the layout of oneDNN, for the fused convolutions.
    is_paired
        Whether weight and bias are those of `pair_pixels`.
    """

    weight: Tensor
    bias: Tensor
    outputs: int
    size_px: int
    stride_px: int
    is_packed: bool
    is_paired: bool


def make_kernel(weight: Tensor, bias: Tensor, stride_px: int = 1) -> Kernel:
    """Return a kernel from weights of any floating type.

    Examples
    --------
    >>> make_kernel(torch.ones(8, 3, 3, 3), torch.zeros(8)).outputs
    8
    """
    outputs, _, size_px = weight.shape[:3]
    is_paired = HAS_FUSED and stride_px == 1 and size_px > 1 and 2 * outputs <= LANES
    if is_paired:
        weight, bias = pair_pixels(weight), bias.repeat(2)
    weight = weight.float().contiguous(memory_format=torch.channels_last)
    if HAS_FUSED:
        shape = [1, weight.shape[1], *_TYPICAL_PX]
        step = [stride_px, stride_px]
        weight = torch.ops.mkldnn._reorder_convolution_weight(weight, [0, 0], step, [1, 1], 1, shape)  # noqa: SLF001
    return Kernel(weight, bias.float(), outputs, size_px, stride_px, HAS_FUSED, is_paired)


def pair_pixels(weight: Tensor) -> Tensor:
    """Return the weight of a convolution that takes and gives pairs of neighbouring pixels as one pixel.

    A pair has twice as many channels, and the image half the width. The weight has zeros where a pixel of a pair is not
    needed, yet it takes a quarter to a third less time if both outputs fit into one vector register.

    Parameters
    ----------
    weight
        (outputs, inputs, height, width) of an odd width.

    Returns
    -------
    Tensor
        (2 outputs, 2 inputs, height, (width + 1) / 2).

    Examples
    --------
    >>> pair_pixels(torch.tensor([[[[1.0, 2.0, 3.0]]]])).tolist()
    [[[[1.0, 3.0]], [[2.0, 0.0]]], [[[0.0, 2.0]], [[1.0, 3.0]]]]
    """
    outputs, inputs, height, width = weight.shape
    half = (width + 1) // 2
    paired = weight.new_zeros(2, outputs, inputs, height, 2 * half)
    paired[0, ..., :width], paired[1, ..., 1:] = weight, weight
    split = paired.view(2, outputs, inputs, height, half, 2)
    return split.permute(0, 1, 5, 2, 3, 4).reshape(2 * outputs, 2 * inputs, height, half)


def convolve(x: Tensor, kernel: Kernel, *, side_px: int = 0, relu: bool = False) -> Tensor:
    """Convolve (1, C, H, W).

    Parameters
    ----------
    x
        The input, in channels-last memory.
    kernel
        The weights.
    side_px
        Columns of zeros on the left and on the right.
    relu
        Whether negative results become zero.
    """
    if kernel.is_paired:
        return _convolve_pairs(x, kernel, side_px, relu=relu)
    if kernel.is_packed:
        return _convolve_packed(x, kernel, side_px, relu=relu)
    y = F.conv2d(x, kernel.weight, kernel.bias, kernel.stride_px, (0, side_px))
    return y.relu_() if relu else y


def _convolve_packed(x: Tensor, kernel: Kernel, side_px: int, *, relu: bool) -> Tensor:
    step = [kernel.stride_px, kernel.stride_px]
    after = "relu" if relu else "none"
    y: Tensor = torch.ops.mkldnn._convolution_pointwise(  # noqa: SLF001
        x, kernel.weight, kernel.bias, [0, side_px], step, [1, 1], 1, after, [], ""
    )
    return y


def _convolve_pairs(x: Tensor, kernel: Kernel, side_px: int, *, relu: bool) -> Tensor:
    is_odd = x.shape[3] % 2
    if side_px or is_odd:
        x = F.pad(x, (side_px, side_px + is_odd))
    channels, height, width = x.shape[1:]
    pairs = x.permute(0, 2, 3, 1).reshape(1, height, width // 2, 2 * channels).permute(0, 3, 1, 2)
    y = _convolve_packed(pairs, kernel, 0, relu=relu).permute(0, 2, 3, 1)
    y = y.reshape(1, y.shape[1], 2 * y.shape[2], kernel.outputs).permute(0, 3, 1, 2)
    return y[..., :-1] if is_odd else y


def add_convolution(target: Tensor, x: Tensor, kernel: Kernel) -> None:
    """Add the convolution of (1, C, H, W) without padding to a target, in place."""
    if kernel.is_packed:
        step = [kernel.stride_px, kernel.stride_px]
        torch.ops.mkldnn._convolution_pointwise_(
            target, x, kernel.weight, kernel.bias, [0, 0], step, [1, 1], 1, "add", 1.0, None, [], None
        )
    else:
        target.add_(F.conv2d(x, kernel.weight, kernel.bias, kernel.stride_px))
