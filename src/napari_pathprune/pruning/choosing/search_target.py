"""Search for the pruning ratio that leaves a share of the parameters or of the MACs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from torch import Tensor

from napari_pathprune.pruning.choosing.channel_counts import Counts, count_channels, least_counts
from napari_pathprune.pruning.choosing.limits import Limits, Scope
from napari_pathprune.pruning.choosing.target import Target
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.sizes import Polynomial

NEARLY_ALL: Final = 1.0 - 1e-9
"""The largest pruning ratio that is tried."""

TOLERANCE: Final = 0.005
"""Distance from the target, as a share of it, above which the widths of single groups are changed."""


def search_target(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    target: Target,
    scope: Scope,
    limits: Limits,
    dense: ChannelGraph | None = None,
) -> tuple[float, Counts]:
    """Return the pruning ratio that reaches a target, and the number of channels that each group then keeps.

    The ratio is found by bisection. Of the last two ratios, one leaves too much and the other too little; some groups
    take their width from the first, the others from the second. Then the widths of single groups change by one unit.
    The target is met within 1 % if the widths allow it.

    Parameters
    ----------
    graph, scores, scope, limits, dense
        As in `choose`.
    target
        With measure ``"params"`` or ``"macs"``.

    Raises
    ------
    ValueError
        If the target is out of reach under these limits; the message states what can be reached.
    """
    if target.measure not in {"params", "macs"}:
        raise ValueError(
            f"got a target for measure {target.measure!r}, which cannot be computed from widths; measure the "
            "model with choose_for_latency"
        )
    full = {group.name: group.width for group in graph.groups}
    size: Polynomial = getattr(graph.sizes, target.measure)
    origin = dense or graph
    whole: float = getattr(origin.sizes, target.measure).at(
        origin.sizes.widths({group.name: group.width for group in origin.groups})
    )

    def share_of(counts: Counts) -> float:
        return size.at(graph.sizes.widths(full | counts)) / whole

    def counts_at(ratio: float) -> Counts:
        return count_channels(graph, scores, ratio, scope, limits, dense)

    low, high = 0.0, NEARLY_ALL
    most, least = counts_at(low), counts_at(high)
    if share_of(least) > target.keep * 1.01:
        raise ValueError(
            f"got a target of {target.keep:.4g} of the {target.measure}, but these limits leave at least "
            f"{share_of(least):.4g}; allow more with max_skip_ratio, caps, keep, round_to or min_channels"
        )
    while high - low > 1e-6:
        middle = (low + high) / 2
        counts = counts_at(middle)
        if share_of(counts) > target.keep:
            low, most = middle, counts
        else:
            high, least = middle, counts
    ratio = (low + high) / 2
    floors = least_counts(graph, ratio, limits, dense)
    units = {group.name: (limits.unit(group), floors[group.name], group.width) for group in graph.prunable}
    counts = _mix_counts(most, least, target.keep, share_of)
    return round(ratio, 6), _adjust_counts(counts, units, target.keep, share_of)


def _mix_counts(most: Counts, least: Counts, share: float, share_of: Callable[[Counts], float]) -> Counts:
    """Take the widths of some groups from ``most``, largest effect first, to come as near to the share as possible."""
    counts = dict(least)
    missing = share - share_of(counts)
    gains = {name: share_of(least | {name: most[name]}) - share_of(least) for name in most if most[name] != least[name]}
    for name in sorted(gains, key=lambda name: (-gains[name], name)):
        tried = counts | {name: most[name]}
        now = share - share_of(tried)
        if abs(now) < abs(missing):
            counts, missing = tried, now
    return counts


def _adjust_counts(
    counts: Counts, units: Mapping[str, tuple[int, int, int]], share: float, share_of: Callable[[Counts], float]
) -> Counts:
    """Widen or narrow one group at a time by one unit, as long as that brings the share nearer to the target.

    ``units`` holds, for each group, the unit, the least and the largest width.
    """
    error = abs(share_of(counts) - share)
    while error > TOLERANCE * share:
        tries = [
            counts | {name: width}
            for name, (unit, least, most) in units.items()
            for width in ((counts[name] - 1) // unit * unit, min((counts[name] // unit + 1) * unit, most))
            if least <= width != counts[name]
        ]
        nearest = min(tries, key=lambda tried: abs(share_of(tried) - share), default=counts)
        now = abs(share_of(nearest) - share)
        if now >= error:
            break
        counts, error = nearest, now
    return counts
