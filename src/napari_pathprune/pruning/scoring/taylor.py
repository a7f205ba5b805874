"""Scores of all channels from data: the change of the loss without a channel, to first order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.kinds import check_arguments
from napari_pathprune.pruning.modules.match_state import match_state
from napari_pathprune.pruning.modules.replica import copy_model, state_of
from napari_pathprune.pruning.scoring.criteria import first_order
from napari_pathprune.pruning.scoring.deciders import Decider, merge_scores, select_filters
from napari_pathprune.pruning.scoring.importance import Scores, score_channels


def taylor(
    model: nn.Module,
    graph: ChannelGraph,
    batches: Iterable[Any],
    loss: Callable[[nn.Module, Any], Tensor],
    *,
    decider: Decider = "producers",
) -> Scores:
    """Score every channel by the change of the loss without it, estimated in one pass over data; higher stays.

    The score of a filter is ``|sum_j w_ij * dL/dw_ij|``, averaged over the batches (Molchanov et al. 2019, arXiv
    1906.10771). The model runs in evaluation mode: before a norm that takes its statistics from the batch, the sum
    would be zero for every filter, because the loss does not depend on the length of a filter.

    Parameters
    ----------
    model
        The traced model, or one of the same shapes; it is not changed and gets no gradients.
    graph
        Its channel graph.
    batches
        Batches that ``loss`` accepts, on the device of the model; enough of them to represent the data.
    loss
        Returns the scalar loss of a model on a batch.
    decider
        As in `importance`.

    Returns
    -------
    dict
        Group to (width,) float32 scores, on the device of the model.

    Raises
    ------
    ValueError
        If there are no batches, a loss is not finite, the loss does not depend on a group (the message names it), or
        the model does not match the graph.

    Examples
    --------
    >>> from napari_pathprune.pruning import choose, trace
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> batches = [torch.rand(2, 3, 16, 16) for _ in range(4)]
    >>> scores = taylor(model, graph, batches, lambda model, images: model(images).square().mean())
    >>> len(choose(graph, scores, ratio=0.5, criterion="taylor").keep["0"])
    4
    """
    match_state(model, graph)
    check_arguments(batches=batches, loss=loss)
    filters = select_filters(graph, decider)
    work = copy_model(model).eval()
    for parameter in work.parameters():
        parameter.requires_grad_(parameter.dtype.is_floating_point)
    deciding = {member.tensor for members in filters.values() for member in members}
    weights = {name: tensor for name, tensor in state_of(work).items() if name in deciding}
    totals: dict[str, Tensor] = {}
    reached: set[str] = set()
    count = 0
    for count, batch in enumerate(batches, start=1):
        products = _multiply_by_gradients(work, weights, batch, loss, count)
        reached |= {name for name, tensor in weights.items() if tensor.grad is not None}
        for group in graph.prunable:
            own = score_channels(group, filters[group.name], (), products, first_order)
            totals[group.name] = own + totals[group.name] if group.name in totals else own
    if count == 0:
        raise ValueError("got no batches to score the channels on; give at least one")
    for name, members in filters.items():
        if not any(member.tensor in reached for member in members):
            raise ValueError(f"got a loss that does not reach channel group {name!r}; include its output in the loss")
    return {name: merge_scores(total / count, decider).float() for name, total in totals.items()}


def _multiply_by_gradients(
    work: nn.Module, weights: dict[str, Tensor], batch: object, loss: Callable[[nn.Module, Any], Tensor], number: int
) -> dict[str, Tensor]:
    """Multiply every weight by its gradient on one batch; the gradients are kept until the next batch."""
    work.zero_grad(set_to_none=True)
    with torch.enable_grad():
        value = loss(work, batch)
        if not isinstance(value, Tensor):
            raise ValueError(  # noqa: TRY004 (the user's mistake)
                f"got a loss of type {type(value).__name__} on batch {number}; give a scalar tensor"
            )
        if value.numel() != 1 or not bool(torch.isfinite(value).all()) or value.grad_fn is None:
            got = f"{value.item():.3g}" if value.numel() == 1 else f"of shape {tuple(value.shape)}"
            raise ValueError(f"got a loss {got} on batch {number}; give a finite scalar that depends on the model")
        value.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return {
            name: torch.zeros_like(tensor) if tensor.grad is None else tensor.float() * tensor.grad.float()
            for name, tensor in weights.items()
        }
