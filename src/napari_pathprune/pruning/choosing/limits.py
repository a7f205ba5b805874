"""Limits of a cut: how many channels each channel group has to keep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal, get_args

from napari_pathprune.pruning.graph import ChannelGraph, ChannelGroup, Kind
from napari_pathprune.pruning.modules.kinds import is_count, is_number

Scope = Literal["local", "global"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a cut, by kind and by name of the channel group.

    Attributes
    ----------
    max_skip_ratio
        Largest share to remove from a skip group, in [0, 1]; 1 for no limit.
    round_to
        Keep a multiple of this number of channels in every group whose width allows it.
    min_channels
        Keep at least this many channels in every group. Every split keeps one channel in any case.
    floor
        Share that every group keeps, in [0, 1], or what the pruning ratio leaves if that is less. It prevents layers
        from collapsing where groups lose different shares: in global scope, and with ``first``.
    caps
        Name of a group, or a pattern such as ``"d0.*"``, to the largest share to remove there. Where several match,
        the smallest counts.
    keep
        Names or patterns of groups that stay whole.
    first
        ``"internal"`` or ``"skip"``: treat the pruning ratio as a share of all channels, and take them from groups of
        this kind as far as the limits allow before touching the others. ``"internal"`` is one reading of the paper's
        "prioritize the convolved ones"; see `importance` for the other. None treats both kinds alike.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> Limits(max_skip_ratio=0.3, round_to=8).round_to
    8
    """

    max_skip_ratio: float = 1.0
    round_to: int = 1
    min_channels: int = 1
    floor: float = 0.1
    caps: Mapping[str, float] = field(default_factory=dict, hash=False)
    keep: Sequence[str] = ()
    first: Kind | None = None

    def __post_init__(self) -> None:
        if not is_number(self.max_skip_ratio, 0.0, 1.0):
            raise ValueError(f"got max_skip_ratio={self.max_skip_ratio!r}; give a share from 0 to 1")
        if not is_count(self.round_to, 1):
            raise ValueError(f"got round_to={self.round_to!r}; give 1 or more channels")
        if not is_count(self.min_channels, 1):
            raise ValueError(f"got min_channels={self.min_channels!r}; give 1 or more channels")
        if not is_number(self.floor, 0.0, 1.0):
            raise ValueError(f"got floor={self.floor!r}; give the share that every group keeps, from 0 to 1")
        if self.first is not None and self.first not in get_args(Kind):
            raise ValueError(f"got first={self.first!r}; give {' or '.join(get_args(Kind))}, or None")
        if isinstance(self.keep, str):
            raise ValueError(f"got keep={self.keep!r}; give a list of names")  # noqa: TRY004 (the user's mistake)
        if not isinstance(self.caps, Mapping):
            raise ValueError(f"got caps={self.caps!r}; give a mapping of names to shares")  # noqa: TRY004
        for pattern, cap in self.caps.items():
            if not is_number(cap, 0.0, 1.0):
                raise ValueError(f"got a cap of {cap!r} for {pattern!r}; give the largest share to remove, from 0 to 1")
        object.__setattr__(self, "caps", dict(self.caps))
        object.__setattr__(self, "keep", tuple(self.keep))

    def cap_groups(self, graph: ChannelGraph) -> dict[str, float]:
        """Return the largest share to remove from each group that can be cut: the smallest cap that applies.

        Raises
        ------
        ValueError
            If a name or pattern matches no group.
        """
        caps = {group.name: 1.0 for group in graph.groups}
        for pattern, cap in [*self.caps.items(), *((pattern, 0.0) for pattern in self.keep)]:
            for name in match_groups(graph, pattern):
                caps[name] = min(caps[name], cap)
        for group in graph.prunable:
            if group.kind == "skip":
                caps[group.name] = min(caps[group.name], self.max_skip_ratio)
        return {group.name: caps[group.name] for group in graph.prunable}

    def least_channels(self, group: ChannelGroup, dense_width: int, cap: float, ratio: float) -> int:
        """Return the smallest number of channels that a group can keep at a pruning ratio."""
        spared = math.floor(min(self.floor, 1.0 - ratio) * dense_width + 1e-9)
        capped = math.ceil((1.0 - cap) * dense_width - 1e-9)
        unit = self.unit(group)
        return min(math.ceil(max(spared, capped, self.min_channels, unit) / unit) * unit, group.width)

    def round_channels(self, count: float, group: ChannelGroup, least: int) -> int:
        """Round a number of channels to one that the group can keep."""
        unit = self.unit(group)
        return min(max(math.floor(count / unit + 0.5) * unit, least), group.width)

    def unit(self, group: ChannelGroup) -> int:
        """Return the number that the width of a group has to be a multiple of."""
        return math.lcm(self.round_to, group.splits)


DEFAULT_LIMITS: Final = Limits()


def check_scope(scope: str) -> None:
    """Raise if a scope is unknown."""
    if scope not in get_args(Scope):
        raise ValueError(f"got scope {scope!r}; the scopes are {', '.join(get_args(Scope))}")


def parse_cap(text: str) -> tuple[str, float]:
    """Parse ``GLOB=R`` into a pattern and the largest share to remove.

    Raises
    ------
    ValueError
        If the text has no number after an equals sign.

    Examples
    --------
    >>> parse_cap("d0.*=0.5")
    ('d0.*', 0.5)
    """
    pattern, sign, ratio = text.rpartition("=")
    try:
        return pattern, float(ratio if sign else "")
    except ValueError:
        raise ValueError(f"got the cap {text!r}; give GLOB=R, such as 'd0.*=0.5'") from None


def match_groups(graph: ChannelGraph, pattern: str) -> tuple[str, ...]:
    """Return the names of the channel groups that match a name or a shell pattern (``d0.*``).

    Raises
    ------
    ValueError
        If no group matches. If the pattern is the name of a layer, the message lists the groups of its channels.
    """
    names = [group.name for group in graph.groups]
    if pattern in names:  # names may contain brackets, which are special in patterns
        return (pattern,)
    found = tuple(name for name in names if fnmatchcase(name, pattern))
    if found:
        return found
    owners = [
        group.name for group in graph.groups if any(m.module == pattern and m.role == "out" for m in group.members)
    ]
    hint = f"that layer makes channels of {', '.join(map(repr, owners))}" if owners else "see graph.to_text()"
    raise ValueError(f"got {pattern!r}, which matches the name of no channel group; {hint}")
