"""Gradients of a batch, computed in pieces where memory is short."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from napari_pathprune.base.out_of_memory import is_out_of_memory
from napari_pathprune.training.memory_layout import layout_for

Batch = Mapping[str, Tensor]
Losses = Callable[[Mapping[str, Tensor], Batch], Mapping[str, Tensor]]


class Backward:
    """Losses and gradients of a batch, accumulated over pieces if memory runs out.

    Whenever memory runs out, the number of pieces doubles. Each piece is weighted by its number of patches. Batch
    norms and the Dice loss then see one piece instead of the whole batch, so the result is nearly, but not exactly,
    the same.

    Parameters
    ----------
    fabric
        Scales the gradients and runs the backward pass.
    model
        The model as returned by `fabric.setup`.
    losses
        Computes scalar terms from the model's maps and the batch.
    pieces
        Number of pieces to start with.

    Attributes
    ----------
    pieces
        Number of pieces in which a batch is computed.
    """

    def __init__(self, fabric: Fabric, model: nn.Module, losses: Losses, pieces: int = 1) -> None:
        self._fabric, self._model, self._losses = fabric, model, losses
        self._layout = layout_for(model)
        self.pieces = pieces

    def __call__(self, optimizer: Optimizer, batch: Batch) -> dict[str, float]:
        """Compute the gradients of the parameters and return the mean of each term.

        Raises
        ------
        ValueError
            If memory runs out with a single patch, or on one of several devices.
        """
        while True:
            optimizer.zero_grad()
            try:
                return self._accumulate(batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self._fabric.world_size > 1:  # devices wait for each other, so one alone cannot retry
                    raise ValueError("memory ran out on one of several devices; take a smaller batch") from error
                if self.pieces >= len(batch["image"]):
                    side = batch["image"].shape[-1]
                    raise ValueError(f"memory ran out with one patch of {side} px; take smaller patches") from error
            self.pieces = min(2 * self.pieces, len(batch["image"]))

    def _accumulate(self, batch: Batch) -> dict[str, float]:
        total: dict[str, float] = {}
        count = len(batch["image"])
        size = -(-count // self.pieces)
        for start in range(0, count, size):
            piece = {name: value[start : start + size] for name, value in batch.items()}
            share = len(piece["image"]) / count
            terms = self._losses(self._model(piece["image"].contiguous(memory_format=self._layout)), piece)
            self._fabric.backward(torch.stack(list(terms.values())).sum() * share)
            for name, term in terms.items():
                total[name] = total.get(name, 0.0) + share * float(term.detach())
        return total
