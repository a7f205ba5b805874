"""A stage of the encoder, in strips."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_pathprune.models.hovernet.hovernet_blocks import ResidualBlock
from napari_pathprune.models.hovernet.strips.fold_layers import (
    Clamp,
    find_layer,
    fold_convolution,
    fold_preactivation,
    read_norm,
)
from napari_pathprune.models.hovernet.strips.fused_convolution import Kernel, add_convolution, convolve
from napari_pathprune.models.hovernet.strips.strip_rows import allocate, count_row_bytes, cut_rows


@dataclass(frozen=True, slots=True, eq=False)
class Bottleneck:
    """A bottleneck unit: 1x1, 3x3 and 1x1 convolutions, whose result is added to the stream.

    Attributes
    ----------
    clamp
        Applied to the stream first; None in the first unit of a stage.
    reduce, middle, expand
        The three convolutions. A ReLU follows the first two.
    """

    clamp: Clamp | None
    reduce: Kernel
    middle: Kernel
    expand: Kernel


@dataclass(frozen=True, slots=True, eq=False)
class ResidualStage:
    """A residual block with folded norms.

    Attributes
    ----------
    shortcut
        Convolution that starts the stream.
    units
        The units. Only the middle convolution of the first one may have a stride.
    scale, shift
        (C, 1, 1), the norm at the end, before a ReLU.
    """

    shortcut: Kernel
    units: tuple[Bottleneck, ...]
    scale: Tensor
    shift: Tensor

    @property
    def stride_px(self) -> int:
        """Stride of the stage."""
        return self.units[0].middle.stride_px

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return self.shortcut.outputs


def fold_residual(block: ResidualBlock) -> ResidualStage:
    """Return a residual block with its norms folded."""
    units = []
    for index, unit in enumerate(block.units):
        conv1 = find_layer(unit, "conv1", nn.Conv2d)
        norm1 = find_layer(unit, "conv1/bn", nn.BatchNorm2d)
        clamp, reduce = None, fold_convolution(conv1, norm1)
        if index:
            clamp, reduce = fold_preactivation(find_layer(unit, "preact/bn", nn.BatchNorm2d), conv1, norm1)
        middle = fold_convolution(find_layer(unit, "conv2", nn.Conv2d), find_layer(unit, "conv2/bn", nn.BatchNorm2d))
        units.append(Bottleneck(clamp, reduce, middle, fold_convolution(find_layer(unit, "conv3", nn.Conv2d))))
    norm = read_norm(find_layer(block, "blk_bna.bn", nn.BatchNorm2d))
    stride = units[0].middle.stride_px  # a module drops pixels before the shortcut, by a pooling layer
    shortcut = fold_convolution(find_layer(block, "shortcut", nn.Conv2d), every=stride)
    return ResidualStage(shortcut, tuple(units), norm.scale.float()[:, None, None], norm.shift.float()[:, None, None])


def run_residual(stage: ResidualStage, x: Tensor) -> Tensor:
    """Map (1, inputs, H, W) to (1, outputs, H / stride, W / stride)."""
    stride = stage.stride_px
    stream = allocate(stage.outputs, x.shape[2] // stride, x.shape[3] // stride)
    _start_stream(stage, x, stream)
    for unit in stage.units[1:]:
        _add_unit(unit, stream)
    for top, bottom in cut_rows(stream.shape[2], count_row_bytes(stream)):
        rows = stream[:, :, top:bottom]
        torch.addcmul(stage.shift, rows, stage.scale, out=rows).relu_()
    return stream


def _start_stream(stage: ResidualStage, x: Tensor, stream: Tensor) -> None:
    """Fill the stream with the shortcut and the first unit."""
    unit, stride, height = stage.units[0], stage.stride_px, stream.shape[2]
    row_bytes = max(stride * count_row_bytes(x), count_row_bytes(stream))
    for top, bottom in cut_rows(height, row_bytes):
        # "same" padding of 3x3: one pixel all around, or with a stride of 2, only below and on the right
        first = top - 1 if stride == 1 else stride * top
        last = bottom + 1 if stride == 1 else stride * bottom + 1
        middle = convolve(x[:, :, max(first, 0) : last], unit.reduce, relu=True)
        above, below = max(-first, 0), max(last - x.shape[2], 0)
        if stride > 1:
            middle = F.pad(middle, (0, 1, 0, below))
        elif above or below:
            middle = F.pad(middle, (0, 0, above, below))
        middle = convolve(middle, unit.middle, side_px=1 if stride == 1 else 0, relu=True)
        rows = convolve(x[:, :, stride * top : stride * bottom], stage.shortcut)
        add_convolution(rows, middle, unit.expand)
        stream[:, :, top:bottom] = rows


def _add_unit(unit: Bottleneck, stream: Tensor) -> None:
    """Add a unit to the stream in place.

    The 3x3 convolution of a strip needs one row more above and below. Since the stream above has changed by then, the
    last two rows of what the unit made of it are carried over.
    """
    height = stream.shape[2]

    def reduce(top: int, bottom: int) -> Tensor:
        assert unit.clamp is not None
        return convolve(unit.clamp.apply(stream[:, :, top:bottom]), unit.reduce, relu=True)

    first = reduce(0, 1)
    nothing = torch.zeros_like(first)
    carried = torch.cat([nothing, first], 2)
    for top, bottom in cut_rows(height, count_row_bytes(stream)):
        parts = [carried]
        if top + 1 < min(bottom + 1, height):
            parts.append(reduce(top + 1, min(bottom + 1, height)))
        if bottom == height:
            parts.append(nothing)
        reduced = torch.cat(parts, 2)
        carried = reduced[:, :, -2:].clone(memory_format=torch.channels_last)
        add_convolution(stream[:, :, top:bottom], convolve(reduced, unit.middle, side_px=1, relu=True), unit.expand)
