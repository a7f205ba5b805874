"""The channel groups of a model as a sortable table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_pathprune.plugin.widgets.model.width_plot import describe_group

if TYPE_CHECKING:
    from napari_pathprune.workflows.info.model_info import GroupWidth

COLUMNS: Final = ("Channel group", "⇄", "Now", "Dense", "%")
COLUMNS_PX: Final = (0, 32, 46, 54, 42)
ROW_PX: Final = 22
TOOLTIPS: Final = (
    "Channels that are cut together, named after the module that makes them first",
    "Skip group: it crosses an addition, and all layers that it joins keep the same channels",
    "Channels of the model",
    "Channels before pruning",
    "Share of the dense channels that is left, in percent",
)
SKIP: Final = "⇄"


class GroupTable(QTableWidget):  # type: ignore[misc]
    """One row for each channel group; a click on a header sorts.

    Attributes
    ----------
    picked
        Signal with the name of the group whose row was chosen.
    """

    picked = Signal(str)

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setHorizontalHeaderLabels(COLUMNS)
        for column, tip in enumerate(TOOLTIPS):
            self.horizontalHeaderItem(column).setToolTip(tip)
        self.setToolTip("Channel groups of the model; click a header to sort")
        self.setAccessibleName("Channel groups")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)  # Tab leaves the table
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(24)
        for column, width_px in enumerate(COLUMNS_PX[1:], start=1):
            self.setColumnWidth(column, width_px)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.currentItemChanged.connect(self._pick)

    def show_groups(self, groups: Sequence[GroupWidth]) -> None:
        """Show channel groups in the order of the network."""
        self.setSortingEnabled(False)
        self.clearContents()
        self.setRowCount(len(groups))
        for row, group in enumerate(groups):
            kind = SKIP if group.kind == "skip" else ""
            kept = round(100 * group.width / group.dense_width)
            cells = (group.name, kind, group.width, group.dense_width, kept)
            for column, value in enumerate(cells):
                item = QTableWidgetItem()
                item.setData(Qt.ItemDataRole.DisplayRole, value)  # numbers sort as numbers
                if column == 1:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                elif column > 1:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(f"{describe_group(group)}, held in {group.members} places")
                self.setItem(row, column, item)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)

    def show_group(self, name: str) -> None:
        """Select the row of a group and scroll to it."""
        for row in range(self.rowCount()):
            if self.item(row, 0).text() == name:
                self.setCurrentCell(row, 0)
                self.scrollToItem(self.item(row, 0))

    def _pick(self, item: Any, _: Any) -> None:  # noqa: ANN401 - Qt has no types
        if item is not None and self.item(item.row(), 0) is not None:
            self.picked.emit(self.item(item.row(), 0).text())
