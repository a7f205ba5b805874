"""How many channels of each group stay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from napari_pathprune.pruning.graph import ChannelGraph, ChannelGroup


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be removed: see `choose`."""

    ratio: float
    max_skip_ratio: float | None = None
    round_to: int = 1
    min_channels: int = 1

    def __post_init__(self) -> None:
        if self.max_skip_ratio is not None and not 0.0 <= self.max_skip_ratio <= 1.0:
            raise ValueError(f"got max_skip_ratio={self.max_skip_ratio}; give a share from 0 to 1, or None")
        if self.round_to < 1:
            raise ValueError(f"got round_to={self.round_to}; give 1 or more channels")
        if self.min_channels < 1:
            raise ValueError(f"got min_channels={self.min_channels}; give 1 or more channels")

    def ratio_of(self, group: ChannelGroup) -> float:
        """Share that may go from a group."""
        if group.kind == "skip" and self.max_skip_ratio is not None:
            return min(self.ratio, self.max_skip_ratio)
        return self.ratio

    def rounded(self, wanted: float, group: ChannelGroup) -> int:
        """Make a wished number of channels one that the group can keep."""
        unit = math.lcm(self.round_to, group.splits)
        least = max(group.splits, self.min_channels, unit)
        count = max(math.floor(wanted / unit + 0.5) * unit, math.ceil(least / unit) * unit)
        return min(count, group.width)


def local_counts(graph: ChannelGraph, limits: Limits, dense: ChannelGraph | None = None) -> dict[str, int]:
    """Keep the same share of every group."""
    widths = _widths(dense or graph)
    return {
        group.name: limits.rounded(widths[group.name] * (1.0 - limits.ratio_of(group)), group)
        for group in graph.prunable
    }


def _widths(graph: ChannelGraph) -> dict[str, int]:
    return {group.name: group.width for group in graph.groups}


def global_counts(
    graph: ChannelGraph, scores: Mapping[str, Tensor], limits: Limits, dense: ChannelGraph | None = None
) -> dict[str, int]:
    """Keep the best channels of all groups together, scores divided by their group's mean.

    In a group with splits, channels go in rows: the lowest of each split, then the second lowest of each.
    """
    groups = graph.prunable
    widths = _widths(dense or graph)
    values, owners, sizes = [], [], []
    for number, group in enumerate(groups):
        own = scores[group.name].detach().double().cpu().numpy().reshape(group.splits, -1)
        mean = own.mean()
        rows = np.sort(own, axis=1).mean(axis=0) / (mean if mean > 0 else 1.0)
        limit = limits.max_skip_ratio if group.kind == "skip" and limits.max_skip_ratio is not None else 1.0
        least = max(limits.min_channels, group.splits, math.ceil(widths[group.name] * (1.0 - limit)))
        rows = rows[: max(0, len(rows) - math.ceil(least / group.splits))]
        values.append(rows)
        owners.append(np.full(len(rows), number))
        sizes.append(np.full(len(rows), group.splits))
    value, owner, size = np.concatenate(values), np.concatenate(owners), np.concatenate(sizes)
    order = np.argsort(value, kind="stable")
    total = sum(widths[group.name] for group in groups)
    present = sum(group.width for group in groups)
    to_remove = limits.ratio * total - (total - present)
    taken = order[np.cumsum(size[order]) <= to_remove + 1e-9]
    removed = np.bincount(owner[taken], weights=size[taken], minlength=len(groups)).astype(int)
    return {
        group.name: limits.rounded(group.width - int(gone), group) for group, gone in zip(groups, removed, strict=True)
    }
