"""Find sizes that a forward has written in: run it with every group a little narrower and compare the shapes.

A view or a slice is told its sizes as numbers. From one run nobody can tell whether they were worked out from
the tensor, and follow when it gets narrower, or stand in the code. A second run, on narrower weights, can.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._ops import OpOverload

from napari_pathprune.pruning.cutting.surgery import reshape
from napari_pathprune.pruning.modules.example import TensorSpec, mapped
from napari_pathprune.pruning.modules.replica import emptied
from napari_pathprune.pruning.tracing.grouping import Grouping, grouped
from napari_pathprune.pruning.tracing.identities import Factors, Ids
from napari_pathprune.pruning.tracing.tracer import Call, Executed, Step, Tracer, number_in, step_by_step

if TYPE_CHECKING:
    from napari_pathprune.pruning.graph import ChannelGraph


_LEVELS: Final = 2


def mended(model: nn.Module, graph: ChannelGraph, tracer: Tracer, grouping: Grouping) -> bool:
    """Write down what a run on narrower weights shows; tell whether there was anything.

    Channels whose sizes do not follow are tied to those that the module reads, where that makes it run (attention
    that works its sizes out from the width of its input), else frozen. A number that is a power of a width, as
    attention is scaled by, is made up for in the weights. False means that the model runs, and every tensor in it has
    the shape that the channel groups foretell.
    """
    for level in range(_LEVELS):
        trial = _Trial(graph, tracer, grouping, level)
        position = trial.runs_until(model)
        if position is not None:
            return _mended(model, trial, position)
    return False


def _mended(model: nn.Module, trial: _Trial, position: int) -> bool:
    tracer = trial.tracer
    step = tracer.steps[position]
    if trial.number is not None:
        if not _rescaled(trial, step, position):
            trial.freeze([s for s in tracer.steps if _alike(s, step) and s.number is not None], "a number")
        return True
    alike = [s for s in tracer.steps if _alike(s, step)]
    if _kind(step) not in tracer.tied and _tied(model, trial, alike, position):
        return True
    for guilty in reversed(tracer.steps[: position + 1]):
        if trial.freeze([guilty]):
            trial.freeze(alike if guilty is step else [])
            return True
    open_ids = np.flatnonzero(trial.may_go)
    tracer.ids.freeze(open_ids, "the model does not run with fewer channels")
    return len(open_ids) > 0


def _kind(step: Step) -> tuple[str, type]:
    return step.name, step.module_type


def _alike(first: Step, second: Step) -> bool:
    return _kind(first) == _kind(second)


def _rescaled(trial: _Trial, step: Step, position: int) -> bool:
    """Make up in the weights for a number that is a power of the width of the last axis, here and in steps alike."""
    tracer = trial.tracer
    ratio = _ratio(step, trial.stays)
    if position in tracer.followed or ratio == 1.0 or not step.number or not trial.number:
        return False
    power = round(4 * math.log(abs(trial.number / step.number)) / math.log(ratio)) / 4
    if not math.isclose(step.number * ratio**power, trial.number, rel_tol=1e-6):
        return False
    for other, own in enumerate(tracer.steps):
        if _alike(own, step) and own.rows and own.number and (ids := _last_axis(own)) is not None:
            tracer.ids.rescaled.append((own.rows, ids, power))
            tracer.followed[other] = power
    return position in tracer.followed


def _last_axis(step: Step) -> Ids | None:
    own = [factor for factor in step.shapes[0][1] if factor.size == factor.shape[-1] > 1]
    return own[0].ravel() if own else None


def _ratio(step: Step, stays: NDArray[np.bool_]) -> float:
    """Give the share of the last axis of a step's result that stays."""
    ids = _last_axis(step)
    return float(stays[ids].mean()) if ids is not None else 1.0


