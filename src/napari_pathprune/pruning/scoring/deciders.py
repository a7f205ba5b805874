"""Deciders: the layers whose scores count in a channel group that several layers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

from torch import Tensor, nn

from napari_pathprune.pruning.graph import ChannelGraph, ChannelGroup, Member
from napari_pathprune.pruning.scoring.branches import Wiring

Decider = Literal["producers", "mean", "sum", "max", "convolved", "shortcut"]

SIDES: Final = frozenset({"convolved", "shortcut"})


def check_decider(decider: str) -> None:
    """Raise if a decider is unknown."""
    if decider not in get_args(Decider):
        raise ValueError(f"got decider {decider!r}; the deciders are {', '.join(get_args(Decider))}")


def select_filters(graph: ChannelGraph, decider: Decider = "producers") -> dict[str, tuple[Member, ...]]:
    """Return the filters that decide for each group that can be cut.

    Parameters
    ----------
    graph
        Channel graph of the model.
    decider
        ``"producers"``: every filter that makes the channels. ``"mean"``, ``"sum"``, ``"max"``: every filter that
        makes or reads them. ``"convolved"``, ``"shortcut"``: in skip groups, only the filters on that side of the
        addition (`Sides`); in internal groups, the producers.

    Raises
    ------
    ValueError
        If the decider is unknown, or a skip group has no such sides.
    """
    check_decider(decider)
    if decider in {"mean", "sum", "max"}:
        return {
            group.name: tuple(m for m in group.members if m.role != "scale") or group.members
            for group in graph.prunable
        }
    chosen = {group.name: _default_filters(group) for group in graph.prunable}
    if decider in SIDES:
        wiring = Wiring(graph)
        for group in graph.prunable:
            if group.kind == "skip":
                chosen[group.name] = getattr(wiring.split_producers(group), decider)
    return chosen


def _default_filters(group: ChannelGroup) -> tuple[Member, ...]:
    """Return the filters that make the channels; for learned tokens and factors, which none makes, all members."""
    return group.producers or group.members


def norms_of(model: nn.Module, group: ChannelGroup) -> tuple[Member, ...]:
    """Return the weights (gamma) of the norms that act on a group; a norm is a module with ``weight`` and ``eps``."""
    return tuple(
        member
        for member in group.members
        if member.role == "scale"
        and member.parameter == "weight"
        and hasattr(model.get_submodule(member.module), "eps")
    )


_MERGES: Final[Mapping[str, Callable[[Tensor], Tensor]]] = MappingProxyType(
    {"sum": lambda scores: scores.sum(dim=0), "max": lambda scores: scores.amax(dim=0)}
)


def merge_scores(scores: Tensor, decider: Decider) -> Tensor:
    """Merge (layers, width) scores into (width,): by the mean, or by the sum or maximum for deciders of that name."""
    merge = _MERGES.get(decider)
    return scores.mean(dim=0) if merge is None else merge(scores)
