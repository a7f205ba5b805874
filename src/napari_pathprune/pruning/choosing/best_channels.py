"""From a number of channels for each group to a plan: those with the highest scores stay."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.kinds import check_arguments
from napari_pathprune.pruning.plan import PrunePlan


def keep_best(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    counts: Mapping[str, int],
    *,
    criterion: str = "",
    ratio: float = 0.0,
) -> PrunePlan:
    """Return the plan that keeps ``counts[group]`` channels of each group, those with the highest scores."""
    keep = {group.name: best_channels(scores[group.name], counts[group.name], group.splits) for group in graph.prunable}
    return PrunePlan(keep, graph.fingerprint(), criterion, ratio)


def best_channels(scores: Tensor, count: int, splits: int = 1) -> tuple[int, ...]:
    """Return the sorted indices of the highest scores, the same number in each split; ties go to the lower index.

    Examples
    --------
    >>> best_channels(torch.tensor([0.1, 0.9, 0.5, 0.7]), 2)
    (1, 3)
    >>> best_channels(torch.tensor([0.1, 0.2, 0.5, 0.7]), 2, splits=2)
    (1, 3)
    """
    own = scores.detach().to("cpu", torch.float64).reshape(splits, -1)
    order = own.sort(dim=1, descending=True, stable=True).indices[:, : count // splits]
    order = order.sort(dim=1).values + torch.arange(splits)[:, None] * own.shape[1]
    return tuple(order.flatten().tolist())


def check_scores(graph: ChannelGraph, scores: Mapping[str, Tensor]) -> None:
    """Raise if scores are missing, or of the wrong shape, without values or not finite."""
    check_arguments(graph=graph, scores=scores)
    for group in graph.prunable:
        if group.name not in scores:
            raise ValueError(f"got no scores for channel group {group.name!r}; score the model with this graph")
        own = scores[group.name]
        if not isinstance(own, Tensor):
            raise ValueError(  # noqa: TRY004 (the user's mistake)
                f"got scores of type {type(own).__name__} for channel group {group.name!r}; expected a tensor"
            )
        if own.shape != (group.width,):
            raise ValueError(
                f"got scores of shape {tuple(own.shape)} for channel group {group.name!r}; expected ({group.width},)"
            )
        if own.is_meta:
            raise ValueError(
                "got scores without values, from a model on device 'meta'; load its weights before scoring it"
            )
        if not bool(torch.isfinite(own).all()):
            raise ValueError(f"got scores for channel group {group.name!r} that are not finite; check its weights")
