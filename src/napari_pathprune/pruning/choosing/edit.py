"""Edit plans, and compare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_pathprune.pruning.choosing.best_channels import best_channels, check_scores
from napari_pathprune.pruning.choosing.channel_counts import count_channels
from napari_pathprune.pruning.choosing.limits import DEFAULT_LIMITS, Limits, Scope, match_groups
from napari_pathprune.pruning.choosing.target import check_ratio
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.kinds import check_arguments
from napari_pathprune.pruning.plan import PrunePlan


def keep_whole(graph: ChannelGraph, plan: PrunePlan, *names: str) -> PrunePlan:
    """Return a plan that keeps some channel groups whole.

    Parameters
    ----------
    graph
        Channel graph that the plan is for.
    plan
        Plan to edit; it is not changed.
    names
        Names of groups, or patterns such as ``"decoder.*"``.

    Raises
    ------
    ValueError
        If plan and graph do not belong together, or a name matches no group.

    Examples
    --------
    >>> from torch import nn
    >>> from napari_pathprune.pruning import choose, importance, trace
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> plan = choose(graph, importance(model, graph), ratio=0.5)
    >>> [len(stay) for stay in keep_whole(graph, plan, "2").keep.values()]
    [4, 8]
    """
    check_arguments(graph=graph, plan=plan)
    plan.check(graph)
    keep = dict(plan.keep)
    for group in _select_groups(graph, names):
        keep[group] = tuple(range(graph.group(group).width))
    return replace(plan, keep=keep)


def prune_more(
    graph: ChannelGraph,
    plan: PrunePlan,
    scores: Mapping[str, Tensor],
    ratio: float,
    *names: str,
    scope: Scope = "local",
    limits: Limits = DEFAULT_LIMITS,
) -> PrunePlan:
    """Return a plan that removes at least a share of some channel groups, beyond what it removes already.

    Parameters
    ----------
    graph
        Channel graph that the plan is for.
    plan
        Plan to edit; it is not changed.
    scores
        Group to (width,) scores of the dense model, higher stays.
    ratio
        Share of the dense width to remove from each of these groups, in [0, 1).
    names
        Names of groups, or patterns such as ``"decoder.*"``.
    scope, limits
        As in `choose`.

    Raises
    ------
    ValueError
        If plan and graph do not belong together, a name matches no group, or a number is out of range.
    """
    check_arguments(graph=graph, plan=plan)
    plan.check(graph)
    check_ratio(ratio)
    check_scores(graph, scores)
    counts = count_channels(graph, scores, ratio, scope, limits)
    keep = dict(plan.keep)
    for name in _select_groups(graph, names):
        if name not in counts:
            raise ValueError(f"got {name!r} to prune, which cannot be cut: {graph.group(name).frozen}")
        group = graph.group(name)
        stay = keep.get(name, tuple(range(group.width)))
        left = torch.full((group.width,), -torch.inf, dtype=torch.float64)
        left[list(stay)] = scores[name].detach().to("cpu", torch.float64)[list(stay)]
        keep[name] = best_channels(left, min(counts[name], len(stay)), group.splits)
    return replace(plan, keep=keep)


def _select_groups(graph: ChannelGraph, names: tuple[str, ...]) -> dict[str, None]:
    """Return the groups that names and patterns match, each once; for patterns, only those that can be cut."""
    frozen = graph.frozen
    return dict.fromkeys(
        found for name in names for found in match_groups(graph, name) if found == name or found not in frozen
    )


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between two plans in one channel group.

    Attributes
    ----------
    group
        Name of the channel group.
    before, after
        Number of channels that each plan keeps.
    removed
        Indices that only the first plan keeps.
    restored
        Indices that only the second plan keeps.
    """

    group: str
    before: int
    after: int
    removed: tuple[int, ...]
    restored: tuple[int, ...]

    def __str__(self) -> str:
        parts = [f"{self.group}: {self.before} -> {self.after} channels"]
        if self.removed:
            parts.append("without " + " ".join(map(str, self.removed)))
        if self.restored:
            parts.append("with " + " ".join(map(str, self.restored)))
        return ", ".join(parts)


def changes(graph: ChannelGraph, before: PrunePlan, after: PrunePlan) -> tuple[Change, ...]:
    """Return the differences between two plans for one graph, one for each channel group that differs.

    Raises
    ------
    ValueError
        If one of the plans is for another graph.

    Examples
    --------
    >>> from torch import nn
    >>> from napari_pathprune.pruning import PrunePlan, trace
    >>> graph = trace(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), torch.zeros(1, 3))
    >>> before, after = (PrunePlan({"0": stay}, graph.fingerprint()) for stay in ((0, 1, 2), (0, 3)))
    >>> print(*changes(graph, before, after))
    0: 3 -> 2 channels, without 1 2, with 3
    """
    before.check(graph)
    after.check(graph)
    found = []
    for group in graph.groups:
        everything = range(group.width)
        old, new = (set(plan.keep.get(group.name, everything)) for plan in (before, after))
        if old != new:
            found.append(Change(group.name, len(old), len(new), tuple(sorted(old - new)), tuple(sorted(new - old))))
    return tuple(found)
