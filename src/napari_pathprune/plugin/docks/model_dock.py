"""The dock that shows a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QFileDialog, QFormLayout, QVBoxLayout, QWidget

from napari_pathprune.plugin.docks.dock_tabs import join_tabs
from napari_pathprune.plugin.jobs.job import Job, JobEnd, JobFailed
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.jobs.model_job import (
    ModelDescribed,
    SpeedMeasured,
    TypesRenamed,
    describe_model,
    measure_model,
    save_renamed,
)
from napari_pathprune.plugin.shelf.preferences import forget_model, read_preferences
from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.plugin.widgets.choosers import ModelChooser
from napari_pathprune.plugin.widgets.model.model_view import ModelView
from napari_pathprune.plugin.widgets.model.model_words import describe_speed
from napari_pathprune.plugin.widgets.plain_label import PlainLabel
from napari_pathprune.plugin.widgets.progress_panel import ERROR_STYLE
from napari_pathprune.plugin.widgets.section import make_scroll_area

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_pathprune.base.event import Event
    from napari_pathprune.workflows.info.model_info import Description

WIDTH_PX: Final = 320
SUFFIXES: Final = (".safetensors", ".tar", ".pth", ".pt")
WARNING_STYLE: Final = "border: 1px solid #c77700; border-radius: 3px; padding: 4px;"  # in light and dark themes


class ModelDock(QWidget):  # type: ignore[misc]
    """Show what a model is, what it costs, and how fast it is on this machine.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to; passed by napari.
    describe, measure
        How to describe a model, and how to measure its speed.
    """

    def __init__(
        self,
        napari_viewer: Viewer,
        describe: Callable[[str], Iterator[Event]] = describe_model,
        measure: Callable[[str, str], Iterator[Event]] = measure_model,
    ) -> None:
        super().__init__()
        self._viewer, self._describe, self._measure = napari_viewer, describe, measure
        self._reader, self._speedometer = JobRunner(self), JobRunner(self)
        self._described: str | None = None
        self._read = ""
        self._speeds: dict[tuple[str, str], str] = {}
        self._measuring = ("", "")
        self._mpp: float | None = None

        self.model = ModelChooser(shelf_of(napari_viewer))
        self.model.setToolTip("Packaged model or model file; a file can also be dropped on this dock")
        self.model.setAccessibleName("Model")
        self.status, self.warning = PlainLabel(), PlainLabel()
        for label in (self.status, self.warning):
            label.setWordWrap(True)
        self.warning.setStyleSheet(WARNING_STYLE)
        self.view = ModelView()
        self._lay_out()

        self.setAcceptDrops(True)
        self.setMinimumWidth(WIDTH_PX)
        self.model.chosen.connect(self.show_model)
        self.view.measure.clicked.connect(self.measure_again)
        self.view.types.save_asked.connect(self.save_names)
        self._reader.received.connect(self._receive)
        self._reader.ended.connect(self._finish_reading)
        self._speedometer.received.connect(self._receive_speed)
        self._speedometer.ended.connect(self._finish_measuring)
        for event in self._viewer_events():
            event.connect(self._show_warning)
        self.show_model()
        join_tabs(self)

    @property
    def is_busy(self) -> bool:
        """Whether a model is being read or measured."""
        return self._reader.is_running or self._speedometer.is_running

    def show_model(self) -> None:
        """Read and show the chosen model, once the model before it has been read."""
        source = self.model.model
        if source is None or self._reader.is_running:
            return
        self.view.setEnabled(source == self._described)
        if source == self._described:
            self._set_status("")
            return
        self._read = source
        self._set_status(f"Reading {self.model.currentText()} ...")
        self._reader.run(Job(f"reading {self.model.currentText()}", lambda: self._describe(source)))

    def measure_again(self) -> None:
        """Measure the speed of the model, even if it is known."""
        if self._described is not None and not self._speedometer.is_running:
            self._start_measuring(self._described)

    def save_names(self, names: tuple[str, ...]) -> None:
        """Let the user choose a new file, and write the model with other names for its types."""
        source = self._described
        if source is None or self._reader.is_running:
            return
        folder = read_preferences().folder or str(Path.home())
        suggested = Path(folder) / f"{Path(source).name.removesuffix('.safetensors')}-named.safetensors"
        options = QFileDialog.Option.DontConfirmOverwrite  # an existing file is refused below
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the model with new type names", str(suggested), "Models (*.safetensors)", options=options
        )
        if path:
            out = Path(path if path.endswith(".safetensors") else f"{path}.safetensors")
            self._set_status(f"Saving {out.name} ...")
            self._reader.run(Job(f"saving {out.name}", lambda: save_renamed(source, names, out)))

    def dragEnterEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Accept a model file."""
        if _find_dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Open a model file that is dropped on the dock."""
        path = _find_dropped(event)
        if path is not None:
            event.acceptProposedAction()
            self.model.add_file(path)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Stop when napari closes the dock, which removes this widget from its parent."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._close_down()

    def _lay_out(self) -> None:
        choice = QFormLayout()
        choice.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        choice.addRow("Model", self.model)
        layout = QVBoxLayout(self)
        layout.addLayout(choice)
        layout.addWidget(self.status)
        layout.addWidget(self.warning)
        layout.addWidget(make_scroll_area(self.view), 1)
        self.warning.hide()
        self.view.setEnabled(False)

    def _receive(self, event: Event) -> None:
        match event:
            case ModelDescribed(description=description) if description is not None:
                self._described = event.source
                self._show_description(description)
            case TypesRenamed():
                self.model.add_file(event.source)

    def _finish_reading(self, end: JobEnd) -> None:
        if isinstance(end, JobFailed):
            if self._read != self._described:
                forget_model(self._read)
            if self.model.model in {self._read, self._described}:  # the user has not gone on to another one
                self._set_status(end.line, ERROR_STYLE)
                return
        self.show_model()  # another one may have been chosen in the meantime
        self._measure_if_unknown()

    def _show_description(self, description: Description) -> None:
        self._mpp = description.checkpoint.mpp
        self.view.show_description(description)
        self._show_warning()
        self._show_speed()

    def _measure_if_unknown(self) -> None:
        source = self._described
        known = (source, read_preferences().device) in self._speeds
        if source is not None and not known and not self.is_busy:
            self._start_measuring(source)

    def _start_measuring(self, source: str) -> None:
        device = read_preferences().device
        self._speeds.pop((source, device), None)
        self._measuring = (source, device)
        self.view.measure.setEnabled(False)
        self._speedometer.run(Job("measuring the speed of a model", lambda: self._measure(source, device)))
        self._show_speed()

    def _receive_speed(self, event: Event) -> None:
        if isinstance(event, SpeedMeasured) and event.speed is not None:
            self._speeds[self._measuring] = describe_speed(event.speed)

    def _finish_measuring(self, end: JobEnd) -> None:
        if isinstance(end, JobFailed):
            self._speeds[self._measuring] = f"Speed unknown: {end.line}"
        self.view.measure.setEnabled(True)
        self._show_speed()
        self._measure_if_unknown()

    def _show_speed(self) -> None:
        text = self._speeds.get((self._described or "", read_preferences().device))
        self.view.speed.setText(text or ("Measuring the speed ..." if self._speedometer.is_running else ""))

    def _show_warning(self, event: object = None) -> None:
        del event
        text = ""
        if self._described is not None:
            # imports scipy, which the worker has done already
            from napari_pathprune.plugin.layers.pixel_size_advice import advise_on_slide

            text = advise_on_slide(self._mpp, self._viewer)
        self.warning.setText(f"⚠ {text}" if text else "")
        self.warning.setVisible(bool(text))

    def _set_status(self, text: str, style: str = "") -> None:
        self.status.setStyleSheet(style)
        self.status.setText(text)
        self.status.setVisible(bool(text))

    def _viewer_events(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return (events.inserted, events.removed, self._viewer.layers.selection.events.active)

    def _close_down(self) -> None:
        self._reader.stop()
        self._speedometer.stop()
        self.model.disconnect_viewer()
        for event in self._viewer_events():
            event.disconnect(self._show_warning)


def _find_dropped(event: Any) -> str | None:  # noqa: ANN401 - Qt has no types
    """Return the path of the model file that is dragged over the dock, or None."""
    files = [url.toLocalFile() for url in event.mimeData().urls()]
    return files[0] if len(files) == 1 and files[0].lower().endswith(SUFFIXES) else None
