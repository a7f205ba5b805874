"""Events of the fit loop; each follows `base.event.Event`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from napari_pathprune.base.event import QuietEvent
from napari_pathprune.base.score_names import format_scores


class _AtStep(QuietEvent):
    """Base of events that belong to a step of a phase."""

    __slots__ = ()
    step: int
    steps: int

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return self.step

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return self.steps


@dataclass(frozen=True, slots=True)
class StepDone(_AtStep):
    """An optimiser step was done.

    Attributes
    ----------
    step
        Number of the step, from 1.
    steps
        Steps of the phase.
    losses
        Terms of the loss by name.
    learning_rate
        Learning rate of the step.
    seconds
        Time since the previous step, in seconds.
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    learning_rate: float
    seconds: float

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"loss {sum(self.losses.values()):.2f}"


@dataclass(frozen=True, slots=True)
class BatchSplit(_AtStep):
    """Memory ran out, and batches are computed in pieces from this step on.

    Attributes
    ----------
    step, steps
        As in `StepDone`.
    pieces
        Number of pieces, whose gradients are added.
    """

    step: int
    steps: int
    pieces: int

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"memory ran out at step {self.step}: batches are computed in {self.pieces} pieces from here on"

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Validated(_AtStep):
    """The averaged weights were validated.

    Attributes
    ----------
    step, steps
        As in `StepDone`.
    scores
        Scores by name. The first one counts, and higher is better.
    best
        Whether this is the best score so far.
    weights
        State dict of the scored model, on the CPU.
    """

    step: int
    steps: int
    scores: Mapping[str, float]
    best: bool
    weights: Mapping[str, Tensor]

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"validated at step {self.step}: {format_scores(self.scores)}{', the best so far' if self.best else ''}"

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class FitDone(QuietEvent):
    """The fit has finished, and the model holds averaged weights: those of the best validation, else the last ones.

    Attributes
    ----------
    steps
        Steps done; fewer than requested if the fit stopped early.
    best_step
        Step of the weights that the model holds.
    scores
        Scores of that step, also if it was validated before an interruption; empty without a validation.
    seconds
        Total time in seconds, including the runs before an interruption.
    last
        State dict of the averaged weights at the last step, on the CPU.
    """

    steps: int
    best_step: int
    scores: Mapping[str, float]
    seconds: float
    last: Mapping[str, Tensor]

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return self.steps

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return self.steps


FitEvent = StepDone | BatchSplit | Validated | FitDone
