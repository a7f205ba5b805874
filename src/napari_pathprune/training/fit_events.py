"""What a training tells while it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimiser step: its number (from 1), all steps, the loss' terms, the rate and the time it took."""

    step: int
    steps: int
    losses: Mapping[str, float]
    learning_rate: float
    seconds: float

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return self.step

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return self.steps

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"loss {sum(self.losses.values()):.2f}"

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return False


@dataclass(frozen=True, slots=True)
class BatchSplit:
    """Memory ran out: from this step on a batch is computed in so many pieces, and their gradients are added."""

    step: int
    steps: int
    pieces: int

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return self.step

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return self.steps

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"memory ran out at step {self.step}: batches are computed in {self.pieces} pieces from here on"

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Validated:
    """The averaged weights were scored.

    Attributes
    ----------
    step, steps
        As in `StepDone`.
    scores
        By name; the first one counts, and higher is better.
    best
        Whether it is the best so far.
    weights
        State dict of what was scored, on the CPU.
    """

    step: int
    steps: int
    scores: Mapping[str, float]
    best: bool
    weights: Mapping[str, Tensor]

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return self.step

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return self.steps

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"validated at step {self.step}: {_in_words(self.scores)}{', the best so far' if self.best else ''}"

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class FitDone:
    """The end: the model carries the averaged weights, those of the best step where there was a validation.

    Attributes
    ----------
    steps
        How many were done; fewer than asked for if it stopped early.
    best_step
        The step that the model's weights are of.
    scores
        Of that step, also if it was validated before a stop; empty without a validation.
    seconds
        Of all its runs, if it was stopped in between.
    last
        State dict of the averaged weights at the last step.
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

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return ""

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return False


FitEvent = StepDone | BatchSplit | Validated | FitDone


def _in_words(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
