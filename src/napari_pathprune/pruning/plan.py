"""What to keep: the prune plan, and how two plans become one."""

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
        keep = {str(name): tuple(map(int, stay)) for name, stay in self.keep.items()}
        for name, stay in keep.items():
            if not stay:
                raise ValueError(f"got a plan that keeps nothing of channel group {name!r}; keep at least one channel")
            if stay[0] < 0 or any(map(operator.ge, stay, stay[1:])):
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
        """Refuse a graph that the plan was not made for; weights do not matter.

        Raises
        ------
        ValueError
            If the graph is another one, or the plan breaks one of its rules; the line says in what.
        """
        if self.graph != graph.fingerprint():
            raise ValueError(
                f"got a plan for channel graph {self.graph}, but this model's graph is {graph.fingerprint()}: "
                f"{self._other(graph)}; choose a plan for this model (trace, importance, choose)"
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

    def _other(self, graph: ChannelGraph) -> str:
        """Say what is different in another graph, as far as the plan can tell."""
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
    """Give the plan that keeps everything."""
    return PrunePlan({group.name: tuple(range(group.width)) for group in graph.prunable}, graph.fingerprint())


def compose(first: PrunePlan, second: PrunePlan) -> PrunePlan:
    """Give the one plan that does what two do one after the other.

    Parameters
    ----------
    first
        For the dense model.
    second
        For the compact model that ``first`` leaves; of groups that the first does not name, everything is left.

    Raises
    ------
    ValueError
        If the second plan has channels that the first one does not leave.
    """
    keep = dict(first.keep)
    for name, stay in second.keep.items():
        before = keep.get(name)
        if before is not None and stay[-1] >= len(before):
            raise ValueError(
                f"got a second plan that keeps channel {stay[-1]} of {name!r}, of which the first plan leaves "
                f"{len(before)} channels; choose it for the model that the first one makes"
            )
        keep[name] = stay if before is None else tuple(before[index] for index in stay)
    ratio = 1.0 - (1.0 - first.ratio) * (1.0 - second.ratio)
    return PrunePlan(keep, first.graph, second.criterion or first.criterion, ratio)
