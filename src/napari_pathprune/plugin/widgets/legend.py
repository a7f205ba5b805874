"""The legend of nucleus types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_pathprune.instances.palette import names_by_number, type_colours

SWATCH_PX: Final = 12


class Legend(QWidget):  # type: ignore[misc]
    """Colour, name and number of nuclei of each type.

    Attributes
    ----------
    rows
        Name and number as shown, from top to bottom.
    """

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self.rows: list[tuple[str, str]] = []

    def show_types(self, type_names: Sequence[str], counts: Sequence[int]) -> None:
        """Show one row for each type.

        Nuclei without a type have a row only if there are some, or if the model has no types.

        Parameters
        ----------
        type_names
            Names of the types, background first; empty if the model has no types.
        counts
            Number of nuclei of each type, nuclei without a type first; empty for an empty legend.
        """
        names = names_by_number(type_names)
        rows = [
            (name, colour, count)
            for i, (name, colour, count) in enumerate(zip(names, type_colours(names), counts, strict=False))
            if i or count or len(names) == 1
        ]
        while self._grid.count():
            self._grid.takeAt(0).widget().deleteLater()
        for row, (name, colour, count) in enumerate(rows):
            swatch, pixmap = QLabel(), QPixmap(SWATCH_PX, SWATCH_PX)
            pixmap.fill(QColor(*colour))
            swatch.setPixmap(pixmap)
            number = QLabel(f"{count:,}")
            number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            for column, widget in enumerate((swatch, QLabel(name), number)):
                self._grid.addWidget(widget, row, column)
        self.rows = [(name, f"{count:,}") for name, _, count in rows]
