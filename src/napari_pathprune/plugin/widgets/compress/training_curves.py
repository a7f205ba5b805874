"""Live curves of a training: losses and validation scores by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_pathprune.plugin.widgets.compress.curve_plot import CurvePlot

if TYPE_CHECKING:
    from napari_pathprune.base.event_log import LoggedEvent

TOTAL: Final = "loss"


class TrainingCurves(QWidget):  # type: ignore[misc]
    """The loss and its terms, and below them the validation scores once there are some.

    Attributes
    ----------
    losses, scores
        Name of a curve to its values by step. The steps of a compression count all stages.
    """

    def __init__(self) -> None:
        super().__init__()
        self.losses: dict[str, dict[int, float]] = {}
        self.scores: dict[str, dict[int, float]] = {}
        self.loss_plot, self.score_plot = CurvePlot("Losses by step"), CurvePlot("Validation scores by step")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for plot in (self.loss_plot, self.score_plot):
            layout.addWidget(plot)
        self.clear()

    def clear(self) -> None:
        """Remove all curves, and hide the plots."""
        self.losses, self.scores = {}, {}
        self._show()

    def add_events(self, events: Iterable[LoggedEvent]) -> None:
        """Add the losses and scores of events; a step that a resumed run repeats replaces its value.

        Parameters
        ----------
        events
            Logged events of `training.fit`, or of a compression, whose stages hold such events.
        """
        for event in events:
            facts: Mapping[str, Any] = event.facts.get("fit", event.facts)
            losses = facts.get("losses") or {}
            known = {name: value for name, value in losses.items() if value is not None}
            if known:
                # the terms of a head (np_ce, np_dice) are one curve
                heads: dict[str, float] = {}
                for name, value in known.items():
                    head = name.partition("_")[0]
                    heads[head] = heads.get(head, 0.0) + value
                _note(self.losses, event.done, {TOTAL: sum(known.values()), **heads})
            elif facts.get("kind", event.kind) == "Validated":
                _note(self.scores, event.done, facts["scores"])
        self._show()

    def _show(self) -> None:
        for plot, curves in ((self.loss_plot, self.losses), (self.score_plot, self.scores)):
            plot.show_curves(curves)
            plot.setVisible(bool(curves))


def _note(curves: dict[str, dict[int, float]], step: int, values: Mapping[str, float | None]) -> None:
    for name, value in values.items():
        if value is not None:
            curves.setdefault(name, {})[step] = value
