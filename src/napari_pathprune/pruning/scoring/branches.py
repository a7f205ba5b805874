"""Which filters of a skip group end a residual branch, and which make its shortcut: read off the channel graph."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from napari_pathprune.pruning.graph import ChannelGraph, ChannelGroup, Member


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of the additions ``F(x) + x`` of a skip group.

    Attributes
    ----------
    convolved
        Filters that end a residual branch ``F``: the last convolution of each unit.
    shortcut
        Filters that begin the stream ``x``: the projection of the first unit's input, or the stem.
    """

    convolved: tuple[Member, ...]
    shortcut: tuple[Member, ...]


class Wiring:
    """Who makes and who reads the channels of every group, in the order of execution."""

    def __init__(self, graph: ChannelGraph) -> None:
        self.makes: dict[str, list[tuple[str, int]]] = {}
        self.reads: dict[str, list[str]] = {}
        self.readers: dict[str, list[tuple[str, int]]] = {group.name: [] for group in graph.groups}
        self.skips = {group.name for group in graph.groups if group.kind == "skip"}
        for group in graph.groups:
            for place, member in enumerate(group.members):
                if member.role == "out":
                    self.makes.setdefault(member.tensor, []).append((group.name, place))
                elif member.role == "in":
                    self.reads.setdefault(member.tensor, []).append(group.name)
                    self.readers[group.name].append((member.tensor, place))

    def sides(self, group: ChannelGroup) -> Sides:
        """Tell the producers of a skip group apart.

        A producer ends a branch where a way leads to it from channels that the shortcut carries: from the group
        itself, or, through at least one filter between, from channels that another producer reads directly (the
        projection). Ways that pass the fewest other skip groups count: in HoVer-Net they are the encoder's units,
        and the decoder's convolutions, which return by way of the whole network, are on neither side. The shortcut
        is made by those that no way leads to.

        Raises
        ------
        ValueError
            If one of the sides is empty.
        """
        makers = dict.fromkeys(member.tensor for member in group.producers)
        passed = self._passed(group.name, group.name)
        for projection in makers:
            for start in self.reads.get(projection, ()):
                if start != group.name:
                    for name, number in self._passed(start, group.name).items():
                        if name != projection:
                            passed[name] = min(number, passed.get(name, number))
        ends = {name: passed[name] for name in makers if name in passed}
        fewest = min(ends.values(), default=0)
        # what reads nothing, after the channels were made, works on each alone: a depthwise convolution
        begins = [n for number, n in enumerate(makers) if n not in ends and (number == 0 or n in self.reads)]
        if not ends or not begins:
            raise ValueError(
                f"channel group {group.name!r} is no residual stream: which of its {len(makers)} producers is "
                "convolved and which the shortcut cannot be told; use decider 'producers', 'mean', 'sum' or 'max'"
            )
        return Sides(
            tuple(member for member in group.producers if ends.get(member.tensor) == fewest),
            tuple(member for member in group.producers if member.tensor in begins),
        )

    def _passed(self, start: str, goal: str) -> dict[str, int]:
        """Count the fewest other skip groups on the ways from the readers of one group to each filter before a goal.

        Where both are the same group, its readers themselves are reached; else only what comes after them.
        """
        fewest = {reader: 0 for reader, _ in self.readers[start]} if start == goal else {}
        queue = deque((reader, 0) for reader, _ in self.readers[start])
        while queue:
            name, number = queue.popleft()
            for group, made in self.makes.get(name, ()):
                if group in {start, goal}:
                    continue
                skip = group in self.skips
                for reader, place in self.readers[group]:
                    if place > made and number + skip < fewest.get(reader, len(self.skips) + 1):
                        fewest[reader] = number + skip
                        (queue.append if skip else queue.appendleft)((reader, number + skip))
        return fewest
