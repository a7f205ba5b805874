"""From scores to a plan: which channels stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from napari_pathprune.pruning.choosing.counts import counts_for
from napari_pathprune.pruning.choosing.limits import Limits, Scope
from napari_pathprune.pruning.graph import ChannelGraph, Kind
from napari_pathprune.pruning.plan import PrunePlan


def choose(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    ratio: float = 0.5,
    scope: Scope = "local",
    max_skip_ratio: float | None = None,
    round_to: int = 1,
    min_channels: int = 1,
    *,
    floor: float = 0.1,
    caps: Mapping[str, float] | None = None,
    keep: Sequence[str] = (),
    first: Kind | None = None,
    criterion: str = "",
    dense: ChannelGraph | None = None,
) -> PrunePlan:
    """Choose the channels that stay: those of the highest scores.

    Parameters
    ----------
    graph
        Of the model that is going to be cut.
    scores
        Group to (width,) scores, higher stays; from `importance` or `taylor`.
    ratio
        Share of the channels to remove, in [0, 1).
    scope
        ``"local"``: this share of every group. ``"global"``: this share of all channels together, lowest first,
        after the scores of each group were divided by their mean.
    max_skip_ratio
        Largest share to remove from a skip group; None for no limit.
    round_to
        Keep a multiple of this many channels in every group, where its width allows.
    min_channels
        Keep at least this many in every group; one in every split in any case.
    floor
        Share that every group keeps, or what ``ratio`` leaves if that is less, so that no layer collapses where
        groups are not treated alike: with the global scope, and with ``first``.
    caps
        Name of a group, or pattern such as ``"d0.*"``, to the largest share to remove there; the smallest that fits.
    keep
        Names or patterns of groups that stay whole.
    first
        ``"internal"`` or ``"skip"``: the ratio is a share of all channels, taken from groups of this kind as far as
        the limits allow, and only then from the others. ``"internal"`` is one reading of the paper's "prioritize the
        convolved ones"; see `importance` for the other. None treats both alike.
    criterion
        To be remembered in the plan.
    dense
        Where ``graph`` is that of a model that was cut before: the graph it had at first. Shares then count from
        its widths, so that steps of equal size add up.

    Returns
    -------
    PrunePlan
        For every group that can be cut.

    Raises
    ------
    ValueError
        If a number is out of range, a name fits no group, or scores are missing, of a wrong length or not finite.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from napari_pathprune.pruning import importance, trace
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> plan = choose(graph, importance(model, graph), ratio=0.5, caps={"2": 0.25})
    >>> [len(stay) for stay in plan.keep.values()]
    [4, 6]
    """
    limits = Limits(scope, max_skip_ratio, round_to, min_channels, floor, caps, keep, first)
    check_ratio(ratio)
    check_scores(graph, scores)
    counts = counts_for(graph, scores, ratio, limits, dense)
    return plan_of_counts(graph, scores, counts, criterion=criterion, ratio=ratio)


def check_ratio(ratio: float) -> None:
    """Say what a pruning ratio must be."""
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"got a pruning ratio of {ratio}; give the share of channels to remove, from 0 to below 1")


def check_scores(graph: ChannelGraph, scores: Mapping[str, Tensor]) -> None:
    """Say which group has no scores, or which are wrong."""
    for group in graph.prunable:
        if group.name not in scores:
            raise ValueError(f"got no scores for channel group {group.name!r}; score the model with this graph")
        own = scores[group.name]
        if own.shape != (group.width,):
            raise ValueError(
                f"got scores of shape {tuple(own.shape)} for channel group {group.name!r}, wanted ({group.width},)"
            )
        if own.is_meta:
            raise ValueError(
                "got scores without values, of a model on device 'meta'; load its weights before scoring it"
            )
        if not bool(torch.isfinite(own).all()):
            raise ValueError(f"got scores for channel group {group.name!r} that are not finite; check its weights")


def plan_of_counts(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    counts: Mapping[str, int],
    *,
    criterion: str = "",
    ratio: float = 0.0,
) -> PrunePlan:
    """Keep the best so many channels of every group; of every split, where it has several."""
    keep = {group.name: best(scores[group.name], counts[group.name], group.splits) for group in graph.prunable}
    return PrunePlan(keep, graph.fingerprint(), criterion, ratio)


def best(scores: Tensor, count: int, splits: int = 1) -> tuple[int, ...]:
    """Give the sorted indices of the highest scores, the same number in each split; ties go to the lower index."""
    own = scores.detach().to("cpu", torch.float64).reshape(splits, -1)
    order = own.sort(dim=1, descending=True, stable=True).indices[:, : count // splits]
    order = order.sort(dim=1).values + torch.arange(splits)[:, None] * own.shape[1]
    return tuple(order.flatten().tolist())
