"""Find sizes that a forward has written in: run it with every group a little narrower and compare the shapes.

A view or a slice is told its sizes as numbers. From one run nobody can tell whether they were worked out from
the tensor, and follow when it gets narrower, or stand in the code. A second run, on narrower weights, can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._ops import OpOverload

from napari_pathprune.pruning.example import TensorSpec, mapped
from napari_pathprune.pruning.identities import Factors, Ids
from napari_pathprune.pruning.replica import emptied
from napari_pathprune.pruning.surgery import reshape
from napari_pathprune.pruning.tracer import Call, Executed, Step, Tracer, step_by_step

if TYPE_CHECKING:
    from napari_pathprune.pruning.graph import ChannelGraph
    from napari_pathprune.pruning.grouping import Grouping


def written_in(model: nn.Module, graph: ChannelGraph, tracer: Tracer, grouping: Grouping) -> list[tuple[Ids, str]]:
    """Give the identities that cannot be cut because sizes in the code do not follow, with the reason.

    An empty list means that the model runs on narrower weights, and every tensor in it has the shape that the
    channel groups foretell.
    """
    keep = {group.name: _fewer(group.width, group.splits, n) for n, group in enumerate(graph.prunable)}
    if not keep:
        return []
    numbers = {group.name: number for number, group in enumerate(graph.groups)}
    most = max(group.width for group in graph.groups)
    kept = np.ones((len(graph.groups) + 1, most), bool)  # the last row is that of no group, number -1
    for name, stay in keep.items():
        kept[numbers[name]] = False
        kept[numbers[name], list(stay)] = True
    stays = kept[grouping.group_of, grouping.index_of][grouping.labels]
    open_groups = np.array([group.frozen is None for group in graph.groups] + [False])
    may_go = open_groups[grouping.group_of[grouping.labels]]
    position = _runs_until(model, graph, keep, tracer, stays)
    if position is None:
        return []
    guilty: list[tuple[Ids, str]] = []
    for step in reversed(tracer.steps[: position + 1]):
        if guilty := _guilty([step], may_go):
            alike = [s for s in tracer.steps if (s.name, s.module_type) == (step.name, step.module_type)]
            return guilty + _guilty(alike, may_go)
    everything = np.flatnonzero(may_go)
    return [(everything, "the model does not run with fewer channels")] if len(everything) else []


def _fewer(width: int, splits: int, number: int) -> tuple[int, ...]:
    """Keep one or two channels less in every split, different numbers in neighbouring groups."""
    part = width // splits
    left = max(1, part - 1 - number % 2)
    return tuple(split * part + index for split in range(splits) for index in range(left))


def _guilty(steps: Sequence[Step], may_go: NDArray[np.bool_]) -> list[tuple[Ids, str]]:
    found: list[tuple[Ids, str]] = []
    for step in steps:
        where = f"'{step.module}'" if step.module else "the model's own forward"
        factors = (*step.given, *(factor for _, factors in step.shapes for factor in factors))
        reason = f"sizes in the code ({step.name}) do not follow in {where}"
        found.extend((factor.ravel(), reason) for factor in factors if may_go[factor].any())
    return found


def _runs_until(
    model: nn.Module, graph: ChannelGraph, keep: dict[str, tuple[int, ...]], tracer: Tracer, stays: NDArray[np.bool_]
) -> int | None:
    """Run narrower weights; give the number of the first operation that fails or differs, or None."""
    with torch.inference_mode(), step_by_step():
        skeleton = emptied(model) if tracer.empty else model
        narrow = reshape(skeleton, graph.after(keep).shapes).eval()
        device = "meta" if tracer.empty else "cpu"

        def made(spec: TensorSpec) -> Tensor:
            return torch.zeros(spec.shape, dtype=spec.dtype, device=device)

        args, kwargs = mapped(made, graph.example)
        follower = _Follower(narrow, tracer.steps, stays, empty=tracer.empty)
        try:
            with follower:
                narrow(*args, **kwargs)
        except Exception:  # noqa: BLE001 (whatever it is, this model does not run with fewer channels)
            return min(follower.position, len(tracer.steps) - 1)
    return None


class _Follower(Executed):  # type: ignore[no-untyped-call]
    """Compares a run with the steps of an earlier one."""

    def __init__(self, model: nn.Module, steps: Sequence[Step], stays: NDArray[np.bool_], *, empty: bool) -> None:
        super().__init__(model, empty=empty)
        self.steps = steps
        self.stays = stays
        self.position = 0

    def wants(self, name: str, func: OpOverload, inputs: Sequence[Tensor]) -> bool:
        del func, inputs
        return self.position < len(self.steps) and self.steps[self.position].name == name

    def executed(self, call: Call) -> None:
        step = self.steps[self.position]
        shapes = [tuple(output.shape) for output in call.outputs]
        if step.name != call.name or shapes != [expected_shape(*known, self.stays) for known in step.shapes]:
            raise ValueError(f"{call.name} gives {shapes}")
        self.position += 1


def expected_shape(shape: tuple[int, ...], factors: Factors, stays: NDArray[np.bool_]) -> tuple[int, ...] | None:
    """Give the shape of a tensor once channels are cut, or None if what is left makes no rectangle.

    Parameters
    ----------
    shape, factors
        Of the tensor in the dense model.
    stays
        (identities,) bool.
    """
    left = list(shape)
    for factor in factors:
        kept = stays[factor]
        axes = [axis for axis in range(kept.ndim) if kept.shape[axis] > 1]
        count = 1
        for axis in axes:
            others = tuple(other for other in range(kept.ndim) if other != axis)
            left[axis] = int(kept.any(axis=others).sum())
            count *= left[axis]
        if count != int(kept.sum()):
            return None
    return tuple(left)
