"""A network of two convolutions that trains, compresses and predicts as HoVer-Net does, in a hundredth of the time."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import torch
from torch import Tensor, nn

NAME: Final = "two-convolutions"
STRIDE: Final = 8
MARGIN_PX: Final = 2
PUBLISHED_WIDTH: Final = 64
"""Channels of each convolution at width 1.0."""


class TwoConvolutions(nn.Module):
    """Two convolutions, and one output layer for each map.

    Inputs are multiples of 8 px; maps are 2 px smaller on each side. Takes the settings of `HoVerNet`.

    Parameters
    ----------
    mode
        Accepted and ignored.
    num_types
        Number of nuclear types, background included; None for a network without the ``tp`` map.
    width
        Multiplies the 64 channels of both convolutions.
    """

    margin_px = MARGIN_PX
    stride_px = 1
    padding_px = 1

    def __init__(self, mode: str = "fast", num_types: int | None = None, width: float = 1.0) -> None:
        super().__init__()
        channels = max(4, round(PUBLISHED_WIDTH * width))
        self.mode, self.num_types = mode, num_types
        self.features = nn.Sequential(
            OrderedDict(
                first=nn.Conv2d(3, channels, 5, bias=False),
                first_norm=nn.BatchNorm2d(channels),
                first_relu=nn.ReLU(),
                second=nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                second_norm=nn.BatchNorm2d(channels),
                second_relu=nn.ReLU(),
            )
        )
        outputs = ({} if num_types is None else {"tp": num_types}) | {"np": 2, "hv": 2}
        self.heads = nn.ModuleDict({name: nn.Conv2d(channels, count, 1) for name, count in outputs.items()})

    def output_layers(self) -> dict[str, nn.Module]:
        """Return the last convolution of each map by the map's name."""
        return dict(self.heads.items())

    def nearest_sizes(self, size_px: int) -> tuple[int, int]:
        """Return the largest input length up to ``size_px`` that fits, and the smallest from ``size_px`` on."""
        return max(STRIDE, size_px // STRIDE * STRIDE), max(STRIDE, -(-size_px // STRIDE) * STRIDE)

    def output_shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return height and width of the maps; raise if the input does not fit."""
        for size_px in (height_px, width_px):
            if size_px not in self.nearest_sizes(size_px):
                raise ValueError(f"got {size_px} px; make it one of {self.nearest_sizes(size_px)}")
        return height_px - 2 * MARGIN_PX, width_px - 2 * MARGIN_PX

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map (N, 3, H, W), 0 to 255, to network maps, as `HoVerNet.forward` does."""
        self.output_shape(images.shape[2], images.shape[3])
        features = self.features(images / 255.0)
        return {name: head(features) for name, head in self.heads.items()}


def random_two_convolutions(num_types: int | None = 4, width: float = 0.125, seed: int = 11) -> TwoConvolutions:
    """Build a network in eval mode whose batch norms do something; torch's own random state stays as it is."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = TwoConvolutions(num_types=num_types, width=width)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.2)
                nn.init.normal_(module.running_mean, std=0.2)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model.eval()