def _tied(model: nn.Module, trial: _Trial, alike: Sequence[Step], position: int) -> bool:
    """Tie what steps like one that fails work on to what their modules read; keep it only if that helps."""
    tracer = trial.tracer
    before = len(tracer.ids.same)
    for step in alike:
        for entry in tracer.entries.get(step.module, ()):
            for factor in (*step.given, *(factor for _, factors in step.shapes for factor in factors)):
                if factor.size % len(entry) == 0 and len(entry) > 1:
                    tracer.ids.unite(np.tile(entry, factor.size // len(entry)), factor.ravel())
    if len(tracer.ids.same) == before:
        return False
    later = trial.again().runs_until(model)
    helped = later is None or later > position
    if not helped:
        del tracer.ids.same[before:]
        tracer.tied.add(_kind(alike[-1]))
    return helped


def _fewer(width: int, splits: int, number: int, level: int) -> tuple[int, ...]:
    """Keep fewer channels in every split: first one or two less, then a share that no other group has."""
    part = width // splits
    share = 0.3 + 0.5 * (number * 0.6180339887 % 1.0)  # multiples of the golden ratio spread evenly
    left = max(1, part - 1 - number % 2 if level == 0 else round(part * share))
    return tuple(split * part + index for split in range(splits) for index in range(left))


class _Trial:
    """The model with every group a little narrower, against what the trace saw."""

    def __init__(self, graph: ChannelGraph, tracer: Tracer, grouping: Grouping, level: int) -> None:
        self.graph, self.tracer, self.level = graph, tracer, level
        self.keep = {group.name: _fewer(group.width, group.splits, n, level) for n, group in enumerate(graph.prunable)}
        self.number: float | None = None
        numbers = {group.name: number for number, group in enumerate(graph.groups)}
        most = max((group.width for group in graph.groups), default=0)
        kept = np.ones((len(graph.groups) + 1, most), bool)  # the last row is that of no group, number -1
        for name, stay in self.keep.items():
            kept[numbers[name]] = False
            kept[numbers[name], list(stay)] = True
        self.stays: NDArray[np.bool_] = kept[grouping.group_of, grouping.index_of][grouping.labels]
        open_groups = np.array([group.frozen is None for group in graph.groups] + [False])
        self.may_go: NDArray[np.bool_] = open_groups[grouping.group_of[grouping.labels]]

    def again(self) -> _Trial:
        """Group anew what the tracer knows by now."""
        grouping = grouped(self.tracer.ids)
        return _Trial(replace(self.graph, groups=grouping.groups), self.tracer, grouping, self.level)

    def freeze(self, steps: Sequence[Step], what: str = "sizes") -> bool:
        """Freeze what may go of the channels that some steps work on; tell whether there was any."""
        found = False
        for step in steps:
            where = f"'{step.module}'" if step.module else "the model's own forward"
            does = "sizes in the code ({}) do not follow"
            does = does if what == "sizes" else "a number in the code ({}) depends on their count"
            for factor in (*step.given, *(factor for _, factors in step.shapes for factor in factors)):
                if self.may_go[factor].any():
                    self.tracer.ids.freeze(factor, f"{does.format(step.name)} in {where}")
                    found = True
        return found

    def runs_until(self, model: nn.Module) -> int | None:
        """Run it; give the number of the first operation that fails or differs, or None."""
        if not self.keep:
            return None
        tracer = self.tracer
        with torch.inference_mode(), step_by_step():
            skeleton = emptied(model) if tracer.empty else model
            narrow = reshape(skeleton, self.graph.after(self.keep).shapes).eval()
            device = "meta" if tracer.empty else "cpu"

            def made(spec: TensorSpec) -> Tensor:
                return torch.zeros(spec.shape, dtype=spec.dtype, device=device)

            args, kwargs = mapped(made, self.graph.example)
            follower = _Follower(narrow, tracer, self.stays)
            try:
                with follower:
                    narrow(*args, **kwargs)
            except Exception:  # noqa: BLE001 (whatever it is, this model does not run with fewer channels)
                self.number = follower.number
                return min(follower.position, len(tracer.steps) - 1)
        return None


class _Follower(Executed):  # type: ignore[no-untyped-call]
    """Compares a run with the steps of an earlier one."""

    def __init__(self, model: nn.Module, tracer: Tracer, stays: NDArray[np.bool_]) -> None:
        super().__init__(model, empty=tracer.empty)
        self.steps, self.followed = tracer.steps, tracer.followed
        self.stays = stays
        self.position = 0
        self.number: float | None = None

    def wants(self, name: str, func: OpOverload, inputs: Sequence[Tensor]) -> bool:
        del func, inputs
        return self.position < len(self.steps) and self.steps[self.position].name == name

    def executed(self, call: Call) -> None:
        step = self.steps[self.position]
        shapes = [tuple(output.shape) for output in call.outputs]
        wanted = [
            expected_shape(shape, factors, self.stays) if shape is not None else found
            for found, (shape, factors) in zip(shapes, step.shapes, strict=True)
        ]
        if step.name != call.name or shapes != wanted:
            raise ValueError(f"{call.name} gives {shapes}")
        number, expected = number_in(call), step.number
        if expected is not None and self.position in self.followed:
            expected *= _ratio(step, self.stays) ** self.followed[self.position]
        if (number is None) != (expected is None) or not math.isclose(number or 0.0, expected or 0.0, rel_tol=1e-6):
            self.number = number
            raise ValueError(f"{call.name} multiplies by {number}")
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
