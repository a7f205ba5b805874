"""The filters of a skip group that end a residual branch, and those that make its shortcut."""

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
        Filters that start the stream ``x``: the projection of the first unit's input, or the stem.
    """

    convolved: tuple[Member, ...]
    shortcut: tuple[Member, ...]


class Wiring:
    """The filters that make and read the channels of every group, in the order of execution.

    Attributes
    ----------
    makes
        Tensor to the groups whose channels it makes, with its place among their members.
    reads
        Tensor to the groups whose channels it reads.
    readers
        Group to the tensors that read its channels, with their places among its members.
    skips
        Names of the skip groups.
    """

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

    def split_producers(self, group: ChannelGroup) -> Sides:
        """Split the producers of a skip group into the two sides of its additions.

        A producer ends a branch if a path leads to it from channels that the shortcut carries. Such a path starts at
        the group itself, or at channels that another producer (the projection) reads directly; in the latter case at
        least one filter lies in between. Only paths through the fewest other skip groups count. In HoVer-Net these
        lead to the encoder's units; the decoder's convolutions, whose paths pass through the whole network, are on
        neither side. The producers that no path leads to make the shortcut.

        Raises
        ------
        ValueError
            If one of the sides is empty.
        """
        makers = dict.fromkeys(member.tensor for member in group.producers)
        crossed = self._count_crossed(group.name, group.name)
        for projection in makers:
            for start in self.reads.get(projection, ()):
                if start != group.name:
                    for name, number in self._count_crossed(start, group.name).items():
                        if name != projection:
                            crossed[name] = min(number, crossed.get(name, number))
        ends = {name: crossed[name] for name in makers if name in crossed}
        fewest = min(ends.values(), default=0)
        # later filters that read nothing, such as depthwise convolutions, act on each channel alone
        starts = [n for number, n in enumerate(makers) if n not in ends and (number == 0 or n in self.reads)]
        if not ends or not starts:
            raise ValueError(
                f"channel group {group.name!r} is not a residual stream: its {len(makers)} producers do not split into "
                "convolved ones and the shortcut; use decider 'producers', 'mean', 'sum' or 'max'"
            )
        return Sides(
            tuple(member for member in group.producers if ends.get(member.tensor) == fewest),
            tuple(member for member in group.producers if member.tensor in starts),
        )

    def _count_crossed(self, start: str, goal: str) -> dict[str, int]:
        """Return the fewest other skip groups on the paths from the readers of one group to each filter before a goal.

        If both are the same group, its readers themselves are included; otherwise only later filters are.
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
