"""The building blocks of HoVer-Net, named as its published checkpoints name them.

The checkpoints of the original implementation use keys such as ``d0.units.1.preact/bn.weight``. Modules here
carry those very names, so that a foreign checkpoint loads without a translation table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BN_EPS = 1e-5


def crop_to(tensor: Tensor, like: Tensor) -> Tensor:
    """Cut the centre of an (N, C, H, W) tensor to the height and width of another.

    By a negative padding, not by a slice: the gradient of a slice is never channels-last, and every layer before it
    then works across two memory layouts, which took a third of a training step.
    """
    down, right = (tensor.shape[axis] - like.shape[axis] for axis in (2, 3))
    if not down and not right:
        return tensor
    top, left = down // 2, right // 2
    return F.pad(tensor, (-left, left - right, -top, top - down))


class NamedSequential(nn.Sequential):
    """A sequence whose children may have names with slashes, as the checkpoints have them."""

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)


class SamePad(nn.Module):
    """Pad as TensorFlow's ``same`` does: the odd pixel goes to the bottom and to the right.

    Parameters
    ----------
    kernel_px, stride_px
        Of the convolution that follows. With a stride, sides are taken to be even.
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
    """Double height and width by repeating pixels: plain to trace and to export."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, 2H, 2W)."""
        return F.interpolate(x, scale_factor=2.0, mode="nearest")


def norm_relu(channels: int, prefix: str) -> dict[str, nn.Module]:
    """Batch norm and ReLU under the names ``<prefix>bn`` and ``<prefix>relu``."""
    return {f"{prefix}bn": nn.BatchNorm2d(channels, eps=BN_EPS), f"{prefix}relu": nn.ReLU()}


def conv(inputs: int, outputs: int, kernel_px: int, *, stride_px: int = 1, splits: int = 1) -> nn.Conv2d:
    """Build a convolution without padding and without bias: HoVer-Net's usual one."""
    return nn.Conv2d(inputs, outputs, kernel_px, stride=stride_px, groups=splits, bias=False)


class ResidualBlock(nn.Module):
    """A stage of pre-activation bottleneck units (He et al. 2016, arXiv 1603.05027).

    Parameters
    ----------
    inputs
        Channels that come in.
    widths
        Channels of the three convolutions of each unit; the last is the width of the stream.
    units
        Number of units. Only the first one strides.
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
        # every other pixel first, then a convolution without stride: the same, and safe to train while narrow, see
        # `training.layout`
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
        Channels that come in; every unit adds ``growth`` more.
    kernel_px
        Of the second convolution; each unit loses ``kernel_px - 1`` pixels of height and width.
    narrow, growth
        Channels of the first (1x1) and of the second convolution of a unit.
    units
        Number of units.
    splits
        Conv groups of the second convolution.
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
