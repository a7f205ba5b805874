"""Find sizes that are written in a model's code: run it with narrower channel groups and compare the shapes.

A view or a slice receives its sizes as numbers. One run cannot show whether these numbers were computed from the
tensor, and will follow when it gets narrower, or are constants in the code. A second run, on narrower weights, can.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.tracing.call import TracedStep
from napari_pathprune.pruning.tracing.grouping import Grouping
from napari_pathprune.pruning.tracing.origins import are_compensated
from napari_pathprune.pruning.tracing.probing.narrow_run import NarrowRun, share_that_stays, word_reason
from napari_pathprune.pruning.tracing.traced_run import Traced

_LEVELS: Final = 2
_MOST_SEARCHES: Final = 100
"""Groups that are searched for one by one, before the whole model counts as one that cannot be cut."""


class Probe:
    """Compares runs of a narrower model with a trace, and corrects the identities until the two agree.

    Channels whose sizes do not follow are tied to those that the module reads, if the model then runs (attention that
    computes its sizes from the width of its input). Otherwise they are frozen. A number that is a power of a width,
    such as the scale of attention, is compensated for in the weights.
    """

    def __init__(self, traced: Traced) -> None:
        self.traced, self.tracer = traced, traced.tracer
        self._tied: set[tuple[str, type]] = set()
        self._powers: dict[int, float] = {}
        self._searched = 0

    def correct(self, graph: ChannelGraph, grouping: Grouping) -> bool:
        """Correct the identities where a narrower run first differs; return whether anything was corrected.

        False means that the narrower model runs, and that every tensor in it has the shape that the channel groups
        predict.
        """
        for level in range(_LEVELS):
            run = NarrowRun(self.traced, graph, grouping, self._powers, level)
            position = run.find_failure()
            if position is not None:
                return self._correct_step(run, position)
        return False

    def _correct_step(self, run: NarrowRun, position: int) -> bool:
        steps = self.tracer.steps
        if not steps:
            return self._freeze_open(run)
        step = steps[position]
        alike = [other for other in steps if _kind(other) == _kind(step)]
        if run.number is not None:
            numbers = [other for other in alike if other.number is not None or other.others]
            if self._compensate(run, position) or run.freeze(numbers, "a number"):
                return True
        elif _kind(step) not in self._tied and self._tie_to_inputs(run, alike, position):
            return True
        elif self.tracer.empty and run.count_open(step) == 1:
            return run.freeze(self._list_counterparts(position))
        return self._freeze_culprit(run, position)

    def _merges_channels(self, before: NarrowRun, after: NarrowRun, steps: Sequence[TracedStep]) -> bool:
        """Return whether all channels that a module reads have become one, after which nothing is left to cut."""
        entries = [entry for step in steps for entry in self.tracer.entries.get(step.module, ())]
        return any(
            len(np.unique(after.grouping.labels[entry])) == 1 < len(np.unique(before.grouping.labels[entry]))
            for entry in entries
        )

    def _list_counterparts(self, position: int) -> list[TracedStep]:
        """Return a step, and those at the same place in other modules of the same kind."""
        steps = self.tracer.steps
        counts: Counter[tuple[str, str]] = Counter()
        places = []
        for step in steps:
            places.append((_kind(step), counts[step.module, step.name]))
            counts[step.module, step.name] += 1
        return [step for step, place in zip(steps, places, strict=True) if place == places[position]]

    def _freeze_culprit(self, run: NarrowRun, position: int) -> bool:
        """Freeze a group without which a narrower run does not fail; search by halves for the first such group."""
        names = list(run.keep)
        self._searched += 1
        if self._searched > _MOST_SEARCHES:
            return self._freeze_open(run)
        low, high = 0, len(names)  # narrowing the first `low` groups works, narrowing the first `high` does not
        number = run.number
        while high - low > 1:
            middle = (low + high) // 2
            half = run.restrict(names[:middle])
            found = half.find_failure()
            if found is None:
                low = middle
            else:
                high, position, number = middle, found, half.number
        why = word_reason(self.tracer.steps[position], "sizes" if number is None else "a number")
        grouping = run.grouping
        own = next(n for n, group in enumerate(grouping.groups) if group.name == names[high - 1])
        self.tracer.ids.freeze(np.flatnonzero(grouping.group_of[grouping.labels] == own), why)
        return True

    def _freeze_open(self, run: NarrowRun) -> bool:
        open_ids = np.flatnonzero(run.may_go)
        self.tracer.ids.freeze(open_ids, "the model does not run with fewer channels")
        return len(open_ids) > 0

    def _compensate(self, run: NarrowRun, position: int) -> bool:
        """Compensate in the weights for a number that is a power of a width, in all steps alike."""
        step = self.tracer.steps[position]
        share = share_that_stays(step, run.stays)
        if position in self._powers or share == 1.0 or not step.number or not run.number or math.isnan(run.number):
            return False
        power = round(4 * math.log(abs(run.number / step.number)) / math.log(share)) / 4
        if not math.isclose(step.number * share**power, run.number, rel_tol=1e-6):
            return False
        alike = {
            number: other
            for number, other in enumerate(self.tracer.steps)
            if _kind(other) == _kind(step) and other.rows and other.number and other.width is not None
        }
        taken = {number for *_, number in self.tracer.ids.rescaled} | alike.keys()
        for number, other in alike.items():
            if other.width is not None and are_compensated(other.rows, taken, self.tracer.uses):
                self.tracer.ids.rescaled.append((other.rows, other.width, power, number))
                self._powers[number] = power
        return position in self._powers

    def _tie_to_inputs(self, run: NarrowRun, alike: Sequence[TracedStep], position: int) -> bool:
        """Unite the channels of steps like the one that fails with those that their modules read, if that helps."""
        same = self.tracer.ids.same
        before = len(same)
        for step in alike:
            for entry in self.tracer.entries.get(step.module, ()):
                for factor in step.list_factors():
                    if factor.size % len(entry) == 0 and len(entry) > 1:
                        self.tracer.ids.unite(np.tile(entry, factor.size // len(entry)), factor.ravel())
        if len(same) == before:
            return False
        narrower = run.regroup()
        helps = not self._merges_channels(run, narrower, alike)
        if helps:
            later = narrower.find_failure()
            helps = later is None or later > position
        if not helps:
            del same[before:]
            self._tied.add(_kind(alike[-1]))
        return helps


def _kind(step: TracedStep) -> tuple[str, type]:
    return step.name, step.module_type
