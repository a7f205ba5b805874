"""How much of a model to keep, with a live preview of what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QSlider, QSpinBox, QVBoxLayout, QWidget

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
from napari_pathprune.plugin.widgets.choosers import Chooser
from napari_pathprune.plugin.widgets.model.width_plot import LEGEND, WidthPlot
from napari_pathprune.plugin.widgets.progress_panel import ERROR_STYLE
from napari_pathprune.plugin.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Mapping

KEEP_PERCENT: Final = 10
LABEL_PX: Final = 74
"""So that the fields of the forms above each other are aligned."""


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
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.preview: CutPreview | None = None
        self.problem: str | None = None
        self._read: ModelRead | None = None
        self._whole: set[str] = set()

        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.keep = QSpinBox(suffix=" %")
        for part in (self.slider, self.keep):
            part.setRange(1, 99)
            part.setValue(KEEP_PERCENT)
            describe(part, "Share to keep", "Share of the model to keep")
        self.measure = list_choices(MEASURES, "What to keep a share of", "What the share is counted in")
        self.numbers = QLabel()
        self.numbers.setWordWrap(True)
        self.bars = WidthPlot()
        describe(self.bars, "Widths of the layers", "Click a bar to keep that layer whole, or to release it")
        self.legend = QLabel(LEGEND)
        self.legend.setWordWrap(True)
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
        self.bars.picked.connect(self.toggle_whole)

    def settings(self) -> CutSettings:
        """Return the cut."""
        return CutSettings(
            self.measure.currentData(),
            self.keep.value() / 100,
            self.criterion.currentData(),
            self.decider.currentData(),
            self.skip_cap.value() / 100,
            self.round_to.value(),
            tuple(sorted(self._whole)),
        )

    def show_model(self, read: ModelRead | None) -> None:
        """Preview cuts of another model; None while it is being read."""
        self._read, self._whole = read, set()
        self.refresh()

    def show_problem(self, problem: str) -> None:
        """Show why the model cannot be read."""
        self._read, self.preview, self.problem = None, None, problem
        self._show_preview()
        self.changed.emit()

    def toggle_whole(self, name: str) -> None:
        """Keep a channel group whole, or release it."""
        self._whole ^= {name}
        self._schedule()

    def refresh(self) -> None:
        """Compute the preview."""
        self._timer.stop()
        self.preview = self.problem = None
        if self._read is not None:
            try:
                self.preview = preview_cut(self._read, self.settings())
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
            return
        lines = [
            f"{name} {format_count(before)} \u2192 {format_count(after)} ({after / before:.1%})"
            for name, (before, after) in (("Parameters", self.preview.params), ("MACs of a patch", self.preview.macs))
        ]
        if self._whole:
            lines.append(f"{len(self._whole)} layer" + "s" * (len(self._whole) > 1) + " kept whole")
        self.numbers.setText("\n".join(lines))
        self.bars.show_groups(self.preview.widths)

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
        for widget in (self.bars, self.legend, self.numbers, self.expert):
            layout.addWidget(widget)


def make_form(*rows: tuple[str, object]) -> QFormLayout:
    """Return a form without margins, whose fields fill the width of a dock."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for name, field in rows:
        label = QLabel(name)
        label.setMinimumWidth(LABEL_PX)
        form.addRow(label, field)
    return form


def fold(title: str, form: QFormLayout) -> Section:
    """Return a form that is folded under its title."""
    inside = QWidget()
    inside.setLayout(form)
    return Section(title, inside)


def describe(widget: QWidget, name: str, tip: str) -> None:
    """Set the accessible name and the tooltip of a widget."""
    widget.setAccessibleName(name)
    widget.setToolTip(tip)


def list_choices(choices: Mapping[str, str], name: str, tip: str) -> Chooser:
    """Return a drop-down list of values, each with a text for people."""
    chooser = Chooser()
    for value, text in choices.items():
        chooser.addItem(text, value)
    describe(chooser, name, tip)
    return chooser


def format_count(count: int) -> str:
    """Return a large number with three digits.

    Examples
    --------
    >>> format_count(2_369_624), format_count(1_234_567_890), format_count(950)
    ('2.37 M', '1.23 G', '950')
    """
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return str(count)
