"""The moving average of a model's weights while it trains."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


def start_average(model: nn.Module, decay: float) -> AveragedModel:
    """Start the average of a model (Polyak and Juditsky 1992, doi:10.1137/0330046).

    Its decay starts low, so that the first weights are soon forgotten. Running statistics are averaged too.

    Parameters
    ----------
    model
        The model in training; call ``update_parameters(model)`` after every step.
    decay
        Share that the past keeps a step, in [0, 1].
    """
    return AveragedModel(model, multi_avg_fn=_polyak(decay), use_buffers=True)


def _polyak(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    @torch.no_grad()
    def update(means: Tensors, current: Tensors, count: Tensor | int) -> None:
        share = 1.0 - min(decay, (1.0 + int(count)) / (10.0 + int(count)))
        for old, new in zip(means, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new.to(old.dtype), share)
            else:
                old.copy_(new)

    return update
