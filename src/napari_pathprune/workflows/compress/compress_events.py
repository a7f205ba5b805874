"""Events of a compression; their ``done`` and ``total`` count the fine-tuning steps of all stages together."""

from __future__ import annotations

from dataclasses import dataclass

from napari_pathprune.base.event import QuietEvent
from napari_pathprune.training.fit_events import FitEvent
from napari_pathprune.workflows.compress.compress_report import CompressReport, Stage


@dataclass(frozen=True, slots=True)
class StageStarted:
    """The model was cut, and its fine-tuning starts.

    Attributes
    ----------
    number, stages
        This stage, counted from 1, and the number of stages.
    params, dense_params
        Parameters of the compact model and of the dense one.
    done, total
        Fine-tuning steps; see `base.event.Event`.
    """

    number: int
    stages: int
    params: int
    dense_params: int
    done: int
    total: int

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return (
            f"stage {self.number} of {self.stages}: {self.params:,} parameters, "
            f"{self.params / self.dense_params:.1%} of the dense model's"
        )

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class StageFit:
    """An event of the fine-tuning of one stage.

    Attributes
    ----------
    number, stages
        This stage, counted from 1, and the number of stages.
    fit
        The event of `training.fit`, which counts the steps of this stage alone.
    steps_before
        Fine-tuning steps of the stages before this one.
    total
        Fine-tuning steps of all stages; see `base.event.Event`.
    """

    number: int
    stages: int
    fit: FitEvent
    steps_before: int
    total: int

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return self.steps_before + self.fit.done

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"stage {self.number} of {self.stages}: {self.fit.line}" if self.fit.line else ""

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return self.fit.is_milestone


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage has finished.

    Attributes
    ----------
    stage
        Its figures.
    is_within
        Whether its score is within the allowed drop.
    done, total
        Fine-tuning steps; see `base.event.Event`.
    """

    stage: Stage
    is_within: bool
    done: int
    total: int

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        if self.is_within:
            return ""
        return f"stage {self.stage.number} lost more than allowed: the model before it is kept"

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return not self.is_within


@dataclass(frozen=True, slots=True, eq=False)
class CompressDone(QuietEvent):
    """The compression has finished.

    Attributes
    ----------
    report
        Its figures. If ``report.kept`` is 0, no stage was within the allowed drop and no model was written.
    total
        Fine-tuning steps; see `base.event.Event`.
    """

    report: CompressReport
    total: int

    @property
    def done(self) -> int:
        """See `base.event.Event`; equals the total even if later stages were left out."""
        return self.total


CompressEvent = StageStarted | StageFit | StageDone | CompressDone
