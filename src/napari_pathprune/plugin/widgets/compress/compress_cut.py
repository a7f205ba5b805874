"""How much of a model to keep, with a live preview of what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSlider, QSpinBox, QVBoxLayout, QWidget

from napari_pathprune.base.error_line import error_line
from napari_pathprune.plugin.jobs.compress.cut_preview import (
    CRITERIA,
    DECIDERS,
    MEASURES,
    CutPreview,
    CutSettings,
    ModelRead,
    preview_cut,
)
from napari_pathprune.plugin.widgets.compress.speed_panel import SpeedPanel
from napari_pathprune.plugin.widgets.compress.width_editor import WidthEditor
from napari_pathprune.plugin.widgets.form_parts import describe, fold, format_count, list_choices, make_form
from napari_pathprune.plugin.widgets.progress_panel import ERROR_STYLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_pathprune.pruning import PrunePlan

KEEP_PERCENT: Final = 10


class CompressCut(QWidget):  # type: ignore[misc]
    """Target, criterion and limits of a cut. While they change, the widths and costs that are left are shown.

    Attributes
    ----------
    changed
        Signal without arguments: the preview is new.
    preview
        What the cut would leave; None while there is no model, or if the cut is impossible.
    problem
        Why the cut is impossible, for the user; None if it is not.
    speed
        The speed of the cut model.
    widths
        The widths of the layers, which can be set by hand.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.preview: CutPreview | None = None
        self.problem: str | None = None
        self._read: ModelRead | None = None
        self._set: dict[str, int] = {}

        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.keep = QSpinBox(suffix=" %")
        for part in (self.slider, self.keep):
            part.setRange(1, 99)
            part.setValue(KEEP_PERCENT)
            describe(part, "Share to keep", "Share of the model to keep")
        self.measure = list_choices(MEASURES, "What to keep a share of", "What the share is counted in")
        self.numbers = QLabel()
        self.numbers.setWordWrap(True)
        self.widths, self.speed = WidthEditor(), SpeedPanel()
        self.criterion = list_choices(
            CRITERIA, "Criterion", "How channels are ranked; the lowest are cut. Taylor is measured on training images"
        )
        self.decider = list_choices(
            DECIDERS, "Decider", "Whose rank counts where layers share channels through skip connections"
        )
        self.stages = QSpinBox(minimum=1, maximum=50)
        self.stages.setSpecialValueText("one shot")
        self.stages.setSuffix(" steps")
        describe(self.stages, "Steps", "Number of cuts, with fine-tuning after each")
        self.skip_cap = QSpinBox(minimum=0, maximum=100, value=100, suffix=" %")
        describe(self.skip_cap, "Skip cap", "Largest share to remove from layers that skip connections join")
        self.round_to = QSpinBox(minimum=1, maximum=64)
        describe(self.round_to, "Rounding", "Keep a multiple of this number of channels; 8 or 16 suits many GPUs")
        self._arrange()

        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.refresh)
        self.slider.valueChanged.connect(self.keep.setValue)
        self.keep.valueChanged.connect(self.slider.setValue)
        for signal in (
            self.keep.valueChanged,
            self.measure.currentIndexChanged,
            self.criterion.currentIndexChanged,
            self.decider.currentIndexChanged,
            self.skip_cap.valueChanged,
            self.round_to.valueChanged,
        ):
            signal.connect(self._schedule)
        self.widths.width_asked.connect(self.set_width)
        self.widths.released.connect(self.release)
        self.speed.measured.connect(self.refresh)

    def settings(self) -> CutSettings:
        """Return the cut."""
        dense = self._dense_widths()
        return CutSettings(
            self.measure.currentData(),
            self.keep.value() / 100,
            self.criterion.currentData(),
            self.decider.currentData(),
            self.skip_cap.value() / 100,
            self.round_to.value(),
            tuple(sorted(name for name, count in self._set.items() if count == dense[name])),
            tuple(sorted((name, count) for name, count in self._set.items() if count < dense[name])),
        )

    def plan(self) -> PrunePlan | None:
        """Return the plan that the cut leads to, if its settings alone do not: with widths set by hand, or for a speed.

        Its own measurements decide what reaches a speed, and a process that measured anew would cut something else.
        """
        if self.preview is None or not (self._set or self.measure.currentData() == "latency"):
            return None
        return self.preview.recipe

    def show_model(self, read: ModelRead | None, device: str = "auto") -> None:
        """Preview cuts of another model; None while it is being read.

        Parameters
        ----------
        read
            The model.
        device
            Where its speed is measured; see `inference.device.find_device`.
        """
        self._read, self._set = read, {}
        self.speed.show_model(read, device)
        self.refresh()

    def show_problem(self, problem: str) -> None:
        """Show why the model cannot be read."""
        self._read, self.preview, self.problem = None, None, problem
        self._show_preview()
        self.changed.emit()

    def set_width(self, name: str, count: int) -> None:
        """Keep a number of channels of a group, whatever the target is."""
        self._set[name] = count
        self._schedule()

    def release(self, name: str) -> None:
        """Let a group follow the target again."""
        self._set.pop(name, None)
        self._schedule()

    def refresh(self) -> None:
        """Compute the preview."""
        self._timer.stop()
        self.preview = self.problem = None
        if self._read is not None:
            try:
                self.preview = preview_cut(self._read, self.settings(), self.speed.curve)
            except ValueError as error:
                self.problem = error_line(error)
        self._show_preview()
        self.changed.emit()

    def _schedule(self, _: object = None) -> None:
        """Compute the preview when the events that are waiting have been handled, once for all of them."""
        if not self._timer.isActive():
            self._timer.start(0)

    def _show_preview(self) -> None:
        self.numbers.setStyleSheet(ERROR_STYLE if self.problem else "")
        if self.preview is None:
            self.numbers.setText(self.problem or "Reading the model ...")
            self.speed.show_preview(None)
            return
        lines = [
            f"{name} {format_count(before)} \u2192 {format_count(after)} ({after / before:.1%})"
            for name, (before, after) in (("Parameters", self.preview.params), ("MACs of a patch", self.preview.macs))
        ]
        whole, own = self.settings().whole, self.settings().widths
        for count, state in ((len(whole), "kept whole"), (len(own), "set by hand")):
            if count:
                lines.append(f"{count} layer{'s' * (count > 1)} {state}")
        self.numbers.setText("\n".join(lines))
        self.widths.show_groups(self.preview.widths, self._set, self.round_to.value())
        self.speed.show_preview(self.preview)

    def _dense_widths(self) -> Mapping[str, int]:
        return {} if self._read is None else {group.name: group.width for group in self._read.graph.prunable}

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.slider, 1)
        row.addWidget(self.keep)
        target = make_form(("Keep", row), ("of the", self.measure))
        self.expert = fold(
            "Expert settings",
            make_form(
                ("Criterion", self.criterion),
                ("Decider", self.decider),
                ("Cut in", self.stages),
                ("Skip cap", self.skip_cap),
                ("Multiple of", self.round_to),
            ),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(target)
        for widget in (self.widths, self.numbers, self.speed, self.expert):
            layout.addWidget(widget)
