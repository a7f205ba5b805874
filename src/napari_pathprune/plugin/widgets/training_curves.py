"""Live curves of a training: losses and validation scores by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pyqtgraph as pg
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_pathprune.plugin.widgets.width_bars import style_plot

if TYPE_CHECKING:
    from napari_pathprune.base.event_log import LoggedEvent

HEIGHT_PX: Final = 120
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
"""Of Okabe and Ito, told apart by the colour-blind."""
TOTAL: Final = "loss"


class TrainingCurves(QWidget):  # type: ignore[misc]
    """The sum and the terms of the loss, and below them the validation scores once there are some.

    Attributes
    ----------
    losses, scores
        Name of a curve to its values by step. The step of a compression counts all stages.
    """

    def __init__(self) -> None:
        super().__init__()
        self.losses: dict[str, dict[int, float]] = {}
        self.scores: dict[str, dict[int, float]] = {}
        self.loss_plot, self.score_plot = pg.PlotWidget(), pg.PlotWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for plot, left, name in (
            (self.loss_plot, "loss", "Losses by step"),
            (self.score_plot, "score", "Validation scores by step"),
        ):
            style_plot(plot, "step", left)
            plot.addLegend(offset=(-4, 4), labelTextSize="7pt")
            plot.setFixedHeight(HEIGHT_PX)
            plot.setAccessibleName(name)
            plot.setToolTip(name)
            layout.addWidget(plot)
        self._curves: dict[tuple[int, str], Any] = {}
        self.clear()

    def clear(self) -> None:
        """Remove all curves, and hide the plots."""
        self.losses, self.scores, self._curves = {}, {}, {}
        for plot in (self.loss_plot, self.score_plot):
            plot.clear()
            plot.hide()

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
                self._note(self.losses, event.done, {TOTAL: sum(known.values()), **known})
            elif facts.get("kind", event.kind) == "Validated":
                self._note(self.scores, event.done, facts["scores"])
        for number, (plot, values) in enumerate(((self.loss_plot, self.losses), (self.score_plot, self.scores))):
            self._draw(number, plot, values)

    def _note(self, curves: dict[str, dict[int, float]], step: int, values: Mapping[str, float | None]) -> None:
        for name, value in values.items():
            if value is not None:
                curves.setdefault(name, {})[step] = value

    def _draw(self, number: int, plot: Any, values: Mapping[str, Mapping[int, float]]) -> None:  # noqa: ANN401
        plot.setVisible(bool(values))
        for index, (name, points) in enumerate(values.items()):
            if (number, name) not in self._curves:
                colour = COLOURS[index % len(COLOURS)]
                curve = plot.plot(pen=pg.mkPen(colour, width=2 if name == TOTAL else 1), name=name)
                curve.setSymbol("o" if number else None)
                curve.setSymbolBrush(colour)
                curve.setSymbolSize(4)
                curve.setDownsampling(auto=True)
                self._curves[number, name] = curve
            steps = sorted(points)
            self._curves[number, name].setData(steps, [points[step] for step in steps])
