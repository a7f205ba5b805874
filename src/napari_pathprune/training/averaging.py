"""Moving average of a model's weights during training."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


def start_average(model: nn.Module, decay: float) -> AveragedModel:
    """Start a moving average of a model's weights (Polyak and Juditsky 1992, doi:10.1137/0330046).

    The decay starts low, so that the initial weights are soon forgotten. Running statistics are averaged too.

    Parameters
    ----------
    model
        The model in training. Call ``update_parameters(model)`` on the result after every step.
    decay
        Weight of the past at each step, in [0, 1].

    Examples
    --------
    >>> model = nn.Linear(1, 1, bias=False)
    >>> average = start_average(model.requires_grad_(False), decay=0.9)
    >>> for value in (0.0, 1.0):
    ...     _ = model.weight.fill_(value)
    ...     average.update_parameters(model)
    >>> round(average.module.weight.item(), 3)  # the second update has a decay of (1 + 1) / (10 + 1)
    0.818
    """
    return AveragedModel(model, multi_avg_fn=_make_update(decay), use_buffers=True)


def _make_update(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    @torch.no_grad()
    def update(means: Tensors, current: Tensors, count: Tensor | int) -> None:
        share = 1.0 - min(decay, (1.0 + int(count)) / (10.0 + int(count)))
        for old, new in zip(means, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new.to(old.dtype), share)
            else:
                old.copy_(new)

    return update
