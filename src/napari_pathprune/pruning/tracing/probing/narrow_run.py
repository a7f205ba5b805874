"""Run a model with every channel group a little narrower, and compare it with what the trace saw."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._ops import OpOverload

from napari_pathprune.pruning.cutting.surgery import compact, mask, reshape
from napari_pathprune.pruning.cutting.verify import fix_randomness, verify_equal
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.replica import copy_empty
from napari_pathprune.pruning.plan import PrunePlan
from napari_pathprune.pruning.tracing.call import Call, TracedStep
from napari_pathprune.pruning.tracing.grouping import Grouping, group_channels
from napari_pathprune.pruning.tracing.identities import Factors
from napari_pathprune.pruning.tracing.operation_watcher import KeepConstants, OperationWatcher, disable_fused_layers
from napari_pathprune.pruning.tracing.traced_run import Traced, run_copy
from napari_pathprune.pruning.tracing.tracer import Tracer

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

    def __init__(
        self,
        traced: Traced,
        graph: ChannelGraph,
        grouping: Grouping,
        powers: Powers,
        level: int,
        only: Collection[str] | None = None,
    ) -> None:
        self.traced, self.tracer = traced, traced.tracer
        self.graph, self.grouping, self.powers, self.level = graph, grouping, powers, level
        self.keep = {
            group.name: _keep_fewer(group.width, group.splits, number, level)
            for number, group in enumerate(graph.prunable)
            if only is None or group.name in only
        }
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
        return NarrowRun(self.traced, replace(self.graph, groups=grouping.groups), grouping, self.powers, self.level)

    def restrict(self, names: Collection[str]) -> NarrowRun:
        """Return the run in which only some groups get narrower."""
        return NarrowRun(self.traced, self.graph, self.grouping, self.powers, self.level, names)

    def freeze(self, steps: Sequence[TracedStep], what: str = "sizes") -> bool:
        """Freeze the channels that some steps work on, as far as they may go; return whether there were any."""
        found = False
        for step in steps:
            for factor in step.list_factors():
                if self.may_go[factor].any():
                    self.tracer.ids.freeze(factor, word_reason(step, what))
                    found = True
        return found

    def count_open(self, step: TracedStep) -> int:
        """Return the number of groups that can be cut at a step."""
        factors = [factor.ravel() for factor in step.list_factors()]
        ids = np.concatenate(factors or [np.zeros(0, np.int64)])
        return len(np.unique(self.grouping.group_of[self.grouping.labels[ids[self.may_go[ids]]]]))

    def find_failure(self) -> int | None:
        """Run the model; return the number of the first step that fails or differs, or None."""
        if not self.keep:
            return None
        position = self._compare_steps()
        if self.tracer.empty:
            return position
        # with values, another way through the code is right as long as both models take it and agree
        return None if self._law_holds() else (len(self.tracer.steps) - 1 if position is None else position)

    def _compare_steps(self) -> int | None:
        tracer, traced = self.tracer, self.traced
        with torch.inference_mode(), disable_fused_layers(), fix_randomness():
            if tracer.empty:
                narrow = reshape(copy_empty(traced.model), self.graph.after(self.keep).shapes)
            else:
                narrow = compact(traced.model, self.graph, self._plan(), verify=False)
            comparison = _Comparison(narrow, tracer, self.powers, self.stays)
            try:
                with KeepConstants() if tracer.keeps_constants else contextlib.nullcontext(), comparison:
                    for training in traced.passes:
                        run_copy(narrow, traced.given, empty=tracer.empty, training=training)
            except Exception:  # noqa: BLE001 (whatever it is, this model does not run with fewer channels)
                self.number = comparison.number
                if traced.fails and comparison.position == len(tracer.steps) and not comparison.differs:
                    return None  # the traced run fails there too
                return min(comparison.position, len(tracer.steps) - 1)
        return None

    def _plan(self) -> PrunePlan:
        return PrunePlan(self.keep, self.graph.fingerprint())

    def _law_holds(self) -> bool:
        model, graph, plan = self.traced.model, self.graph, self._plan()
        try:
            verify_equal(mask(model, graph, plan), compact(model, graph, plan, verify=False), graph, dense=model)
        except Exception:  # noqa: BLE001 (as above)
            return False
        return True


def word_reason(step: TracedStep, what: str = "sizes") -> str:
    """Return why the channels at a step are frozen: ``what`` is sizes or a number."""
    where = f"'{step.module}'" if step.module else "the model's own forward"
    does = (
        "sizes in the code ({}) do not follow"
        if what == "sizes"
        else "a number in the code ({}) depends on their count"
    )
    return f"{does.format(step.name)} in {where}"


def _keep_fewer(width: int, splits: int, number: int, level: int) -> tuple[int, ...]:
    """Keep fewer channels of a group in every split: at level 0 one or two less, then a share unique to the group."""
    part = width // splits
    share = 0.3 + 0.5 * (number * 0.6180339887 % 1.0)  # multiples of the golden ratio spread evenly
    first = max(1, part - 1 - number % 2)
    left = first if level == 0 else max(1, round(part * share))
    if level and left == first and part > 2:  # two widths, so that a number cannot follow a power by accident
        left = first - 1 if first > 1 else 2
    return tuple(split * part + index for split in range(splits) for index in range(left))


class _Comparison(OperationWatcher):  # type: ignore[no-untyped-call]
    """Compares a run with the steps of the traced one, and raises at the first difference."""

    def __init__(self, model: nn.Module, tracer: Tracer, powers: Powers, stays: NDArray[np.bool_]) -> None:
        super().__init__(model, empty=tracer.empty)
        self.steps, self.powers, self.stays = tracer.steps, powers, stays
        self.position = 0
        self.differs = False
        self.number: float | None = None

    def takes_whole(self, name: str, func: OpOverload, inputs: Sequence[Tensor]) -> bool:
        del func, inputs
        return self.position < len(self.steps) and self.steps[self.position].name == name

    def on_operation(self, call: Call) -> None:
        if self.position == len(self.steps):
            self.differs = True
            raise ValueError("more operations than before")
        step = self.steps[self.position]
        found = [tuple(output.shape) for output in call.outputs]
        expected = [
            shape_after(shape, factors, self.stays) if shape is not None else own
            for own, (shape, factors) in zip(found, step.shapes, strict=False)
        ]
        if step.name != call.name or found != expected:
            self.differs = True
            raise ValueError(f"{call.name} returned shapes {found}")
        self._compare_numbers(call, step)
        self.position += 1

    def _compare_numbers(self, call: Call, step: TracedStep) -> None:
        number, expected = call.multiplier, step.number
        if expected is not None and self.position in self.powers:
            expected *= share_that_stays(step, self.stays) ** self.powers[self.position]
        found, before = [number, *call.read_numbers()], [expected, *step.others]
        alike = len(found) == len(before) and all(map(_is_close, found, before))
        if not alike:
            self.number = math.nan if number is None else number
            self.differs = True
            raise ValueError(f"{call.name} with the numbers {found}")


def _is_close(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=1e-6) or (math.isnan(first) and math.isnan(second))


def share_that_stays(step: TracedStep, stays: NDArray[np.bool_]) -> float:
    """Return the share of the channels that stays, of those whose count the number of a step may depend on."""
    return float(stays[step.width].mean()) if step.width is not None else 1.0


def shape_after(shape: tuple[int, ...], factors: Factors, stays: NDArray[np.bool_]) -> tuple[int, ...] | None:
    """Return the shape of a tensor after the cut, or None if what is left is no rectangle.

    Parameters
    ----------
    shape, factors
        Of the tensor in the dense model.
    stays
        (identities,) bool.
    """
    on_axis: dict[int, NDArray[np.bool_]] = {}
    for factor in factors:
        kept = stays[factor]
        axes = [axis for axis in range(kept.ndim) if kept.shape[axis] > 1]
        count = 1
        for axis in axes:
            others = tuple(other for other in range(kept.ndim) if other != axis)
            own = np.asarray(kept.any(axis=others))
            count *= int(own.sum())
            on_axis[axis] = own & on_axis[axis] if axis in on_axis else own
        if count != int(kept.sum()):
            return None
    return tuple(int(on_axis[axis].sum()) if axis in on_axis else length for axis, length in enumerate(shape))
