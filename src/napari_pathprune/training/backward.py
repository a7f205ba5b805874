"""The gradients of a batch, in as many pieces as memory asks for."""

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
    """Compute losses and gradients; where memory runs out, of half as many patches at a time, added up.

    Pieces are weighted by their patches. Batch norms and Dice then see a piece instead of the batch: the training is
    nearly, not exactly, the same.

    Parameters
    ----------
    fabric
        Moves and scales.
    model
        As `fabric.setup` gave it.
    losses
        Maps and batch to terms.
    pieces
        To begin with.

    Attributes
    ----------
    pieces
        In how many a batch is computed.
    """

    def __init__(self, fabric: Fabric, model: nn.Module, losses: Losses, pieces: int = 1) -> None:
        self._fabric, self._model, self._losses = fabric, model, losses
        self._layout = layout_for(model)
        self.pieces = pieces

    def __call__(self, optimizer: Optimizer, batch: Batch) -> dict[str, float]:
        """Leave the gradients at the parameters and give the mean of each term.

        Raises
        ------
        ValueError
            If memory runs out with a single patch.
        """
        while True:
            optimizer.zero_grad()
            try:
                return self._added(batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self._fabric.world_size > 1:  # devices wait for each other: one alone cannot try again
                    raise ValueError("memory ran out on one of several devices; take a smaller batch") from error
                if self.pieces >= len(batch["image"]):
                    side = batch["image"].shape[-1]
                    raise ValueError(f"memory ran out with one patch of {side} px; take smaller patches") from error
            self.pieces = min(2 * self.pieces, len(batch["image"]))

    def _added(self, batch: Batch) -> dict[str, float]:
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
