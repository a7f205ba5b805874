"""Plans that reach a target: a share of the parameters or of the MACs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from napari_pathprune.pruning.counts import Limits, global_counts, local_counts
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.plan import PrunePlan, Scope, check_scope, check_scores, plan_of_counts
from napari_pathprune.pruning.sizes import Polynomial

_Counts = dict[str, int]


def choose_for_params(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    share: float,
    scope: Scope = "local",
    max_skip_ratio: float | None = None,
    round_to: int = 1,
    min_channels: int = 1,
    *,
    criterion: str = "",
) -> PrunePlan:
    """Choose the pruning ratio that leaves a share of the parameters, and the channels that then stay.

    Between two ratios of which one leaves too many and the other too few, single groups get the width of the
    first and the others that of the second, so that the target is met within 1 % wherever the widths allow.

    Parameters
    ----------
    graph, scores, scope, max_skip_ratio, round_to, min_channels, criterion
        As in `choose`.
    share
        Parameters of the compact model as a share of the dense model's, above 0, at most 1.

    Raises
    ------
    ValueError
        If the target is out of range or cannot be reached under these limits; the line says what can.
    """
    return _choose_for(
        graph, scores, graph.sizes.params, share, "parameters", scope, max_skip_ratio, round_to, min_channels, criterion
    )


def choose_for_macs(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    share: float,
    scope: Scope = "local",
    max_skip_ratio: float | None = None,
    round_to: int = 1,
    min_channels: int = 1,
    *,
    criterion: str = "",
) -> PrunePlan:
    """Choose the pruning ratio that leaves a share of the MACs on the traced example; see `choose_for_params`."""
    return _choose_for(
        graph, scores, graph.sizes.macs, share, "MACs", scope, max_skip_ratio, round_to, min_channels, criterion
    )


def _choose_for(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    size: Polynomial,
    share: float,
    what: str,
    scope: Scope,
    max_skip_ratio: float | None,
    round_to: int,
    min_channels: int,
    criterion: str,
) -> PrunePlan:
    if not 0.0 < share <= 1.0:
        raise ValueError(f"got a target of {share} of the {what}; give a share above 0, at most 1")
    check_scores(graph, scores)
    check_scope(scope)
    full = {group.name: group.width for group in graph.groups}

    def counts_at(ratio: float) -> _Counts:
        limits = Limits(ratio, max_skip_ratio, round_to, min_channels)
        return local_counts(graph, limits) if scope == "local" else global_counts(graph, scores, limits)

    def share_of(counts: _Counts) -> float:
        return size.at(graph.sizes.widths(full | counts)) / whole

    whole = size.at(graph.sizes.widths(full))
    low, high = 0.0, 1.0 - 1e-9
    most, least = counts_at(low), counts_at(high)
    if share_of(least) > share * 1.01:
        raise ValueError(
            f"got a target of {share:.4g} of the {what}, but {share_of(least):.4g} is the least that these limits "
            "leave; allow more with max_skip_ratio, round_to or min_channels"
        )
    while high - low > 1e-6:
        middle = (low + high) / 2
        counts = counts_at(middle)
        if share_of(counts) > share:
            low, most = middle, counts
        else:
            high, least = middle, counts
    return plan_of_counts(
        graph, scores, _between(most, least, share, share_of), criterion=criterion, ratio=round((low + high) / 2, 6)
    )


def _between(most: _Counts, least: _Counts, share: float, share_of: Callable[[_Counts], float]) -> _Counts:
    """Take as many groups from ``most`` as bring the share nearest to the target, the dearest first."""
    counts = dict(least)
    left = share - share_of(counts)
    gains = {name: share_of(least | {name: most[name]}) - share_of(least) for name in most if most[name] != least[name]}
    for name in sorted(gains, key=lambda name: (-gains[name], name)):
        tried = counts | {name: most[name]}
        now = share - share_of(tried)
        if abs(now) < abs(left):
            counts, left = tried, now
    return counts
