"""The cost of each channel group, and of one of its channels."""

from __future__ import annotations

from dataclasses import dataclass

from napari_pathprune.pruning.graph import ChannelGraph, Kind
from napari_pathprune.pruning.modules.kinds import check_arguments
from napari_pathprune.pruning.plan import PrunePlan
from napari_pathprune.pruning.sizes import Floats, Polynomial


@dataclass(frozen=True, slots=True)
class GroupCost:
    """A row of the table: the cost of a whole channel group, and of one of its channels.

    Weights between two groups count for both of them, so the rows add up to more than the network.

    Attributes
    ----------
    group
        Name of the channel group.
    kind
        ``"skip"`` or ``"internal"``.
    width
        Number of channels.
    params, macs
        Parameters, and MACs on the traced example, that depend on the group.
    params_per_channel, macs_per_channel
        Saving from one channel less. In a group with splits, one channel of each is removed; this is the mean.
    """

    group: str
    kind: Kind
    width: int
    params: int
    macs: int
    params_per_channel: float
    macs_per_channel: float


def cost_table(graph: ChannelGraph, plan: PrunePlan | None = None) -> tuple[GroupCost, ...]:
    """Compute the cost of every channel group that can be cut, from the widths alone, in the order of execution.

    Parameters
    ----------
    graph
        Channel graph of the dense model.
    plan
        The channels to keep; None for all.

    Raises
    ------
    ValueError
        If the plan is for another graph.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from napari_pathprune.pruning import trace
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.ReLU(), nn.Conv2d(8, 2, 1, bias=False))
    >>> (row,) = cost_table(trace(model, torch.zeros(1, 3, 12, 12)))
    >>> row.params, row.params_per_channel, row.macs_per_channel
    (232, 29.0, 2900.0)
    """
    check_arguments(graph=graph)
    if plan is not None:
        check_arguments(plan=plan)
        plan.check(graph)
    keep = {} if plan is None else plan.keep
    widths = {group.name: len(keep.get(group.name, range(group.width))) for group in graph.groups}
    at = graph.sizes.widths(widths)
    table = []
    for group in graph.prunable:
        width, row = widths[group.name], graph.sizes.names.index(group.name)
        params, macs = (
            (_saving(size, at, row, width), _saving(size, at, row, group.splits) / group.splits)
            for size in (graph.sizes.params, graph.sizes.macs)
        )
        table.append(GroupCost(group.name, group.kind, width, round(params[0]), round(macs[0]), params[1], macs[1]))
    return tuple(table)


def _saving(size: Polynomial, widths: Floats, row: int, channels: int) -> float:
    """Return the saving from removing some channels of one group."""
    without = widths.copy()
    without[row] -= channels
    return size.at(widths) - size.at(without)
