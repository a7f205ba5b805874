"""Run a model with every channel group a little narrower, and compare it with what the trace saw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._ops import OpOverload

from napari_pathprune.pruning.cutting.surgery import reshape
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.example import TensorSpec, map_tensors
from napari_pathprune.pruning.modules.replica import copy_empty
from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.grouping import Grouping, group_channels
from napari_pathprune.pruning.tracing.identities import Factors, Ids
from napari_pathprune.pruning.tracing.operation_watcher import OperationWatcher, disable_fused_layers
from napari_pathprune.pruning.tracing.tracer import TracedStep, Tracer

Powers = Mapping[int, float]
"""Number of a step to the power of a width that its number in the code is proportional to."""


class NarrowRun:
    """A run of the model with narrower channel groups.

    Attributes
    ----------
    keep
        Group to the indices that stay.
    stays
        (identities,): whether the channel stays.
    may_go
        (identities,): whether the channel belongs to a group that can be cut.
    number
        The number in the code at which the run differed, or None.
    """

    def __init__(self, graph: ChannelGraph, tracer: Tracer, grouping: Grouping, powers: Powers, level: int) -> None:
        self.graph, self.tracer, self.powers, self.level = graph, tracer, powers, level
        self.keep = {g.name: _keep_fewer(g.width, g.splits, n, level) for n, g in enumerate(graph.prunable)}
        self.number: float | None = None
        numbers = {group.name: number for number, group in enumerate(graph.groups)}
        most = max((group.width for group in graph.groups), default=0)
        kept = np.ones((len(graph.groups) + 1, most), bool)  # the last row, number -1, is for no group
        for name, stay in self.keep.items():
            kept[numbers[name]] = False
            kept[numbers[name], list(stay)] = True
        self.stays: NDArray[np.bool_] = kept[grouping.group_of, grouping.index_of][grouping.labels]
        open_groups = np.array([group.frozen is None for group in graph.groups] + [False])
        self.may_go: NDArray[np.bool_] = open_groups[grouping.group_of[grouping.labels]]

    def regroup(self) -> NarrowRun:
        """Return the run for the groups that follow from what the tracer knows by now."""
        grouping = group_channels(self.tracer.ids)
        graph = replace(self.graph, groups=grouping.groups)
        return NarrowRun(graph, self.tracer, grouping, self.powers, self.level)

    def freeze(self, steps: Sequence[TracedStep], what: str = "sizes") -> bool:
        """Freeze the channels that some steps work on, as far as they may go; return whether there were any."""
        found = False
        for step in steps:
            where = f"'{step.module}'" if step.module else "the model's own forward"
            does = "sizes in the code ({}) do not follow"
            does = does if what == "sizes" else "a number in the code ({}) depends on their count"
            for factor in all_factors(step):
                if self.may_go[factor].any():
                    self.tracer.ids.freeze(factor, f"{does.format(step.name)} in {where}")
                    found = True
        return found

    def find_failure(self, model: nn.Module) -> int | None:
        """Run the model; return the number of the first step that fails or differs, or None."""
        if not self.keep:
            return None
        tracer = self.tracer
        with torch.inference_mode(), disable_fused_layers():
            skeleton = copy_empty(model) if tracer.empty else model
            narrow = reshape(skeleton, self.graph.after(self.keep).shapes).eval()
            device = "meta" if tracer.empty else "cpu"

            def make(spec: TensorSpec) -> Tensor:
                return torch.zeros(spec.shape, dtype=spec.dtype, device=device)

            args, kwargs = map_tensors(make, self.graph.example)
            comparison = _Comparison(narrow, tracer, self.powers, self.stays)
            try:
                with comparison:
                    narrow(*args, **kwargs)
            except Exception:  # noqa: BLE001 (whatever it is, this model does not run with fewer channels)
                self.number = comparison.number
                return min(comparison.position, len(tracer.steps) - 1)
        return None


def _keep_fewer(width: int, splits: int, number: int, level: int) -> tuple[int, ...]:
    """Keep fewer channels of a group in every split: at level 0 one or two less, then a share unique to the group."""
    part = width // splits
    share = 0.3 + 0.5 * (number * 0.6180339887 % 1.0)  # multiples of the golden ratio spread evenly
    left = max(1, part - 1 - number % 2 if level == 0 else round(part * share))
    return tuple(split * part + index for split in range(splits) for index in range(left))


class _Comparison(OperationWatcher):  # type: ignore[no-untyped-call]
    """Compares a run with the steps of the traced one, and raises at the first difference."""

    def __init__(self, model: nn.Module, tracer: Tracer, powers: Powers, stays: NDArray[np.bool_]) -> None:
        super().__init__(model, empty=tracer.empty)
        self.steps, self.powers, self.stays = tracer.steps, powers, stays
        self.position = 0
        self.number: float | None = None

    def takes_whole(self, name: str, func: OpOverload, inputs: Sequence[Tensor]) -> bool:
        del func, inputs
        return self.position < len(self.steps) and self.steps[self.position].name == name

    def on_operation(self, call: Call) -> None:
        step = self.steps[self.position]
        found = [tuple(output.shape) for output in call.outputs]
        expected = [
            shape_after(shape, factors, self.stays) if shape is not None else own
            for own, (shape, factors) in zip(found, step.shapes, strict=True)
        ]
        if step.name != call.name or found != expected:
            raise ValueError(f"{call.name} returned shapes {found}")
        self._compare_numbers(call, step)
        self.position += 1

    def _compare_numbers(self, call: Call, step: TracedStep) -> None:
        number, expected = call.multiplier, step.number
        if expected is not None and self.position in self.powers:
            expected *= share_that_stays(step, self.stays) ** self.powers[self.position]
        if (number is None) != (expected is None) or not math.isclose(number or 0.0, expected or 0.0, rel_tol=1e-6):
            self.number = number
            raise ValueError(f"{call.name} multiplied by {number}")


def all_factors(step: TracedStep) -> Factors:
    """Return the factors of the inputs and the results of a step."""
    return (*step.given, *(factor for _, factors in step.shapes for factor in factors))


def last_axis(step: TracedStep) -> Ids | None:
    """Return the channels on the last axis of the first result of a step."""
    own = [factor for factor in step.shapes[0][1] if factor.size == factor.shape[-1] > 1]
    return own[0].ravel() if own else None


def share_that_stays(step: TracedStep, stays: NDArray[np.bool_]) -> float:
    """Return the share of the channels on the last axis of the first result that stays."""
    ids = last_axis(step)
    return float(stays[ids].mean()) if ids is not None else 1.0


def shape_after(shape: tuple[int, ...], factors: Factors, stays: NDArray[np.bool_]) -> tuple[int, ...] | None:
    """Return the shape of a tensor after the cut, or None if what is left is no rectangle.

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
