"""From scores to a plan: which channels stay."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from napari_pathprune.pruning.choosing.best_channels import check_scores, keep_best
from napari_pathprune.pruning.choosing.channel_counts import count_channels
from napari_pathprune.pruning.choosing.limits import DEFAULT_LIMITS, Limits, Scope
from napari_pathprune.pruning.choosing.search_target import search_target
from napari_pathprune.pruning.choosing.target import Target, check_ratio
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.kinds import check_arguments
from napari_pathprune.pruning.plan import PrunePlan


def choose(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    ratio: float = 0.5,
    scope: Scope = "local",
    limits: Limits = DEFAULT_LIMITS,
    target: Target | None = None,
    *,
    criterion: str = "",
    dense: ChannelGraph | None = None,
) -> PrunePlan:
    """Choose the channels that stay: those with the highest scores.

    Parameters
    ----------
    graph
        Channel graph of the model to cut.
    scores
        Group to (width,) scores, higher stays; from `importance` or `taylor`.
    ratio
        Share of the channels to remove, in [0, 1). Ignored with a ``target``.
    scope
        ``"local"``: remove this share of every group. ``"global"``: remove this share of all channels together,
        lowest first, after dividing the scores of each group by their mean.
    limits
        What each group has to keep.
    target
        Share of the parameters, MACs or channels to keep, instead of ``ratio``. For parameters and MACs, the pruning
        ratio that reaches the target is searched for; it is met within 1 % if the widths allow it.
    criterion
        Name of the criterion, to be recorded in the plan.
    dense
        Where the model was cut before: the graph of the dense model. Shares then count from its widths, so that steps
        of equal size add up.

    Returns
    -------
    PrunePlan
        Names every group that can be cut.

    Raises
    ------
    ValueError
        If a number is out of range, a name matches no group, scores are missing, of the wrong shape or not finite, or
        the target is out of reach under these limits.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from napari_pathprune.pruning import importance, trace
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> scores = importance(model, graph)
    >>> plan = choose(graph, scores, ratio=0.5, limits=Limits(caps={"2": 0.25}))
    >>> [len(stay) for stay in plan.keep.values()]
    [4, 6]
    >>> plan = choose(graph, scores, target=Target("params", keep=0.3))
    >>> [len(stay) for stay in plan.keep.values()]
    [3, 1]
    """
    check_arguments(graph=graph, scores=scores, limits=limits)
    if target is not None:
        check_arguments(target=target)
    if dense is not None:
        check_arguments(dense=dense)
    if target is None or target.measure == "channels":
        ratio = ratio if target is None else target.ratio
        check_ratio(ratio)
        check_scores(graph, scores)
        counts = count_channels(graph, scores, ratio, scope, limits, dense, is_balanced=True)
    else:
        check_scores(graph, scores)
        ratio, counts = search_target(graph, scores, target, scope, limits, dense)
    return keep_best(graph, scores, counts, criterion=criterion, ratio=ratio)
