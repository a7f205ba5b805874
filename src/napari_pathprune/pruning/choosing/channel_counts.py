"""The number of channels that each group keeps at a pruning ratio."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_pathprune.pruning.choosing.limits import Limits, Scope, check_scope
from napari_pathprune.pruning.graph import ChannelGraph

Counts = dict[str, int]
_Floats = NDArray[np.float64]


def count_channels(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    ratio: float,
    scope: Scope,
    limits: Limits,
    dense: ChannelGraph | None = None,
    *,
    is_balanced: bool = False,
) -> Counts:
    """Return the number of channels that each group keeps at a pruning ratio; parameters as in `choose`.

    If ``is_balanced``, groups are rounded so that the sum is right; see `balance_counts`.
    """
    check_scope(scope)
    least = least_counts(graph, ratio, limits, dense)
    if not least:
        return {}
    widths = {group.name: group.width for group in (dense or graph).groups}
    if scope == "local":
        counts = _count_local(graph, ratio, limits.first, widths, least)
    else:
        counts = _count_global(graph, scores, ratio, limits.first, widths, least)
    rounded = {g.name: limits.round_channels(counts[g.name], g, least[g.name]) for g in graph.prunable}
    return balance_counts(graph, rounded, ratio, limits, counts, dense) if is_balanced else rounded


def balance_counts(
    graph: ChannelGraph,
    counts: Mapping[str, int],
    ratio: float,
    limits: Limits,
    ideal: Mapping[str, float],
    dense: ChannelGraph | None = None,
) -> Counts:
    """Return counts whose sum is as near as possible to that of the numbers before they were rounded.

    A small ratio of narrow groups, or of groups with a large unit, would otherwise be rounded away in most of them.
    The groups that rounding has changed most are rounded the other way; none moves by more than one unit.

    Parameters
    ----------
    graph, ratio, limits, dense
        As in `choose`.
    counts
        Rounded numbers of channels by group.
    ideal
        The numbers before rounding.
    """
    least = least_counts(graph, ratio, limits, dense)
    goal = {g.name: min(max(ideal[g.name], least[g.name]), g.width) for g in graph.prunable}
    balanced = dict(counts)
    missing = sum(goal.values()) - sum(counts[name] for name in goal)
    groups = sorted(graph.prunable, key=lambda g: (-abs(goal[g.name] - counts[g.name]) / limits.unit(g), g.name))
    for group in groups:
        name, off = group.name, goal[group.name] - counts[group.name]
        unit = limits.unit(group)
        if off * missing <= 0 or abs(missing - math.copysign(unit, missing)) >= abs(missing) - 1e-9:
            continue
        other = counts[name] + (unit if missing > 0 else -unit)
        if least[name] <= other <= group.width:
            balanced[name] = other
            missing -= other - counts[name]
    return balanced


def least_counts(graph: ChannelGraph, ratio: float, limits: Limits, dense: ChannelGraph | None = None) -> Counts:
    """Return the smallest number of channels that each group can keep at a pruning ratio."""
    caps = limits.cap_groups(graph)
    widths = {group.name: group.width for group in (dense or graph).groups}
    return {g.name: limits.least_channels(g, widths[g.name], caps[g.name], ratio) for g in graph.prunable}


def _count_local(
    graph: ChannelGraph,
    ratio: float,
    first: str | None,
    widths: Mapping[str, int],
    least: Mapping[str, int],
) -> dict[str, float]:
    """Keep the same share of every group, or of every group of a kind."""
    groups = graph.prunable
    if first is None:
        return {group.name: widths[group.name] * (1.0 - ratio) for group in groups}
    width = np.array([widths[group.name] for group in groups], np.float64)
    most = 1.0 - np.array([least[group.name] for group in groups]) / width
    ahead = np.array([group.kind == first for group in groups])
    to_remove = ratio * width.sum()
    share = np.zeros(len(groups))
    for turn in (ahead, ~ahead):
        share[turn] = _level_shares(width[turn], most[turn], to_remove)
        to_remove -= float((share[turn] * width[turn]).sum())
    return {group.name: float(kept) for group, kept in zip(groups, width * (1.0 - share), strict=True)}


def _level_shares(width: _Floats, most: _Floats, to_remove: float) -> _Floats:
    """Return the share to remove from each group: the same for all, but at most what the group allows."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if float((np.minimum(middle, most) * width).sum()) > to_remove:
            high = middle
        else:
            low = middle
    level: _Floats = np.clip(np.minimum(high, most), 0.0, 1.0)
    return level


def _count_global(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    ratio: float,
    first: str | None,
    widths: Mapping[str, int],
    least: Mapping[str, int],
) -> dict[str, float]:
    """Keep the best channels of all groups together, after dividing scores by the mean of their group.

    In a group with splits, channels are removed in rows: the lowest of each split, then the second lowest of each.
    """
    groups = graph.prunable
    values, owners, sizes, turns = [], [], [], []
    for number, group in enumerate(groups):
        own = scores[group.name].detach().double().cpu().numpy().reshape(group.splits, -1)
        mean = own.mean()
        rows = np.sort(own, axis=1).mean(axis=0) / (mean if mean > 0 else 1.0)
        rows = rows[: max(0, len(rows) - math.ceil(least[group.name] / group.splits))]
        values.append(rows)
        owners.append(np.full(len(rows), number))
        sizes.append(np.full(len(rows), group.splits))
        turns.append(np.full(len(rows), first is not None and group.kind != first))
    value, owner, size, turn = (np.concatenate(parts) for parts in (values, owners, sizes, turns))
    order = np.lexsort((value, turn))
    total = sum(widths[group.name] for group in groups)
    present = sum(group.width for group in groups)
    to_remove = ratio * total - (total - present)
    taken = order[np.cumsum(size[order]) <= to_remove + 1e-9]
    removed = np.bincount(owner[taken], weights=size[taken], minlength=len(groups))
    return {group.name: group.width - float(gone) for group, gone in zip(groups, removed, strict=True)}
