"""How fast the cut model is on this device: predicted while the settings change, and measured on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_pathprune.plugin.jobs.compress.cut_speed import (
    CurveMeasured,
    CutMeasured,
    measure_curve,
    measure_cut,
)
from napari_pathprune.plugin.jobs.compress.speed_curve import SpeedCurve
from napari_pathprune.plugin.jobs.job import Job, JobEnd, JobFailed
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.widgets.form_parts import describe

if TYPE_CHECKING:
    from napari_pathprune.base.event import Event
    from napari_pathprune.plugin.jobs.compress.cut_preview import CutPreview, ModelRead


class SpeedPanel(QWidget):  # type: ignore[misc]
    """A line about the speed, and a button that measures it in the background.

    Attributes
    ----------
    curve
        What predictions are made from; None until the first measurement.
    measured
        Signal without arguments: `curve` is another one.
    runner
        Measures.
    text, measure
        The line and the button.
    """

    measured = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.curve: SpeedCurve | None = None
        self._curves: dict[tuple[str, str], SpeedCurve] = {}
        self._read: ModelRead | None = None
        self._device = "auto"
        self._preview: CutPreview | None = None
        self._last: CutMeasured | None = None
        self._problem = ""
        self.runner = JobRunner(self)
        self.text, self.measure = QLabel(), QPushButton("Measure")
        self.text.setWordWrap(True)
        self.text.setAccessibleName("Speed of the cut model")
        describe(self.measure, "Measure the speed", "Run the dense and the cut model on this device, in the background")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.measure)
        self.measure.clicked.connect(self.measure_cut)
        self.runner.received.connect(self._receive)
        self.runner.ended.connect(self._finish)
        self._show()

    def show_model(self, read: ModelRead | None, device: str = "auto") -> None:
        """Measure another model, unless it was measured before; None while it is being read."""
        self._read, self._device, self._last, self._problem = read, device, None, ""
        self.curve = None if read is None else self._curves.get((read.source, device))
        self._show()
        if read is None:
            self.runner.stop()
        else:
            self._measure_curve()

    def show_preview(self, preview: CutPreview | None) -> None:
        """Predict the speed of another cut; None if the cut is impossible."""
        self._preview = preview
        self._show()

    def measure_cut(self) -> None:
        """Measure the cut that is shown."""
        read, preview, device = self._read, self._preview, self._device
        if read is not None and preview is not None and not self.runner.is_running:
            self.runner.run(Job("measuring the speed of a cut", lambda: measure_cut(read, preview.recipe, device)))
            self._show()

    def close_down(self) -> None:
        """Stop measuring."""
        self.runner.stop()

    def _measure_curve(self) -> None:
        read, device = self._read, self._device
        if read is not None and self.curve is None and not self.runner.is_running:
            self.runner.run(Job("measuring the speed of a model", lambda: measure_curve(read, device)))
            self._show()

    def _receive(self, event: Event) -> None:
        curve = None
        if isinstance(event, CurveMeasured) and self._read is not None and event.source == self._read.source:
            curve = event.curve if event.done == event.total else None
        elif isinstance(event, CutMeasured) and self.curve is not None:
            self._last = event
            curve = self.curve.add(event.macs, event.seconds[1] / event.seconds[0])
        if curve is not None and self._read is not None:
            self.curve = self._curves[self._read.source, self._device] = curve
            self.measured.emit()

    def _finish(self, end: JobEnd) -> None:
        if isinstance(end, JobFailed):
            self._problem = end.line
        else:
            self._measure_curve()  # another model may have been chosen in the meantime
        self._show()

    def _show(self) -> None:
        preview, is_busy = self._preview, self.runner.is_running
        self.measure.setEnabled(preview is not None and self.curve is not None and not is_busy)
        if self._problem:
            text = f"Speed unknown: {self._problem}"
        elif self.curve is None:
            text = "Speed: being measured ..." if is_busy else ""
        elif preview is None:
            text = ""
        elif self._last is not None and self._last.plan == preview.recipe:
            slow, fast = self._last.seconds
            text = f"Speed: {slow / fast:.1f} times faster, measured ({slow:.2g} s \u2192 {fast:.2g} s for a patch)"
        else:
            faster = 1.0 / max(self.curve.predict(preview.macs[1] / preview.macs[0]), 1e-3)
            text = f"Speed: about {faster:.1f} times faster, predicted" + (" (measuring ...)" if is_busy else "")
        self.text.setText(text)
        self.text.setToolTip("" if self.curve is None else f"Measured on {self.curve.device}")
