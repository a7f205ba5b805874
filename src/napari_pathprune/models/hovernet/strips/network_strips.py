"""The whole network, in strips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_pathprune.models.hovernet.hovernet_blocks import (
    DenseBlock,
    NamedSequential,
    ResidualBlock,
    SamePad,
    Upsample2x,
)
from napari_pathprune.models.hovernet.strips.decoder_strips import DecoderBranch, fold_branch, run_branch
from napari_pathprune.models.hovernet.strips.fold_layers import UnfoldableError, find_layer, fold_convolution
from napari_pathprune.models.hovernet.strips.fused_convolution import Kernel, convolve
from napari_pathprune.models.hovernet.strips.residual_strips import ResidualStage, fold_residual, run_residual
from napari_pathprune.models.hovernet.strips.strip_rows import allocate, count_row_bytes, cut_rows

_STAGES: Final = ("d0", "d1", "d2", "d3")
_KNOWN: Final = frozenset(
    {nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.Identity, nn.ModuleList, nn.ModuleDict}
    | {DenseBlock, NamedSequential, ResidualBlock, SamePad, Upsample2x}
)
"""Layers whose results are known."""
_LARGEST_RGB: Final = 255.0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StripNetwork:
    """HoVer-Net for inference on CPUs.

    Every layer is run on strips of rows that stay in the processor's cache. Norms are folded into convolutions. Sums
    and concatenations are made in place. Maps are those of the module up to rounding.

    Attributes
    ----------
    check_shape
        Raises ValueError if height and width of an input are not valid.
    stem, stem_px
        The first convolution, and the zeros around its input.
    stages
        The encoder.
    bottom
        The 1x1 convolution below the decoder.
    branches
        The decoder, by the names of the maps.

    Examples
    --------
    >>> from napari_pathprune.models import build
    >>> model = build("hovernet", mode="fast", num_types=4, width=0.125).eval()
    >>> strips, image = fold_network(model, model.output_shape), torch.rand(1, 3, 128, 136) * 255
    >>> with torch.inference_mode():
    ...     torch.allclose(strips(image)["hv"], model(image)["hv"], atol=0.01)
    True
    """

    check_shape: Callable[[int, int], object]
    stem: Kernel
    stem_px: int
    stages: tuple[ResidualStage, ...]
    bottom: Kernel
    branches: Mapping[str, DecoderBranch]

    @property
    def bytes_per_px(self) -> float:
        """Memory of an input, its maps and all between, in bytes per pixel of the input."""
        area = 1.0
        channels = 3.0
        for stage in self.stages:
            area /= stage.stride_px**2
            channels += area * stage.outputs
        for index, level in enumerate(next(iter(self.branches.values())).levels):
            channels += 4 ** (index + 1) * area * (level.widest + level.leave.outputs)
        channels += sum(branch.output.outputs for branch in self.branches.values())
        return 4 * channels

    @torch.no_grad()
    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the maps of a batch of images; see `HoVerNet.forward`."""
        self.check_shape(images.shape[2], images.shape[3])
        maps = [self._run_image(image[None]) for image in images]
        if len(maps) == 1:
            return maps[0]
        return {name: torch.cat([one[name] for one in maps]) for name in self.branches}

    def _run_image(self, image: Tensor) -> dict[str, Tensor]:
        x = self._run_stem(image)
        found = []
        for stage in self.stages:
            x = run_residual(stage, x)
            found.append(x)
        bottom = convolve(found.pop(), self.bottom)
        found.reverse()
        return {name: run_branch(branch, bottom, found) for name, branch in self.branches.items()}

    def _run_stem(self, image: Tensor) -> Tensor:
        padded = F.pad(image, [self.stem_px] * 4).contiguous(memory_format=torch.channels_last)
        lost = self.stem.size_px - 1
        out = allocate(self.stem.outputs, padded.shape[2] - lost, padded.shape[3] - lost)
        for top, bottom in cut_rows(out.shape[2], count_row_bytes(out)):
            out[:, :, top:bottom] = convolve(padded[:, :, top : bottom + lost], self.stem, relu=True)
        return out


@torch.no_grad()
def fold_network(network: nn.Module, check_shape: Callable[[int, int], object]) -> StripNetwork:
    """Return a HoVer-Net for inference on CPUs.

    Parameters
    ----------
    network
        The module, in evaluation mode, float32, on the CPU. It is not changed, and its weights are copied.
    check_shape
        Raises ValueError if height and width of an input are not valid.

    Raises
    ------
    UnfoldableError
        If the network has hooks or other layers, is on another device or of another type, or is in training mode.
    """
    _check_layers(network)
    first = find_layer(network, "conv0", NamedSequential)
    norm = find_layer(first, "bn", nn.BatchNorm2d)
    stem = fold_convolution(find_layer(first, "/", nn.Conv2d), norm, divisor=_LARGEST_RGB)
    return StripNetwork(
        check_shape,
        stem,
        stem.size_px // 2 if "pad" in dict(first.named_children()) else 0,
        tuple(fold_residual(find_layer(network, name, ResidualBlock)) for name in _STAGES),
        fold_convolution(find_layer(network, "conv_bot", nn.Conv2d)),
        {name: fold_branch(branch) for name, branch in find_layer(network, "decoder", nn.ModuleDict).items()},
    )


def _check_layers(network: nn.Module) -> None:
    """Raise if a layer may do something else than it usually does."""
    for part in network.children():
        for layer in part.modules():
            hooks = [*layer._forward_hooks, *layer._forward_pre_hooks]  # noqa: SLF001 (there is no public way)
            if type(layer) not in _KNOWN or hooks or layer.training:
                raise UnfoldableError(f"got a {type(layer).__name__} with hooks, in training mode or not known")
            for tensor in (*layer.parameters(recurse=False), *layer.buffers(recurse=False)):
                if tensor.device.type != "cpu" or (tensor.is_floating_point() and tensor.dtype != torch.float32):
                    raise UnfoldableError(f"got weights of {tensor.dtype} on {tensor.device}; expected float32, cpu")
