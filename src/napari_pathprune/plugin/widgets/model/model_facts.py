"""Rows of a name and a value."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QLabel, QSizePolicy, QWidget


class ModelFacts(QWidget):  # type: ignore[misc]
    """Facts about a model; their texts are wrapped, and can be selected and copied.

    Parameters
    ----------
    tooltip
        Shown for the whole table.

    Attributes
    ----------
    rows
        Names and values as shown, from top to bottom.
    """

    def __init__(self, tooltip: str) -> None:
        super().__init__()
        self.rows: list[tuple[str, str]] = []
        self.setToolTip(tooltip)
        self.setAccessibleName(tooltip)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(4)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def show_rows(self, rows: Iterable[tuple[str, str]]) -> None:
        """Show rows instead of the present ones."""
        while self._form.rowCount():
            self._form.removeRow(0)
        self.rows = list(rows)
        for name, text in self.rows:
            value = QLabel(text)
            value.setWordWrap(True)
            value.setTextFormat(Qt.TextFormat.PlainText)
            value.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            value.setAlignment(Qt.AlignmentFlag.AlignTop)
            value.setAccessibleName(name)
            label = QLabel(name)
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            self._form.addRow(label, value)
