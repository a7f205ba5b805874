"""Who decides in a channel group that several layers share."""

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
    """Say which deciders there are."""
    if decider not in get_args(Decider):
        raise ValueError(f"got decider {decider!r}; the deciders are {', '.join(get_args(Decider))}")


def select_deciders(graph: ChannelGraph, decider: Decider = "producers") -> dict[str, tuple[Member, ...]]:
    """Give the filters that speak for each group that can be cut.

    Parameters
    ----------
    graph
        Of the model.
    decider
        ``"producers"``: every filter that makes the channels. ``"mean"``, ``"sum"``, ``"max"``: every filter that
        makes or reads them. ``"convolved"``, ``"shortcut"``: in skip groups, only filters of that side of the
        addition (`Sides`); in internal groups, the producers.

    Raises
    ------
    ValueError
        If there is no such decider, or a skip group has no such sides.
    """
    check_decider(decider)
    if decider in {"mean", "sum", "max"}:
        return {g.name: tuple(member for member in g.members if member.role != "scale") for g in graph.prunable}
    chosen = {group.name: group.producers for group in graph.prunable}
    if decider in SIDES:
        wiring = Wiring(graph)
        for group in graph.prunable:
            if group.kind == "skip":
                chosen[group.name] = getattr(wiring.sides(group), decider)
    return chosen


def norms_of(model: nn.Module, group: ChannelGroup) -> tuple[Member, ...]:
    """Give the weights gamma of the norms that act on a group; a norm is a module with ``weight`` and ``eps``."""
    return tuple(
        member
        for member in group.members
        if member.role == "scale"
        and member.parameter == "weight"
        and hasattr(model.get_submodule(member.module), "eps")
    )


_MERGED: Final[Mapping[str, Callable[[Tensor], Tensor]]] = MappingProxyType(
    {"sum": lambda votes: votes.sum(dim=0), "max": lambda votes: votes.amax(dim=0)}
)


def merge_votes(votes: Tensor, decider: Decider) -> Tensor:
    """Make one score of what several say: (voices, width) to (width,); their mean unless the decider says else."""
    merge = _MERGED.get(decider)
    return votes.mean(dim=0) if merge is None else merge(votes)
