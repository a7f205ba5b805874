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


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """The weights of a convolution without conv groups.

    Attributes
    ----------
    weight
        (outputs, inputs, height, width), float32, in channels-last memory or in the layout of oneDNN.
    bias
        (outputs,).
    is_packed
        Whether the weight has the layout of oneDNN, for the fused convolutions.
    stride_px
        Step between two outputs.
    """

    weight: Tensor
    bias: Tensor
    is_packed: bool
    stride_px: int

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return int(self.weight.shape[0])

    @property
    def size_px(self) -> int:
        """Height and width of the kernel."""
        return int(self.weight.shape[2])


def make_kernel(weight: Tensor, bias: Tensor, stride_px: int = 1) -> Kernel:
    """Return a kernel from weights of any floating type.

    Examples
    --------
    >>> make_kernel(torch.ones(8, 3, 3, 3), torch.zeros(8)).outputs
    8
    """
    weight = weight.float().contiguous(memory_format=torch.channels_last)
    if HAS_FUSED:
        shape = [1, weight.shape[1], *_TYPICAL_PX]
        step = [stride_px, stride_px]
        weight = torch.ops.mkldnn._reorder_convolution_weight(weight, [0, 0], step, [1, 1], 1, shape)  # noqa: SLF001
    return Kernel(weight, bias.float(), HAS_FUSED, stride_px)


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
    step = [kernel.stride_px, kernel.stride_px]
    if kernel.is_packed:
        after = "relu" if relu else "none"
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(  # noqa: SLF001
            x, kernel.weight, kernel.bias, [0, side_px], step, [1, 1], 1, after, [], ""
        )
        return y
    y = F.conv2d(x, kernel.weight, kernel.bias, step, [0, side_px])
    return y.relu_() if relu else y


def add_convolution(target: Tensor, x: Tensor, kernel: Kernel) -> None:
    """Add the convolution of (1, C, H, W) without padding to a target, in place."""
    if kernel.is_packed:
        step = [kernel.stride_px, kernel.stride_px]
        torch.ops.mkldnn._convolution_pointwise_(
            target, x, kernel.weight, kernel.bias, [0, 0], step, [1, 1], 1, "add", 1.0, None, [], None
        )
    else:
        target.add_(F.conv2d(x, kernel.weight, kernel.bias, kernel.stride_px))
