"""How much a channel matters, measured on the weights."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor, nn

from napari_pathprune.pruning.graph import ChannelGraph, ChannelGroup, Member
from napari_pathprune.pruning.replica import state_of


@dataclass(frozen=True, slots=True, eq=False)
class Filters:
    """What a criterion sees of one group.

    Attributes
    ----------
    group
        The channel group.
    producers
        For every layer that makes the channels: its filters, (width, weights of a channel).
    seed
        For criteria that draw.
    """

    group: ChannelGroup
    producers: tuple[Tensor, ...]
    seed: int


Criterion = Callable[[Filters], Tensor]


def l1(filters: Filters) -> Tensor:
    """Sum of absolute weights of a filter, mean over the producers (Li et al. 2017, arXiv 1608.08710)."""
    return torch.stack([own.abs().sum(dim=1) for own in filters.producers]).mean(dim=0)


def l2(filters: Filters) -> Tensor:
    """Root of the sum of squared weights of a filter, mean over the producers (arXiv 2404.08831)."""
    return torch.stack([torch.linalg.vector_norm(own, dim=1) for own in filters.producers]).mean(dim=0)


def random(filters: Filters) -> Tensor:
    """Draw from 0 to 1, the same for the same seed and name of the group: the control."""
    generator = torch.Generator().manual_seed(filters.seed * 1_000_003 + zlib.crc32(filters.group.name.encode()))
    return torch.rand(filters.group.width, generator=generator)


CRITERIA: Final[Mapping[str, Criterion]] = MappingProxyType({"l1": l1, "l2": l2, "random": random})


def importance(model: nn.Module, graph: ChannelGraph, criterion: str = "l2", *, seed: int = 0) -> dict[str, Tensor]:
    """Score every channel of every group that can be cut; higher stays.

    A group that several layers make (a skip group) gets the mean of what its layers say.

    Parameters
    ----------
    model
        The traced model, or one of the same shapes.
    graph
        Its channel graph.
    criterion
        ``"l1"``, ``"l2"`` or ``"random"``.
    seed
        For ``"random"``.

    Returns
    -------
    dict
        Group to (width,) float32 scores, on the device of the model.

    Raises
    ------
    ValueError
        If there is no such criterion, or the model is not the one of the graph.
    """
    measure = CRITERIA.get(criterion)
    if measure is None:
        raise ValueError(f"got criterion {criterion!r}; the criteria are {', '.join(CRITERIA)}")
    state = checked_state(model, graph)
    scores: dict[str, Tensor] = {}
    with torch.no_grad():
        for group in graph.prunable:
            producers = tuple(_filters(state[member.tensor], member, group.width) for member in group.producers)
            scores[group.name] = measure(Filters(group, producers, seed)).float()
    return scores


def _filters(weight: Tensor, member: Member, width: int) -> Tensor:
    """Give the weights of each channel, (width, weights); a view of the parameter where that is possible."""
    weight = weight.detach()
    if not weight.dtype.is_floating_point or weight.dtype in {torch.float16, torch.bfloat16}:
        weight = weight.float()
    if member.splits > 1:  # axis 1 holds one split's share of a transposed convolution's filters
        parts = weight.reshape(member.splits, -1, *weight.shape[1:]).transpose(1, 2)
        rows = parts.reshape(member.splits * weight.shape[1], -1)
    else:
        rows = weight.movedim(member.axis, 0).flatten(1)
    if member.order is None:
        return rows[member.offset : member.offset + width * member.block].reshape(width, -1)
    return rows[torch.from_numpy(member.positions(width)).to(rows.device)].reshape(width, -1)


def checked_state(model: nn.Module, graph: ChannelGraph) -> dict[str, Tensor]:
    """Give the parameters and buffers of a model that has the shapes of a graph.

    Raises
    ------
    ValueError
        If it does not; the line names the first tensor that differs.
    """
    state = state_of(model)
    for name, shape in graph.shapes.items():
        found = tuple(state[name].shape) if name in state else None
        if found != shape:
            got = "no tensor" if found is None else f"shape {found}"
            raise ValueError(
                f"got a model with {got} at {name!r} where its channel graph has {shape}; trace this model anew"
            )
    return state
