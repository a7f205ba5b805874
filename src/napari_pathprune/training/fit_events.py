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


@dataclass(frozen=True, slots=True)
class BatchSplit:
    """Memory ran out: from this step on a batch is computed in so many pieces, and their gradients are added."""

    step: int
    pieces: int


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


FitEvent = StepDone | BatchSplit | Validated | FitDone
