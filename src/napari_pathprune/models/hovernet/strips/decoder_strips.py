"""A branch of the decoder, in strips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from napari_pathprune.models.hovernet.hovernet_blocks import DenseBlock
from napari_pathprune.models.hovernet.strips.fold_layers import (
    Clamp,
    find_layer,
    fold_convolution,
    fold_preactivation,
)
from napari_pathprune.models.hovernet.strips.fused_convolution import Kernel, convolve
from napari_pathprune.models.hovernet.strips.strip_rows import (
    add_upsampled,
    allocate,
    count_row_bytes,
    crop_centre,
    cut_rows,
)


@dataclass(frozen=True, slots=True, eq=False)
class DenseUnit:
    """A unit that adds channels to those before it.

    Attributes
    ----------
    clamp
        Applied to all channels so far.
    reduce, grow
        1x1 convolution with a ReLU, and the convolution whose result is added.
    """

    clamp: Clamp
    reduce: Kernel
    grow: Kernel


@dataclass(frozen=True, slots=True, eq=False)
class DecoderLevel:
    """A level with a dense block.

    Attributes
    ----------
    entry
        Convolution of the sum of the level below and the encoder's map.
    units
        The dense units.
    clamp, leave
        Norm, ReLU and 1x1 convolution at the end.
    """

    entry: Kernel
    units: tuple[DenseUnit, ...]
    clamp: Clamp
    leave: Kernel

    @property
    def widest(self) -> int:
        """Number of channels after the last unit."""
        return self.entry.outputs + sum(unit.grow.outputs for unit in self.units)


@dataclass(frozen=True, slots=True, eq=False)
class DecoderBranch:
    """The decoder of one map.

    Attributes
    ----------
    levels
        The levels with dense blocks, deepest first.
    last, output
        Convolution with a ReLU at full resolution, and the 1x1 convolution to the map.
    """

    levels: tuple[DecoderLevel, ...]
    last: Kernel
    output: Kernel


def fold_branch(branch: nn.Module) -> DecoderBranch:
    """Return a branch of HoVer-Net's decoder with its norms folded."""
    last = fold_convolution(find_layer(branch, "u1.conva", nn.Conv2d), find_layer(branch, "u0.bn", nn.BatchNorm2d))
    output = fold_convolution(find_layer(branch, "u0.conv", nn.Conv2d))
    return DecoderBranch(tuple(_fold_level(branch.get_submodule(name)) for name in ("u3", "u2")), last, output)


def run_branch(branch: DecoderBranch, bottom: Tensor, skips: Sequence[Tensor]) -> Tensor:
    """Compute a map.

    Parameters
    ----------
    branch
        The branch.
    bottom
        (1, C, h, w), the deepest map of the encoder.
    skips
        The maps of the encoder that are added at each level, deepest first; larger than needed.

    Returns
    -------
    Tensor
        (1, outputs, H, W).
    """
    low = bottom
    for level, skip in zip(branch.levels, skips, strict=False):
        low = _run_level(level, low, crop_centre(skip, 2 * low.shape[2], 2 * low.shape[3]))
    return _run_output(branch, low, crop_centre(skips[-1], 2 * low.shape[2], 2 * low.shape[3]))


def _fold_level(level: nn.Module) -> DecoderLevel:
    dense = find_layer(level, "dense", DenseBlock)
    units = []
    for unit in dense.units:
        clamp, reduce = fold_preactivation(
            find_layer(unit, "preact_bna/bn", nn.BatchNorm2d),
            find_layer(unit, "conv1", nn.Conv2d),
            find_layer(unit, "conv1/bn", nn.BatchNorm2d),
        )
        units.append(DenseUnit(clamp, reduce, fold_convolution(find_layer(unit, "conv2", nn.Conv2d))))
    norm = find_layer(dense, "blk_bna.bn", nn.BatchNorm2d)
    clamp, leave = fold_preactivation(norm, find_layer(level, "convf", nn.Conv2d), None)
    return DecoderLevel(fold_convolution(find_layer(level, "conva", nn.Conv2d)), tuple(units), clamp, leave)


def _run_level(level: DecoderLevel, low: Tensor, skip: Tensor) -> Tensor:
    """Return the map of a level from the one below and the encoder's."""
    lost = level.entry.size_px - 1
    height, width = skip.shape[2] - lost, skip.shape[3] - lost
    channels = level.entry.outputs
    grown = allocate(level.widest, height, width)  # each unit writes its channels, so that nothing is concatenated
    for top, bottom in cut_rows(height, count_row_bytes(skip)):
        first, last = top // 2 * 2, min(skip.shape[2], (bottom + lost + 1) // 2 * 2)
        rows = add_upsampled(low, skip, first, last)[:, :, top - first : bottom + lost - first]
        grown[:, :channels, top:bottom] = convolve(rows, level.entry)
    for unit in level.units:
        _add_channels(unit, grown, channels)
        edge = unit.grow.size_px // 2
        grown = grown[:, :, edge : grown.shape[2] - edge, edge : grown.shape[3] - edge]
        channels += unit.grow.outputs
    out = allocate(level.leave.outputs, grown.shape[2], grown.shape[3])
    for top, bottom in cut_rows(grown.shape[2], count_row_bytes(grown)):
        out[:, :, top:bottom] = convolve(level.clamp.apply(grown[:, :, top:bottom]), level.leave)
    return out


def _add_channels(unit: DenseUnit, grown: Tensor, channels: int) -> None:
    """Write the new channels of a unit behind the existing ones; they have no values along the edges."""
    edge = unit.grow.size_px // 2
    new = grown[:, channels : channels + unit.grow.outputs, edge : grown.shape[2] - edge, edge : grown.shape[3] - edge]
    for top, bottom in cut_rows(new.shape[2], count_row_bytes(grown[:, :channels])):
        rows = unit.clamp.apply(grown[:, :channels, top : bottom + 2 * edge])
        new[:, :, top:bottom] = convolve(convolve(rows, unit.reduce, relu=True), unit.grow)


def _run_output(branch: DecoderBranch, low: Tensor, skip: Tensor) -> Tensor:
    """Return the map at full resolution, whose last convolution pads with zeros."""
    height, width = skip.shape[2:]
    edge = branch.last.size_px // 2
    out = allocate(branch.output.outputs, height, width)
    for top, bottom in cut_rows(height, count_row_bytes(skip)):
        start, stop = max(top - edge, 0), min(bottom + edge, height)
        first, last = start // 2 * 2, min((stop + 1) // 2 * 2, height)
        rows = add_upsampled(low, skip, first, last, edge)[:, :, start - first : stop - first]
        above, below = start - (top - edge), bottom + edge - stop
        if above or below:
            rows = F.pad(rows, (0, 0, above, below))
        out[:, :, top:bottom] = convolve(convolve(rows, branch.last, relu=True), branch.output)
    return out
