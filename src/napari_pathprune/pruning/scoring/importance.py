"""Scores of all channels by a criterion that needs no data."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from napari_pathprune.pruning.graph import ChannelGraph, ChannelGroup, Member
from napari_pathprune.pruning.modules.kinds import check_arguments
from napari_pathprune.pruning.modules.match_state import match_state
from napari_pathprune.pruning.scoring.channel_weights import weights_per_channel
from napari_pathprune.pruning.scoring.criteria import CRITERIA, Criterion, Evidence, bn_scale
from napari_pathprune.pruning.scoring.deciders import SIDES, Decider, merge_scores, norms_of, select_filters

Scores = dict[str, Tensor]


def importance(
    model: nn.Module, graph: ChannelGraph, criterion: str = "l2", *, decider: Decider = "producers", seed: int = 0
) -> Scores:
    """Score every channel of every group that can be cut; higher stays.

    Where several layers share their channels, ``decider`` selects the layers that count. The paper (arXiv 2404.08831)
    leaves this open: "since the residual feature maps are presumably more important than the convolved ones within a
    residual block, we prioritize the latter". Both readings are available. *The convolved filters decide*: the last
    convolutions of the residual units choose the indices that a skip group loses (``decider="convolved"``). *The
    internal filters go first*: filters outside the stream are cut before the stream, and more
    (``Limits(first="internal")`` or ``Limits(max_skip_ratio=...)``).

    Parameters
    ----------
    model
        The traced model, or one of the same shapes; it is not changed.
    graph
        Its channel graph.
    criterion
        ``"l1"``, ``"l2"``, ``"fpgm"``, ``"bn_scale"`` or ``"random"``; see `CRITERIA`, and `taylor` for data.
    decider
        ``"producers"``: mean over the filters that make the channels. ``"mean"``, ``"sum"``, ``"max"``: over all
        filters that make or read them. ``"convolved"``, ``"shortcut"``: as ``"producers"``, but in skip groups only
        the last convolutions of residual units, or only the filters that start the stream. With ``"bn_scale"`` the
        norms decide instead of filters, and with ``"random"`` no layer does.
    seed
        Seed for ``"random"``.

    Returns
    -------
    dict
        Group to (width,) float32 scores, on the device of the model.

    Raises
    ------
    ValueError
        If the criterion or decider is unknown, no layer can decide for a group (the message names it), or the model
        does not match the graph.

    Examples
    --------
    >>> from napari_pathprune.pruning import trace
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> importance(model, graph, "l1", decider="max")["0"].shape
    torch.Size([8])
    """
    check_arguments(model=model, graph=graph, seed=seed)
    if isinstance(criterion, str) and criterion == "taylor":
        raise ValueError("got criterion 'taylor', which needs data; call taylor(model, graph, batches, loss)")
    measure = CRITERIA.get(criterion) if isinstance(criterion, str) else None
    if measure is None:
        raise ValueError(f"got criterion {criterion!r}; the criteria are {', '.join(CRITERIA)}")
    if measure is bn_scale and decider in SIDES:
        raise ValueError(
            f"got decider {decider!r} for bn_scale, but norms act on the sum of convolved channels and shortcut; "
            "use 'mean', 'sum' or 'max'"
        )
    state = match_state(model, graph)
    filters = select_filters(graph, decider)
    with torch.no_grad():
        return {
            group.name: merge_scores(
                score_channels(group, filters[group.name], norms_of(model, group), state, measure, seed=seed), decider
            ).float()
            for group in graph.prunable
        }


def score_channels(
    group: ChannelGroup,
    filters: tuple[Member, ...],
    norms: tuple[Member, ...],
    state: Mapping[str, Tensor],
    criterion: Criterion,
    *,
    seed: int = 0,
) -> Tensor:
    """Return the score of each channel by each of some filters or norms: (layers, width)."""
    evidence = Evidence(
        group,
        tuple(weights_per_channel(state[member.tensor], member, group.width) for member in filters),
        tuple(weights_per_channel(state[member.tensor], member, group.width) for member in norms),
        seed,
    )
    return criterion(evidence)
