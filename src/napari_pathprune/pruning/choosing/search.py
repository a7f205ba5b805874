"""Plans that reach a target: a share of the parameters or of the MACs, or a measured speed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Unpack

from torch import Tensor, nn

from napari_pathprune.pruning.choosing.choose import check_scores, plan_of_counts
from napari_pathprune.pruning.choosing.counts import Counts, counts_for, least_counts
from napari_pathprune.pruning.choosing.limits import Limits, Options
from napari_pathprune.pruning.costing.cost import seconds_of
from napari_pathprune.pruning.cutting.surgery import compact
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.example import arguments, random_example
from napari_pathprune.pruning.plan import PrunePlan
from napari_pathprune.pruning.sizes import Polynomial

NEARLY_ALL: Final = 1.0 - 1e-9

CLOSE: Final = 0.005
"""How far from its target a share may be before single groups are widened or narrowed; a share of the target."""


def choose_for_params(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    share: float,
    *,
    criterion: str = "",
    dense: ChannelGraph | None = None,
    **options: Unpack[Options],
) -> PrunePlan:
    """Choose the pruning ratio that leaves a share of the parameters, and the channels that then stay.

    Between two ratios of which one leaves too many and the other too few, single groups get the width of the
    first and the others that of the second, and then single groups one unit more or less, so that the target is met
    within 1 % wherever the widths allow.

    Parameters
    ----------
    graph, scores, criterion, dense, options
        As in `choose`.
    share
        Parameters of the compact model as a share of the dense model's, above 0, at most 1.

    Raises
    ------
    ValueError
        If the target is out of range or cannot be reached under these limits; the line says what can.
    """
    return _choose_for(graph, scores, "params", share, criterion, dense, Limits(**options))


def choose_for_macs(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    share: float,
    *,
    criterion: str = "",
    dense: ChannelGraph | None = None,
    **options: Unpack[Options],
) -> PrunePlan:
    """Choose the pruning ratio that leaves a share of the MACs on the traced example; see `choose_for_params`."""
    return _choose_for(graph, scores, "macs", share, criterion, dense, Limits(**options))


def choose_for_speed(
    model: nn.Module,
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    faster: float,
    example_input: object = None,
    *,
    repeats: int = 5,
    criterion: str = "",
    **options: Unpack[Options],
) -> PrunePlan:
    """Choose the smallest pruning ratio with which the model runs so many times faster, as measured where it is.

    Compact models of different ratios are built and timed in turns with the model, about eight of them, until one is
    at most 5 % too fast.

    Parameters
    ----------
    model
        The traced model, on the device that counts; it is not changed.
    graph, scores, criterion, options
        As in `choose`.
    faster
        Seconds of the model as it is over seconds of the compact one, above 1.
    example_input
        What is run; None for noise of the shapes that were traced.
    repeats
        Of each measurement; their median counts.

    Raises
    ------
    ValueError
        If the target is out of range or cannot be reached under these limits; the line says what can.
    """
    if not faster > 1.0:
        raise ValueError(f"got a target of {faster} times faster; give a number above 1")
    limits = Limits(**options)
    check_scores(graph, scores)
    like = next(model.parameters(), None)
    given = random_example(graph.example, like) if example_input is None else arguments(example_input)

    def plan_at(ratio: float) -> PrunePlan:
        counts = counts_for(graph, scores, ratio, limits)
        return plan_of_counts(graph, scores, counts, criterion=criterion, ratio=round(ratio, 6))

    def gain(plan: PrunePlan) -> float:
        slow, fast = seconds_of((model, compact(model, graph, plan, verify=False)), given, repeats=repeats)
        return slow / fast

    low, high = 0.0, NEARLY_ALL
    plan = plan_at(high)
    most = gain(plan)
    if most < faster:
        raise ValueError(
            f"got a target of {faster:.4g} times faster, but {most:.4g} times is the most that these limits allow on "
            "this device; ask for less, or allow more to be removed"
        )
    while high - low > 0.004:
        middle = (low + high) / 2
        tried = plan_at(middle)
        found = gain(tried)
        if found < faster:
            low = middle
            continue
        high, plan = middle, tried
        if found < 1.05 * faster:  # clocks are no better than that
            break
    return plan


def _choose_for(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    what: str,
    share: float,
    criterion: str,
    dense: ChannelGraph | None,
    limits: Limits,
) -> PrunePlan:
    if not 0.0 < share <= 1.0:
        raise ValueError(f"got a target of {share} of the {what}; give a share above 0, at most 1")
    check_scores(graph, scores)
    full = {group.name: group.width for group in graph.groups}
    size: Polynomial = getattr(graph.sizes, what)
    origin = dense or graph
    whole: float = getattr(origin.sizes, what).at(origin.sizes.widths({g.name: g.width for g in origin.groups}))

    def share_of(counts: Counts) -> float:
        return size.at(graph.sizes.widths(full | counts)) / whole

    def counts_at(ratio: float) -> Counts:
        return counts_for(graph, scores, ratio, limits, dense)

    low, high = 0.0, NEARLY_ALL
    most, least = counts_at(low), counts_at(high)
    if share_of(least) > share * 1.01:
        raise ValueError(
            f"got a target of {share:.4g} of the {what}, but {share_of(least):.4g} is the least that these limits "
            "leave; allow more with max_skip_ratio, caps, keep, round_to or min_channels"
        )
    while high - low > 1e-6:
        middle = (low + high) / 2
        counts = counts_at(middle)
        if share_of(counts) > share:
            low, most = middle, counts
        else:
            high, least = middle, counts
    ratio = (low + high) / 2
    floors = least_counts(graph, ratio, limits, dense)
    units = {group.name: (limits.unit(group), floors[group.name], group.width) for group in graph.prunable}
    counts = _nudged(_between(most, least, share, share_of), units, share, share_of)
    return plan_of_counts(graph, scores, counts, criterion=criterion, ratio=round(ratio, 6))


def _between(most: Counts, least: Counts, share: float, share_of: Callable[[Counts], float]) -> Counts:
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


def _nudged(
    counts: Counts, units: Mapping[str, tuple[int, int, int]], share: float, share_of: Callable[[Counts], float]
) -> Counts:
    """Widen or narrow one group after the other by a (unit, least, most) unit, while that is needed and helps."""
    error = abs(share_of(counts) - share)
    while error > CLOSE * share:
        tries = [
            counts | {name: wide}
            for name, (unit, least, most) in units.items()
            for wide in ((counts[name] - 1) // unit * unit, min((counts[name] // unit + 1) * unit, most))
            if least <= wide != counts[name]
        ]
        nearest = min(tries, key=lambda tried: abs(share_of(tried) - share), default=counts)
        now = abs(share_of(nearest) - share)
        if now >= error:
            break
        counts, error = nearest, now
    return counts
