"""The order in which a network in training keeps its pixels in memory."""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

FEW_CHANNELS: Final = 16


def layout_for(model: nn.Module) -> torch.memory_format:
    """Give the faster layout, channels-last, unless the model has a layer for which that is not safe.

    Where a strided 1x1 convolution reads fewer than `FEW_CHANNELS` channels, the gradient of its weights overruns its
    memory in this layout on processors with AVX-512 (oneDNN in torch 2.14.1; the process is killed, now or later).
    Narrow models come from cutting, so that many a compact ResNet has such a layer.

    Examples
    --------
    >>> layout_for(nn.Conv2d(16, 32, 1, stride=2)), layout_for(nn.Conv2d(12, 32, 1, stride=2))
    (torch.channels_last, torch.contiguous_format)
    """
    unsafe = any(
        isinstance(module, nn.Conv2d)
        and module.in_channels < FEW_CHANNELS
        and module.kernel_size == (1, 1)
        and module.stride != (1, 1)
        for module in model.modules()
    )
    return torch.contiguous_format if unsafe else torch.channels_last
