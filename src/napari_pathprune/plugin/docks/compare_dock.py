"""The dock that compares two results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QFileDialog, QPushButton, QShortcut, QVBoxLayout, QWidget

from napari_pathprune.base.error_line import error_line
from napari_pathprune.plugin.docks.dock_tabs import join_tabs
from napari_pathprune.plugin.jobs.compare_job import ComparisonReady, compare_and_paint, export_comparison
from napari_pathprune.plugin.jobs.job import Job, JobEnd, JobFinished
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.jobs.preload import preload
from napari_pathprune.plugin.jobs.read_result import ResultRead, read_result
from napari_pathprune.plugin.jobs.turns import Turns
from napari_pathprune.plugin.layers.add_folder_result import add_folder_result
from napari_pathprune.plugin.layers.comparison.compare_grid import BLINK_KEY, CompareGrid
from napari_pathprune.plugin.layers.nuclei_layer import OUTLINE_UM
from napari_pathprune.plugin.layers.segmentation_from_layer import segmentation_from_layer
from napari_pathprune.plugin.layers.slide_from_layer import slide_from_layer
from napari_pathprune.plugin.widgets.compare.compare_form import CompareForm, CompareRequest
from napari_pathprune.plugin.widgets.compare.compare_view import CompareView, make_button
from napari_pathprune.plugin.widgets.compare.comparison_tabs import ComparisonTabs
from napari_pathprune.plugin.widgets.plain_label import PlainLabel, make_plain_tip
from napari_pathprune.plugin.widgets.progress_panel import ProgressPanel

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_pathprune.base.box import Box
    from napari_pathprune.workflows.compare.comparison import Comparison

WIDTH_PX: Final = 320
EDIT_PAUSE_MS: Final = 800
"""Numbers follow an edit after this pause, so that a stroke is not compared dab by dab."""
UNKNOWN_MPP: Final = (0.5, 0.5)


class CompareDock(QWidget):  # type: ignore[misc]
    """Compare two results of a slide, side by side and in numbers.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to; passed by napari.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._runner, self._turns = JobRunner(self), Turns(self)
        self._grid = CompareGrid(napari_viewer)
        self._request: CompareRequest | None = None
        self._compared: tuple[CompareRequest, Comparison] | None = None
        self._then: Callable[[JobEnd], None] | None = None
        self._is_outdated = False

        self.form = CompareForm(napari_viewer)
        self.run = QPushButton("Compare")
        self.progress = ProgressPanel(self.run, unit="block")
        self.problem = PlainLabel()
        self.problem.setWordWrap(True)
        self.view, self.tabs = CompareView(), ComparisonTabs()
        self.export = make_button("Export report...", "Write a report (HTML) and the disagreements (CSV)")
        self._lay_out()
        self.setMinimumWidth(WIDTH_PX)

        self._edit_timer = QTimer(self)
        self._edit_timer.setSingleShot(True)
        self._edit_timer.setInterval(EDIT_PAUSE_MS)
        self._edit_timer.timeout.connect(self._update_numbers)
        self._connect()
        self._show_readiness()
        join_tabs(self)
        preload()

    @property
    def is_running(self) -> bool:
        """Whether a comparison, an export or the reading of a folder is running, or layers come or go."""
        return self._runner.is_running or self._turns.is_running

    @property
    def comparison(self) -> Comparison | None:
        """The latest comparison; None before the first."""
        return None if self._compared is None else self._compared[1]

    def start(self) -> None:
        """Show the chosen results side by side, and compare them."""
        if self.is_running:
            return
        try:
            request = self.form.request()
        except (ValueError, MemoryError) as error:
            self.progress.show_error(error_line(error))
            return
        self._request = request
        contour_px = max(round(OUTLINE_UM / (request.a.mpp or UNKNOWN_MPP)[0]), 1)
        self._turns.add(self._grid.leave())
        self._turns.add(
            self._grid.enter(request.slide_layer, request.layer_a, request.layer_b, request.region, contour_px)
        )
        self._compare()

    def leave(self) -> None:
        """Remove the layers of the comparison, and restore the layout of the user."""
        self._turns.add(self._grid.leave())
        self._show_readiness()

    def choose_report(self) -> None:
        """Ask where to write the report, and write it."""
        path, _ = QFileDialog.getSaveFileName(self, "Export the comparison", "comparison.html", "Report (*.html)")
        if path:
            self.write_report(Path(path))

    def write_report(self, path: Path) -> None:
        """Write the report and the list of disagreements of the latest comparison in the background."""
        if self._compared is None or self.is_running:
            return
        request, comparison = self._compared
        try:
            slide = slide_from_layer(request.slide_layer)
        except ValueError as error:
            self.progress.show_error(error_line(error))
            return
        path = path if path.suffix.lower() in {".html", ".htm"} else path.with_name(f"{path.name}.html")
        workflow = lambda: export_comparison(comparison, request.a, request.b, slide, path)  # noqa: E731
        self._run(Job("export of the comparison", workflow), None)

    def choose_folder(self) -> None:
        """Ask for a result folder, and open it."""
        folder = QFileDialog.getExistingDirectory(self, "Open a result folder of pathprune segment")
        if folder:
            self.open_folder(Path(folder))

    def open_folder(self, folder: Path) -> None:
        """Add a result folder as a layer, in the background, and choose it as B."""
        if not self.is_running:
            self._run(Job(f"reading {folder.name}", lambda: read_result(folder)), self._add_result)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Restore the layout of the user when napari closes the dock, which removes this widget from its parent."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._close_down()

    def _connect(self) -> None:
        self.run.clicked.connect(self.start)
        self.view.side_by_side.clicked.connect(self._grid.show_side_by_side)
        self.view.blink.clicked.connect(self._grid.blink)
        self.view.leave.clicked.connect(self.leave)
        shortcut = QShortcut(QKeySequence(BLINK_KEY), self.tabs.table)  # the canvas has one of its own
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(self._grid.blink)
        self.view.difference.toggled.connect(self._show_difference)
        self._grid.edited.connect(self._note_edit)
        self._grid.left.connect(self._show_readiness)
        self.export.clicked.connect(self.choose_report)
        self.form.open.clicked.connect(self.choose_folder)
        self.form.changed.connect(self._show_readiness)
        self.tabs.place_chosen.connect(self._go_to)
        self.tabs.box_chosen.connect(self._show_box)
        self.progress.follow(self._runner, self._describe_end)
        self._runner.ended.connect(self._finish)
        self._turns.ended.connect(self._show_readiness)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(self.form)
        layout.addWidget(self.progress)
        layout.addWidget(self.problem)
        layout.addWidget(self.view)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.export)
        self.filler = QWidget()  # takes the space of the tabs while they are hidden
        layout.addWidget(self.filler, 1)

    def _run(self, job: Job, then: Callable[[JobEnd], None] | None) -> None:
        self._then = then
        self._runner.run(job)
        self._show_readiness()

    def _compare(self) -> None:
        request = self._request
        assert request is not None
        self._is_outdated = False
        workflow = lambda: compare_and_paint(request.a, request.b, is_truth=request.is_truth)  # noqa: E731
        self._run(Job("comparison", workflow), self._show_comparison)

    def _finish(self, end: JobEnd) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(end)
        self._show_readiness()
        if self._is_outdated:
            self._update_numbers()

    def _describe_end(self, end: JobEnd) -> str:
        """Return the line that is shown when a job has ended."""
        return f"{end.last.line}." if isinstance(end.last, ComparisonReady) else self.progress.describe_end(end)

    def _show_comparison(self, end: JobEnd) -> None:
        """Show numbers, lists and difference, if the comparison has finished."""
        if not isinstance(end, JobFinished) or not isinstance(end.last, ComparisonReady) or self._request is None:
            return
        one = end.last.comparison
        self._compared = (self._request, one)
        self.tabs.show_comparison(one)
        self.view.show_comparison(one)
        self._turns.add(self._set_difference(end.last.difference, one.region[:2]))

    def _set_difference(self, data: Any, origin: tuple[int, int]) -> Iterator[None]:  # noqa: ANN401 - an array or levels
        """Set the difference once both sides are shown: the comparison may be faster than the window."""
        if self._grid.is_active:
            self._grid.set_difference(data, origin)
            yield from self._grid.show_difference(visible=self.view.difference.isChecked())

    def _add_result(self, end: JobEnd) -> None:
        """Add the layer of a folder that was read, and choose it as B."""
        if not isinstance(end, JobFinished) or not isinstance(end.last, ResultRead):
            return
        read = end.last
        try:
            layer = add_folder_result(self._viewer, read.segmentation, read.data, read.attributes)
        except (ValueError, OSError) as error:
            self.progress.show_error(error_line(error))
            return
        other = next((one for one in self.form.b.layers if one is not layer), None)
        if self.form.a.layer is layer and other is not None:
            self.form.a.choose(other)
        self.form.b.choose(layer)

    def _show_difference(self, is_on: bool) -> None:  # noqa: FBT001 - Qt's signature
        self._turns.add(self._grid.show_difference(visible=is_on))

    def _note_edit(self) -> None:
        """Compare again after a pause, since labels were edited."""
        self._edit_timer.start()

    def _update_numbers(self) -> None:
        if self._request is None or not self._grid.is_active:
            self._is_outdated = False
            return
        if self.is_running:
            self._is_outdated = True
            return
        request = self._request
        a, b = (segmentation_from_layer(layer, request.slide_layer) for layer in (request.layer_a, request.layer_b))
        self._request = CompareRequest(
            request.layer_a, request.layer_b, request.slide_layer, a, b, request.region, request.is_truth
        )
        self._compare()

    def _go_to(self, y: float, x: float, ids: tuple[int, int]) -> None:
        if self._grid.is_active:
            self._grid.go_to(y, x, ids)

    def _show_box(self, box: Box) -> None:
        if self._grid.is_active:
            self._grid.show_box(box)

    def _close_down(self) -> None:
        self._edit_timer.stop()
        self._runner.stop()
        self._turns.add(self._grid.leave())
        self._turns.finish()
        self.form.disconnect_viewer()

    def _show_readiness(self) -> None:
        """Enable and show what can be used now, and show why if nothing can be compared."""
        problem, is_running = self.form.problem, self.is_running
        self.run.setEnabled(not is_running and problem is None)
        self.run.setToolTip(make_plain_tip(problem) if problem else "Show A and B side by side, and compare them")
        self.form.setEnabled(not is_running)
        self.export.setEnabled(not is_running and self._compared is not None)
        self.view.setVisible(self._grid.is_active)
        has_result = self._compared is not None
        for widget in (self.tabs, self.export):
            widget.setVisible(has_result)
        self.filler.setVisible(not has_result)
        self.problem.setText("" if problem is None else f"{problem}.")
        self.problem.setVisible(problem is not None and not is_running)
