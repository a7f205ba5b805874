"""How much of which channel group may go."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Literal, TypedDict, get_args

from napari_pathprune.pruning.graph import ChannelGraph, ChannelGroup, Kind

Scope = Literal["local", "global"]


class Options(TypedDict, total=False):
    """The keyword arguments of `choose` that limit it; see there."""

    scope: Scope
    max_skip_ratio: float | None
    round_to: int
    min_channels: int
    floor: float
    caps: Mapping[str, float] | None
    keep: Sequence[str]
    first: Kind | None


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """What `choose` is told beside the ratio; see there."""

    scope: Scope = "local"
    max_skip_ratio: float | None = None
    round_to: int = 1
    min_channels: int = 1
    floor: float = 0.1
    caps: Mapping[str, float] | None = None
    keep: Sequence[str] = ()
    first: Kind | None = None

    def __post_init__(self) -> None:
        if self.scope not in get_args(Scope):
            raise ValueError(f"got scope {self.scope!r}; the scopes are {', '.join(get_args(Scope))}")
        if self.max_skip_ratio is not None and not 0.0 <= self.max_skip_ratio <= 1.0:
            raise ValueError(f"got max_skip_ratio={self.max_skip_ratio}; give a share from 0 to 1, or None")
        if self.round_to < 1:
            raise ValueError(f"got round_to={self.round_to}; give 1 or more channels")
        if self.min_channels < 1:
            raise ValueError(f"got min_channels={self.min_channels}; give 1 or more channels")
        if not 0.0 <= self.floor <= 1.0:
            raise ValueError(f"got floor={self.floor}; give the share that every group keeps, from 0 to 1")
        if self.first is not None and self.first not in get_args(Kind):
            raise ValueError(f"got first={self.first!r}; give {' or '.join(get_args(Kind))}, or None")
        if isinstance(self.keep, str):
            raise ValueError(f"got keep={self.keep!r}; give a list of names")  # noqa: TRY004 (the user's mistake)
        for pattern, cap in (self.caps or {}).items():
            if not 0.0 <= cap <= 1.0:
                raise ValueError(f"got a cap of {cap} for {pattern!r}; give the largest share to remove, from 0 to 1")
        object.__setattr__(self, "caps", MappingProxyType(dict(self.caps or {})))
        object.__setattr__(self, "keep", tuple(self.keep))

    def caps_of(self, graph: ChannelGraph) -> dict[str, float]:
        """Give the largest share that may go from each group that can be cut; the smallest that applies.

        Raises
        ------
        ValueError
            If a name or pattern fits no group.
        """
        caps = {group.name: 1.0 for group in graph.groups}
        asked = [*(self.caps or {}).items(), *((pattern, 0.0) for pattern in self.keep)]
        for pattern, cap in asked:
            for name in matching(graph, pattern):
                caps[name] = min(caps[name], cap)
        for group in graph.prunable:
            if group.kind == "skip" and self.max_skip_ratio is not None:
                caps[group.name] = min(caps[group.name], self.max_skip_ratio)
        return {group.name: caps[group.name] for group in graph.prunable}

    def least(self, group: ChannelGroup, dense_width: int, cap: float, ratio: float) -> int:
        """Give the fewest channels that a group keeps."""
        spared = math.floor(min(self.floor, 1.0 - ratio) * dense_width + 1e-9)
        capped = math.ceil((1.0 - cap) * dense_width - 1e-9)
        unit = self.unit(group)
        return min(math.ceil(max(spared, capped, self.min_channels, unit) / unit) * unit, group.width)

    def rounded(self, wanted: float, group: ChannelGroup, least: int) -> int:
        """Make a wished number of channels one that the group can keep."""
        unit = self.unit(group)
        return min(max(math.floor(wanted / unit + 0.5) * unit, least), group.width)

    def unit(self, group: ChannelGroup) -> int:
        """Give the number of channels that the width of a group counts in."""
        return math.lcm(self.round_to, group.splits)


def cap_of(text: str) -> tuple[str, float]:
    """Turn ``GLOB=R`` into a pattern and the largest share to remove.

    Examples
    --------
    >>> cap_of("d0.*=0.5")
    ('d0.*', 0.5)
    """
    pattern, sign, ratio = text.rpartition("=")
    try:
        return pattern, float(ratio if sign else "")
    except ValueError:
        raise ValueError(f"got the cap {text!r}; give GLOB=R, such as 'd0.*=0.5'") from None


def matching(graph: ChannelGraph, pattern: str) -> tuple[str, ...]:
    """Give the names of the groups that a name or shell pattern (``d0.*``) fits.

    Raises
    ------
    ValueError
        If there are none; where the name is that of a layer, the line tells its groups.
    """
    names = [group.name for group in graph.groups]
    if pattern in names:  # names may hold brackets, which mean something in patterns
        return (pattern,)
    found = tuple(name for name in names if fnmatchcase(name, pattern))
    if found:
        return found
    owners = [
        group.name for group in graph.groups if any(m.module == pattern and m.role == "out" for m in group.members)
    ]
    hint = f"that layer makes channels of {', '.join(map(repr, owners))}" if owners else "see graph.to_text()"
    raise ValueError(f"got {pattern!r}, which fits the name of no channel group; {hint}")
