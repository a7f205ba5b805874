"""What a compression did, step by step: the facts that its report shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Stage:
    """The model after one cut and its fine-tuning; stage 0 is the dense model.

    Attributes
    ----------
    number
        0 for the dense model, then 1, 2, ...
    removed
        Share removed so far, of what the target counts: channels, parameters or MACs.
    params, macs
        Cost, for an input of `CompressReport.input_px`.
    scores
        On the validation images after fine-tuning, by name (``pq`` first); empty if there are none.
    scores_cut
        The same, straight after the cut; empty if not measured.
    fit_steps, seconds
        Fine-tuning, and the time of the whole stage.
    file
        Name of the model file in the folder of stages; empty for the dense model.
    """

    number: int
    removed: float
    params: int
    macs: int
    scores: Mapping[str, float]
    scores_cut: Mapping[str, float]
    fit_steps: int
    seconds: float
    file: str = ""


@dataclass(frozen=True, slots=True)
class Width:
    """A channel group's width before and after; ``kind`` is ``"skip"`` or ``"internal"``."""

    name: str
    kind: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A validation image, or a part of it, (H, W, 3) uint8, with instance maps (H, W) int32, and their PQ on it."""

    name: str
    image: NDArray[np.uint8]
    truth: NDArray[np.int32]
    dense: NDArray[np.int32]
    compact: NDArray[np.int32]
    dense_pq: float
    compact_pq: float


@dataclass(frozen=True, slots=True, eq=False)
class CompressReport:
    """A compression from its dense model to the one that was kept.

    Attributes
    ----------
    model, out
        Names of the dense and of the compact model file.
    settings
        What was asked for, by name.
    stages
        The dense model first.
    kept
        Number of the stage that was written to `out`: the smallest within the allowed drop.
    input_px
        Side of the input that MACs are told for.
    widths
        Of all channel groups, in the order of the graph, from the dense to the kept model.
    examples
        Dense, compact and truth side by side.
    train_images, validation_images
        Names.
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

    @property
    def dense(self) -> Stage:
        """The dense model."""
        return self.stages[0]

    @property
    def compact(self) -> Stage:
        """The model that was kept."""
        return self.stages[self.kept]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; without pictures. A limit that is none is None."""
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
        }

    def summary(self) -> str:
        """Tell it to people, in two lines; in one if nothing was kept."""
        if not self.kept:
            return f"{self.model}: even the first of {len(self.stages) - 1} stages lost more than is allowed"
        old, new = self.dense, self.compact
        scores = ", ".join(f"{name} {old.scores[name]:.3f} -> {new.scores[name]:.3f}" for name in new.scores)
        return (
            f"{self.model} -> {self.out}: parameters {old.params:,} -> {new.params:,} "
            f"({new.params / old.params:.1%} left), MACs for {self.input_px} px {old.macs / 1e9:.2f} G -> "
            f"{new.macs / 1e9:.2f} G ({new.macs / old.macs:.1%} left)\n"
            f"{scores or 'not scored: no validation images'}"
        )
