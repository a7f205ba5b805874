"""Memory layout of the pixels of a network in training."""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

FEW_CHANNELS: Final = 16


def layout_for(model: nn.Module) -> torch.memory_format:
    """Return channels-last, which is faster, unless the model has a layer for which it is not safe.

    If a strided 1x1 convolution reads fewer than `FEW_CHANNELS` channels, the gradient of its weights is written
    beyond its memory in this layout on processors with AVX-512 (oneDNN in torch 2.14.1), and the process is killed
    sooner or later. Many compact ResNets have such a layer, because pruning makes models narrow.

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
