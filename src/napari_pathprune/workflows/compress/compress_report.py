"""The figures of a compression, stage by stage, which its report shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_pathprune.base.score_names import format_scores, is_agreement

Scores = Mapping[str, float]
"""Validation scores by name; the first one decides."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The model after one cut and its fine-tuning; stage 0 is the dense model.

    Attributes
    ----------
    number
        0 for the dense model, then 1, 2, ...
    removed
        Share of the dense model that has been removed, by the measure of the target: of channels, parameters or MACs,
        in [0, 1). Rounding and limits may keep it from being exactly what was asked for.
    params, macs
        Cost of the model, for an input of `CompressReport.input_px`.
    scores
        Validation scores after fine-tuning, by name (``pq`` first); empty without validation images.
    scores_cut
        Validation scores before fine-tuning; empty if not measured.
    fit_steps
        Fine-tuning steps of the stage.
    seconds
        Time of the whole stage.
    file
        Name of the model file in the folder of stages; empty for the dense model.
    speedup
        Time of the dense model for a patch over that of this one, both measured on the device of the training; None
        unless the target is a latency.
    """

    number: int
    removed: float
    params: int
    macs: int
    scores: Scores
    scores_cut: Scores
    fit_steps: int
    seconds: float
    file: str = ""
    speedup: float | None = None


@dataclass(frozen=True, slots=True)
class Width:
    """Width of a channel group before and after; ``kind`` is ``"skip"`` or ``"internal"``."""

    name: str
    kind: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A validation image as the dense and the compact model segment it.

    Attributes
    ----------
    name
        Name of the image.
    image
        (H, W, 3) uint8, the image or a part of it.
    truth, dense, compact
        (H, W) int32, instance maps: the annotation and the predictions of the two models.
    dense_pq, compact_pq
        PQ of the two models on this part.
    is_agreement
        Whether ``truth`` is what the parent model finds, instead of an annotation.
    """

    name: str
    image: NDArray[np.uint8]
    truth: NDArray[np.int32]
    dense: NDArray[np.int32]
    compact: NDArray[np.int32]
    dense_pq: float
    compact_pq: float
    is_agreement: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CompressReport:
    """A compression, from the dense model to the model that was kept.

    Attributes
    ----------
    model, out
        Names of the files of the dense and the compact model.
    settings
        Settings by name.
    stages
        All stages; the first one is the dense model.
    kept
        Number of the stage that was written to `out`, the smallest within the allowed drop; 0 if there is none.
    input_px
        Side of the input that MACs are counted for.
    widths
        Widths of all channel groups in the dense and in the kept model, in the order of the graph.
    examples
        Predictions of both models on validation images.
    train_images, validation_images
        Names of the images.
    ceiling
        What limits an agreement with the parent, in words: how well the parent agrees with itself, or that this has not
        been measured. Empty where the scores are accuracy.
    """

    model: str
    out: str
    settings: Mapping[str, Any]
    stages: tuple[Stage, ...]
    kept: int
    input_px: int
    widths: tuple[Width, ...]
    examples: tuple[Example, ...] = ()
    train_images: tuple[str, ...] = ()
    validation_images: tuple[str, ...] = ()
    ceiling: str = ""

    @property
    def dense(self) -> Stage:
        """Figures of the dense model."""
        return self.stages[0]

    @property
    def compact(self) -> Stage:
        """Figures of the kept model."""
        return self.stages[self.kept]

    def describe_speed(self) -> str:
        """Return how much faster the kept model was measured to be, and what was asked for; empty if it was not."""
        found, keep = self.compact.speedup, self.settings.get("keep")
        if found is None:
            return ""
        asked = f", {1 / keep:.3g} asked for" if isinstance(keep, float) and keep > 0 else ""
        return f"measured {found:.3g} times faster on this device{asked}"

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON, without pictures; an infinite limit becomes None."""
        return {
            "model": self.model,
            "out": self.out,
            "settings": {name: None if value == math.inf else value for name, value in self.settings.items()},
            "input_px": self.input_px,
            "kept": self.kept,
            "stages": [asdict(stage) for stage in self.stages],
            "widths": [asdict(width) for width in self.widths],
            "train_images": list(self.train_images),
            "validation_images": list(self.validation_images),
            "ceiling": self.ceiling or None,
        }

    def summary(self) -> str:
        """Return the result in two lines, or in one if no stage was kept."""
        if not self.kept:
            return f"{self.model}: even the first of {len(self.stages) - 1} stages lost more than allowed"
        old, new = self.dense, self.compact
        scores = ", ".join(f"{name} {old.scores[name]:.3f} -> {new.scores[name]:.3f}" for name in new.scores)
        if is_agreement(new.scores):
            scores = "; ".join(filter(None, (format_scores(new.scores), self.ceiling)))
        return (
            f"{self.model} -> {self.out}: parameters {old.params:,} -> {new.params:,} "
            f"({new.params / old.params:.1%} kept), MACs for {self.input_px} px {old.macs / 1e9:.2f} G -> "
            f"{new.macs / 1e9:.2f} G ({new.macs / old.macs:.1%} kept)"
            f"{f', {speed}' if (speed := self.describe_speed()) else ''}\n"
            f"{scores or 'not scored: no validation images'}"
        )
