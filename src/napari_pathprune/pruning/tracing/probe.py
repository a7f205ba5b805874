"""Find sizes that are written in a model's code: run it with narrower channel groups and compare the shapes.

A view or a slice receives its sizes as numbers. One run cannot show whether these numbers were computed from the
tensor, and will follow when it gets narrower, or are constants in the code. A second run, on narrower weights, can.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from torch import nn

from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.tracing.grouping import Grouping
from napari_pathprune.pruning.tracing.narrow_run import NarrowRun, all_factors, last_axis, share_that_stays
from napari_pathprune.pruning.tracing.tracer import TracedStep, Tracer

_LEVELS: Final = 2


class Probe:
    """Compares runs of a narrower model with a trace, and corrects the identities until the two agree.

    Channels whose sizes do not follow are tied to those that the module reads, if the model then runs (attention that
    computes its sizes from the width of its input). Otherwise they are frozen. A number that is a power of a width,
    such as the scale of attention, is compensated for in the weights.
    """

    def __init__(self, model: nn.Module, tracer: Tracer) -> None:
        self.model, self.tracer = model, tracer
        self._tied: set[tuple[str, type]] = set()
        self._powers: dict[int, float] = {}

    def correct(self, graph: ChannelGraph, grouping: Grouping) -> bool:
        """Correct the identities where a narrower run first differs; return whether anything was corrected.

        False means that the narrower model runs, and that every tensor in it has the shape that the channel groups
        predict.
        """
        for level in range(_LEVELS):
            run = NarrowRun(graph, self.tracer, grouping, self._powers, level)
            position = run.find_failure(self.model)
            if position is not None:
                return self._correct_step(run, position)
        return False

    def _correct_step(self, run: NarrowRun, position: int) -> bool:
        steps = self.tracer.steps
        step = steps[position]
        alike = [other for other in steps if _kind(other) == _kind(step)]
        if run.number is not None:
            if not self._compensate(run, position):
                run.freeze([other for other in alike if other.number is not None], "a number")
            return True
        if _kind(step) not in self._tied and self._tie_to_inputs(run, alike, position):
            return True
        for guilty in reversed(steps[: position + 1]):
            if run.freeze([guilty]):
                run.freeze(alike if guilty is step else [])
                return True
        open_ids = np.flatnonzero(run.may_go)
        self.tracer.ids.freeze(open_ids, "the model does not run with fewer channels")
        return len(open_ids) > 0

    def _compensate(self, run: NarrowRun, position: int) -> bool:
        """Compensate in the weights for a number that is a power of the width of the last axis, in all steps alike."""
        step = self.tracer.steps[position]
        share = share_that_stays(step, run.stays)
        if position in self._powers or share == 1.0 or not step.number or not run.number:
            return False
        power = round(4 * math.log(abs(run.number / step.number)) / math.log(share)) / 4
        if not math.isclose(step.number * share**power, run.number, rel_tol=1e-6):
            return False
        for number, other in enumerate(self.tracer.steps):
            if _kind(other) == _kind(step) and other.rows and other.number and (ids := last_axis(other)) is not None:
                self.tracer.ids.rescaled.append((other.rows, ids, power))
                self._powers[number] = power
        return position in self._powers

    def _tie_to_inputs(self, run: NarrowRun, alike: Sequence[TracedStep], position: int) -> bool:
        """Unite the channels of steps like the one that fails with those that their modules read, if that helps."""
        same = self.tracer.ids.same
        before = len(same)
        for step in alike:
            for entry in self.tracer.entries.get(step.module, ()):
                for factor in all_factors(step):
                    if factor.size % len(entry) == 0 and len(entry) > 1:
                        self.tracer.ids.unite(np.tile(entry, factor.size // len(entry)), factor.ravel())
        if len(same) == before:
            return False
        later = run.regroup().find_failure(self.model)
        helps = later is None or later > position
        if not helps:
            del same[before:]
            self._tied.add(_kind(alike[-1]))
        return helps


def _kind(step: TracedStep) -> tuple[str, type]:
    return step.name, step.module_type
