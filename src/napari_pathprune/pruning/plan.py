"""The prune plan: the channels to keep."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from napari_pathprune.pruning.graph import ChannelGraph

_FORMAT = "pathprune-plan-1"


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """The channels of each group to keep.

    Attributes
    ----------
    keep
        Group to the sorted indices that stay, in the indices of the dense model. Groups that are not named stay
        whole.
    graph
        Fingerprint of the channel graph that the plan is for.
    criterion
        Name of the criterion that scored the channels; empty if there was none.
    ratio
        The share to remove that was asked for.

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
        if not isinstance(self.keep, Mapping):
            raise ValueError(  # noqa: TRY004 (the user's mistake)
                f"got keep of type {type(self.keep).__name__} for a plan; give the indices that stay by group"
            )
        if not isinstance(self.graph, str) or not isinstance(self.criterion, str):
            raise ValueError(  # noqa: TRY004 (the user's mistake)
                f"got graph={self.graph!r}, criterion={self.criterion!r} for a plan; give texts: graph.fingerprint()"
            )
        ratio: object = self.ratio  # of any kind, if a user gave it
        if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0 <= ratio <= 1:
            raise ValueError(f"got ratio={self.ratio!r} for a plan; give the share to remove, from 0 to 1")
        try:
            keep = {str(name): tuple(map(operator.index, stay)) for name, stay in self.keep.items()}
        except TypeError:
            raise ValueError(f"got {dict(self.keep)} to keep; give the indices that stay by group") from None
        for name, stay in keep.items():
            if not stay:
                raise ValueError(f"got a plan that keeps no channel of group {name!r}; keep at least one")
            if stay[0] < 0 or any(map(operator.ge, stay, stay[1:])):
                raise ValueError(f"got indices for channel group {name!r} that are not rising from 0; sort them")
        object.__setattr__(self, "keep", MappingProxyType(keep))

    def __hash__(self) -> int:
        return hash((tuple(sorted(self.keep.items())), self.graph, self.criterion, self.ratio))

    def __reduce__(self) -> tuple[Any, ...]:
        return PrunePlan, (dict(self.keep), self.graph, self.criterion, self.ratio)

    def to_json(self) -> str:
        """Return the plan as JSON; equal plans give equal text."""
        head = {"format": _FORMAT, "graph": self.graph, "criterion": self.criterion, "ratio": self.ratio}
        return json.dumps({**head, "keep": {name: list(stay) for name, stay in self.keep.items()}})

    @classmethod
    def from_json(cls, text: str) -> PrunePlan:
        """Read a plan written by `to_json`.

        Raises
        ------
        ValueError
            If the text is not a plan.
        """
        try:
            data = json.loads(text)
            if data["format"] != _FORMAT:
                raise ValueError(f"got a plan of format {data['format']!r}; expected {_FORMAT!r}")
            return cls(data["keep"], str(data["graph"]), str(data["criterion"]), float(data["ratio"]))
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"got JSON that is not a prune plan ({error}); give JSON written by PrunePlan.to_json"
            ) from error

    def check(self, graph: ChannelGraph) -> None:
        """Raise if the plan does not fit a graph; the weights of the model do not matter.

        Raises
        ------
        ValueError
            If the plan is for another graph, names channels that do not exist, cuts a frozen group or keeps different
            numbers of channels in the splits of a group.
        """
        if self.graph != graph.fingerprint():
            raise ValueError(
                f"got a plan for channel graph {self.graph}, but this model's graph is {graph.fingerprint()}: "
                f"{self._describe_difference(graph)}; choose a plan for this model (trace, importance, choose)"
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

    def _describe_difference(self, graph: ChannelGraph) -> str:
        """Return how another graph differs, as far as the plan shows."""
        widths = {group.name: group.width for group in graph.groups}
        for name, stay in self.keep.items():
            if name not in widths:
                return f"it has no channel group {name!r}"
            if stay[-1] >= widths[name]:
                return f"its channel group {name!r} has {widths[name]} channels, and the plan keeps channel {stay[-1]}"
        for group in graph.prunable:
            if group.name not in self.keep:
                return f"it has a channel group {group.name!r} that the plan does not name"
        return "its channel groups have the same names, but other widths or layers"


def identity_plan(graph: ChannelGraph) -> PrunePlan:
    """Return the plan that keeps everything."""
    return PrunePlan({group.name: tuple(range(group.width)) for group in graph.prunable}, graph.fingerprint())


def compose(first: PrunePlan, second: PrunePlan) -> PrunePlan:
    """Return the single plan that has the effect of two plans applied in turn.

    Parameters
    ----------
    first
        Plan for the dense model.
    second
        Plan for the compact model that ``first`` makes.

    Raises
    ------
    ValueError
        If the second plan keeps channels that the first one removes.
    """
    for plan in (first, second):
        if not isinstance(plan, PrunePlan):
            raise ValueError(  # noqa: TRY004 (the user's mistake)
                f"got a plan of type {type(plan).__name__}; make one with choose(graph, scores)"
            )
    keep = dict(first.keep)
    for name, stay in second.keep.items():
        before = keep.get(name)
        if before is not None and stay[-1] >= len(before):
            raise ValueError(
                f"got a second plan that keeps channel {stay[-1]} of {name!r}, but the first plan leaves "
                f"{len(before)} channels; choose it for the compact model that the first one makes"
            )
        keep[name] = stay if before is None else tuple(before[index] for index in stay)
    ratio = 1.0 - (1.0 - first.ratio) * (1.0 - second.ratio)
    return PrunePlan(keep, first.graph, second.criterion or first.criterion, ratio)
