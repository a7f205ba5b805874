"""Building blocks of HoVer-Net, with the names that its published checkpoints use.

The checkpoints of the original implementation have keys such as ``d0.units.1.preact/bn.weight``. Modules here have the
same names, so that a foreign checkpoint loads without a translation table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BN_EPS = 1e-5


def crop_to(tensor: Tensor, like: Tensor) -> Tensor:
    """Crop an (N, C, H, W) tensor to the height and width of another, around its centre.

    This uses negative padding instead of a slice. The gradient of a slice is never channels-last, so that every
    earlier layer would work across two memory layouts, which took a third of a training step.

    Examples
    --------
    >>> tuple(crop_to(torch.zeros(1, 8, 10, 12), torch.zeros(1, 3, 6, 6)).shape)
    (1, 8, 6, 6)
    """
    down, right = (tensor.shape[axis] - like.shape[axis] for axis in (2, 3))
    if not down and not right:
        return tensor
    top, left = down // 2, right // 2
    return F.pad(tensor, (-left, left - right, -top, top - down))


class NamedSequential(nn.Sequential):
    """Sequence whose children may have slashes in their names, as in the published checkpoints."""

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)


class SamePad(nn.Module):
    """Zero padding as TensorFlow's ``same``: an odd pixel is added at the bottom and on the right.

    Parameters
    ----------
    kernel_px, stride_px
        Kernel size and stride of the convolution that follows. With a stride of 2, height and width must be even.
    """

    def __init__(self, kernel_px: int, stride_px: int = 1) -> None:
        super().__init__()
        total = max(kernel_px - stride_px, 0) if stride_px > 1 else kernel_px - 1
        before = total // 2
        self.padding = (before, total - before, before, total - before)

    def forward(self, x: Tensor) -> Tensor:
        """Pad an (N, C, H, W) tensor with zeros."""
        return F.pad(x, self.padding)


class Upsample2x(nn.Module):
    """Upsampling by a factor of 2 that repeats pixels, which is easy to trace and to export."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, 2H, 2W)."""
        return F.interpolate(x, scale_factor=2.0, mode="nearest")


def norm_relu(channels: int, prefix: str) -> dict[str, nn.Module]:
    """Build a batch norm and a ReLU with the names ``<prefix>bn`` and ``<prefix>relu``."""
    return {f"{prefix}bn": nn.BatchNorm2d(channels, eps=BN_EPS), f"{prefix}relu": nn.ReLU()}


def conv(inputs: int, outputs: int, kernel_px: int, *, stride_px: int = 1, splits: int = 1) -> nn.Conv2d:
    """Build a convolution without padding and bias, as HoVer-Net uses throughout."""
    return nn.Conv2d(inputs, outputs, kernel_px, stride=stride_px, groups=splits, bias=False)


class ResidualBlock(nn.Module):
    """Stage of pre-activation bottleneck units (He et al. 2016, arXiv 1603.05027).

    Parameters
    ----------
    inputs
        Number of input channels.
    widths
        Channels of the three convolutions in each unit. The last is the width of the residual stream.
    units
        Number of units. Only the first one has a stride.
    stride_px
        Stride of the first unit and of the shortcut.
    """

    def __init__(self, inputs: int, widths: Sequence[int], units: int, stride_px: int) -> None:
        super().__init__()
        narrow1, narrow2, stream = widths
        self.units = nn.ModuleList()
        for index in range(units):
            first = index == 0
            stride = stride_px if first else 1
            layers: dict[str, nn.Module] = {}
            if not first:
                layers |= norm_relu(stream, "preact/")
            layers["conv1"] = conv(inputs if first else stream, narrow1, 1)
            layers |= norm_relu(narrow1, "conv1/")
            layers["conv2/pad"] = SamePad(3, stride)
            layers["conv2"] = conv(narrow1, narrow2, 3, stride_px=stride)
            layers |= norm_relu(narrow2, "conv2/")
            layers["conv3"] = conv(narrow2, stream, 1)
            self.units.append(NamedSequential(layers))
        # dropping every other pixel before a convolution without stride gives the same result as a strided one, and is
        # safe to train in narrow networks; see `training.memory_layout`
        self.every_other = nn.MaxPool2d(1, stride_px) if stride_px > 1 else nn.Identity()
        self.shortcut = conv(inputs, stream, 1)
        self.blk_bna = NamedSequential(norm_relu(stream, ""))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, stream, H / stride, W / stride)."""
        stream = self.shortcut(self.every_other(x))
        for index, unit in enumerate(self.units):
            stream = stream + unit(x if index == 0 else stream)
        out: Tensor = self.blk_bna(stream)
        return out


class DenseBlock(nn.Module):
    """Densely connected units with grouped, unpadded convolutions (Huang et al. 2017, arXiv 1608.06993).

    Parameters
    ----------
    inputs
        Number of input channels. Every unit adds ``growth`` channels.
    kernel_px
        Kernel size of the second convolution. Each unit loses ``kernel_px - 1`` pixels of height and width.
    narrow, growth
        Channels of the first (1x1) and of the second convolution in a unit.
    units
        Number of units.
    splits
        Number of conv groups of the second convolution.
    """

    def __init__(self, inputs: int, kernel_px: int, narrow: int, growth: int, units: int, splits: int) -> None:
        super().__init__()
        self.units = nn.ModuleList()
        channels = inputs
        for _ in range(units):
            self.units.append(
                NamedSequential(
                    norm_relu(channels, "preact_bna/")
                    | {"conv1": conv(channels, narrow, 1)}
                    | norm_relu(narrow, "conv1/")
                    | {"conv2": conv(narrow, growth, kernel_px, splits=splits)}
                )
            )
            channels += growth
        self.blk_bna = NamedSequential(norm_relu(channels, ""))
        self.outputs = channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, inputs + units * growth, H - loss, W - loss)."""
        for unit in self.units:
            new = unit(x)
            x = torch.cat([crop_to(x, new), new], dim=1)
        out: Tensor = self.blk_bna(x)
        return out
