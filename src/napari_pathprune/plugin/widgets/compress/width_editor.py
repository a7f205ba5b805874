"""The widths of a cut, layer by layer: bars, and a row for the layer that is chosen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from napari_pathprune.plugin.widgets.compress.cut_bars import CutBars
from napari_pathprune.plugin.widgets.form_parts import describe
from napari_pathprune.plugin.widgets.model.width_plot import LEGEND

if TYPE_CHECKING:
    from napari_pathprune.workflows.info.model_info import GroupWidth

HINT = "Drag a bar to set a layer, double-click to keep it whole"


class WidthEditor(QWidget):  # type: ignore[misc]
    """Bars of all channel groups, and name, width and lock of one of them.

    Attributes
    ----------
    bars
        One bar for each group.
    name, channels, lock
        The chosen group, the number of its channels, and whether it is set by hand. Hidden until one is chosen.
    width_asked
        Signal with the name of a group and the number of channels that it shall keep.
    released
        Signal with the name of a group that shall follow the target again.
    """

    width_asked = Signal(str, int)
    released = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[str, GroupWidth] = {}
        self._locked: frozenset[str] = frozenset()
        self.bars = CutBars()
        self.bars.setAccessibleName("Widths of the layers")
        legend = QLabel(LEGEND)
        legend.setWordWrap(True)
        legend.setToolTip(f"{HINT}. Bars show the square root of the number of channels")
        self.hint = QLabel(HINT)
        self.hint.setWordWrap(True)
        self.name, self.channels, self.lock = QLabel(), QSpinBox(), QCheckBox("set")
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.channels.setKeyboardTracking(False)
        describe(self.channels, "Channels of the layer", "Number of channels that this layer keeps")
        describe(self.lock, "Set by hand", "Keep this number of channels, whatever the target is")
        self.row = QWidget()
        line = QHBoxLayout(self.row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.name, 1)
        line.addWidget(self.channels)
        line.addWidget(self.lock)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.bars, legend, self.hint, self.row):
            layout.addWidget(widget)
        self.row.hide()
        self.bars.picked.connect(self.choose)
        self.bars.dragged.connect(self.width_asked)
        self.bars.lock_asked.connect(self._toggle_whole)
        self.channels.valueChanged.connect(self._ask_width)
        self.lock.toggled.connect(self._toggle_lock)

    def show_groups(self, groups: Sequence[GroupWidth], locked: Collection[str], round_to: int) -> None:
        """Show the widths of a cut.

        Parameters
        ----------
        groups
            The channel groups.
        locked
            Names of those that are set by hand.
        round_to
            Widths are multiples of this.
        """
        self._groups = {group.name: group for group in groups}
        self._locked = frozenset(locked)
        self.bars.round_to = round_to
        self.bars.show_groups(groups)
        self.bars.show_locked(locked)
        self._show_row()

    def choose(self, name: str) -> None:
        """Show a group in the row below the bars."""
        self.bars.show_group(name)
        self._show_row()

    def _show_row(self) -> None:
        group = self.bars.chosen
        self.row.setVisible(group is not None)
        self.hint.setVisible(group is None)
        if group is None:
            return
        self.name.setText(group.name)
        self.name.setToolTip(f"{group.name}: {group.width} of {group.dense_width} channels")
        for field in (self.channels, self.lock):
            field.blockSignals(True)
        self.channels.setRange(1, group.dense_width)
        self.channels.setSingleStep(self.bars.round_width(group, 1))
        self.channels.setSuffix(f" of {group.dense_width}")
        self.channels.setValue(group.width)
        self.lock.setChecked(group.name in self._locked)
        for field in (self.channels, self.lock):
            field.blockSignals(False)

    def _ask_width(self, value: int) -> None:
        group = self.bars.chosen
        if group is not None:
            self.width_asked.emit(group.name, self.bars.round_width(group, value))

    def _toggle_lock(self, is_locked: bool) -> None:  # noqa: FBT001 - Qt's slot
        group = self.bars.chosen
        if group is not None and is_locked:
            self.width_asked.emit(group.name, group.width)
        elif group is not None:
            self.released.emit(group.name)

    def _toggle_whole(self, name: str) -> None:
        if name in self._locked:
            self.released.emit(name)
        else:
            self.width_asked.emit(name, self._groups[name].dense_width)
