"""What to keep: the prune plan, how it is chosen, how two plans become one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from napari_pathprune.pruning.counts import Limits, global_counts, local_counts
from napari_pathprune.pruning.graph import ChannelGraph

Scope = Literal["local", "global"]
_FORMAT = "pathprune-plan-1"


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """Which channels of which groups stay.

    Attributes
    ----------
    keep
        Group to the sorted indices that stay, in the indices of the dense model. Groups that are not named stay
        whole.
    graph
        Fingerprint of the channel graph that the plan is for.
    criterion
        How importance was measured, in words; empty where it was not.
    ratio
        Share of channels that was to be removed.

    Examples
    --------
    >>> plan = PrunePlan({"conv1": (0, 2)}, graph="2f1a", criterion="l2", ratio=0.5)
    >>> PrunePlan.from_json(plan.to_json()) == plan
    True
    """

    keep: Mapping[str, tuple[int, ...]]
    graph: str
    criterion: str = ""
    ratio: float = 0.0

    def __post_init__(self) -> None:
        keep = {str(name): tuple(int(index) for index in stay) for name, stay in self.keep.items()}
        for name, stay in keep.items():
            if not stay:
                raise ValueError(f"got a plan that keeps nothing of channel group {name!r}; keep at least one channel")
            if stay[0] < 0 or any(a >= b for a, b in pairwise(stay)):
                raise ValueError(f"got indices for channel group {name!r} that do not rise from 0 on; sort them")
        object.__setattr__(self, "keep", MappingProxyType(keep))

    def __hash__(self) -> int:
        return hash((tuple(sorted(self.keep.items())), self.graph, self.criterion, self.ratio))

    def __reduce__(self) -> tuple[Any, ...]:
        return PrunePlan, (dict(self.keep), self.graph, self.criterion, self.ratio)

    def to_json(self) -> str:
        """Write the plan as JSON, the same text for the same plan."""
        head = {"format": _FORMAT, "graph": self.graph, "criterion": self.criterion, "ratio": self.ratio}
        return json.dumps({**head, "keep": {name: list(stay) for name, stay in self.keep.items()}})

    @classmethod
    def from_json(cls, text: str) -> PrunePlan:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            If the text is no plan.
        """
        try:
            data = json.loads(text)
            if data["format"] != _FORMAT:
                raise ValueError(f"got a plan of format {data['format']!r}, wanted {_FORMAT!r}")
            return cls(data["keep"], str(data["graph"]), str(data["criterion"]), float(data["ratio"]))
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"got JSON that is no prune plan ({error}); give what PrunePlan.to_json wrote") from error

    def check(self, graph: ChannelGraph) -> None:
        """Refuse a graph that the plan was not made for.

        Raises
        ------
        ValueError
            If the graph is another one, or the plan breaks one of its rules.
        """
        if self.graph != graph.fingerprint():
            raise ValueError(
                f"got a plan for channel graph {self.graph}, but this model's graph is {graph.fingerprint()}; "
                "choose a plan for this model (trace, importance, choose)"
            )
        groups = {group.name: group for group in graph.groups}
        for name, stay in self.keep.items():
            group = groups.get(name)
            if group is None or stay[-1] >= group.width:
                raise ValueError(f"got a plan for channels that group {name!r} does not have; see graph.to_text()")
            if group.frozen is not None and len(stay) < group.width:
                raise ValueError(f"got a plan that cuts {name!r}, which cannot be cut: {group.frozen}")
            part = group.width // group.splits
            counts = {sum(index // part == split for index in stay) for split in range(group.splits)}
            if len(counts) > 1:
                raise ValueError(
                    f"got a plan that keeps unequal numbers of channels in the {group.splits} splits of {name!r}; "
                    "keep the same number in each"
                )


def identity_plan(graph: ChannelGraph) -> PrunePlan:
    """Give the plan that keeps everything."""
    return PrunePlan({group.name: tuple(range(group.width)) for group in graph.prunable}, graph.fingerprint())


def choose(
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    ratio: float = 0.5,
    scope: Scope = "local",
    max_skip_ratio: float | None = None,
    round_to: int = 1,
    min_channels: int = 1,
    *,
    criterion: str = "",
    dense: ChannelGraph | None = None,
) -> PrunePlan:
    """Choose the channels that stay: those of the highest scores.

    Parameters
    ----------
    graph
        Of the model that is going to be cut.
    scores
        Group to (width,) scores, higher stays; from `importance`.
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
        If a number is out of range, or scores are missing, of a wrong length or not finite.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from napari_pathprune.pruning import importance, trace
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> plan = choose(graph, importance(model, graph), ratio=0.5)
    >>> len(plan.keep["0"])
    4
    """
    limits = Limits(checked_ratio(ratio), max_skip_ratio, round_to, min_channels)
    check_scores(graph, scores)
    check_scope(scope)
    counts = local_counts(graph, limits, dense) if scope == "local" else global_counts(graph, scores, limits, dense)
    return plan_of_counts(graph, scores, counts, criterion=criterion, ratio=ratio)


def checked_ratio(ratio: float) -> float:
    """Give the ratio back, or say what it must be."""
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"got a pruning ratio of {ratio}; give the share of channels to remove, from 0 to below 1")
    return ratio


def check_scope(scope: str) -> None:
    """Say which scopes there are."""
    if scope not in get_args(Scope):
        raise ValueError(f"got scope {scope!r}; the scopes are {', '.join(get_args(Scope))}")


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
    keep: dict[str, tuple[int, ...]] = {}
    for group in graph.prunable:
        own = scores[group.name].detach().to("cpu", torch.float64).reshape(group.splits, -1)
        # ties go to the lower index, in every process
        order = own.sort(dim=1, descending=True, stable=True).indices[:, : counts[group.name] // group.splits]
        order = order.sort(dim=1).values + torch.arange(group.splits)[:, None] * own.shape[1]
        keep[group.name] = tuple(order.flatten().tolist())
    return PrunePlan(keep, graph.fingerprint(), criterion, ratio)


def compose(first: PrunePlan, second: PrunePlan) -> PrunePlan:
    """Give the one plan that does what two do one after the other.

    Parameters
    ----------
    first
        For the dense model.
    second
        For the compact model that ``first`` leaves.

    Raises
    ------
    ValueError
        If the second plan has channels that the first one does not leave.
    """
    keep = dict(first.keep)
    for name, stay in second.keep.items():
        before = keep.get(name)
        if before is None or stay[-1] >= len(before):
            left = "no such group" if before is None else f"{len(before)} channels"
            raise ValueError(
                f"got a second plan that keeps channel {stay[-1]} of {name!r}, of which the first plan leaves {left}; "
                "choose it for the model that the first one makes"
            )
        keep[name] = tuple(before[index] for index in stay)
    ratio = 1.0 - (1.0 - first.ratio) * (1.0 - second.ratio)
    return PrunePlan(keep, first.graph, second.criterion or first.criterion, ratio)
