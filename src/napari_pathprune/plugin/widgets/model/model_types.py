"""The types of a model with their colours, to be renamed."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.instances.palette import type_colours
from napari_pathprune.plugin.widgets.legend import SWATCH_PX

UNTYPED = "This model finds nuclei without types."


class ModelTypes(QWidget):  # type: ignore[misc]
    """Colour and name of each type; a name that is edited changes its colour at once, as layers would show it.

    Attributes
    ----------
    save_asked
        Signal with the names, background first: the user wants a new file with these.
    fields
        The fields of the names, from top to bottom; the background has none.
    save
        The button that emits `save_asked`.
    """

    save_asked = Signal(tuple)

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[QLineEdit] = []
        self._swatches: list[QLabel] = []
        self._before: tuple[str, ...] = ()
        self._grid = QGridLayout()
        self._grid.setContentsMargins(4, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self.untyped = QLabel(UNTYPED)
        self.save = QPushButton("Save with these names...")
        self.save.setToolTip("Write a new model file with these names; the present file is not changed")
        self.save.setAccessibleName("Save the model with new type names")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.untyped)
        layout.addLayout(self._grid)
        layout.addWidget(self.save)
        self.save.clicked.connect(lambda: self.save_asked.emit(self.names))
        self.show_types(())

    @property
    def names(self) -> tuple[str, ...]:
        """The names as edited, background first; empty if the model has no types."""
        return (*self._before[:1], *(field.text().strip() for field in self.fields))

    def show_types(self, names: Sequence[str]) -> None:
        """Show the types of a model, background first; empty if it has none."""
        while self._grid.count():
            self._grid.takeAt(0).widget().deleteLater()
        self._before, self.fields, self._swatches = tuple(names), [], []
        for row, name in enumerate(names[1:]):
            field, swatch = QLineEdit(name), QLabel()
            field.setToolTip(f"Name of type {row + 1}; edit it to rename the type")
            field.setAccessibleName(f"Name of type {row + 1}")
            field.textChanged.connect(self._refresh)
            self._grid.addWidget(swatch, row, 0)
            self._grid.addWidget(field, row, 1)
            self.fields.append(field)
            self._swatches.append(swatch)
        self.untyped.setVisible(len(names) < 2)
        self._refresh()

    def _refresh(self, _: str = "") -> None:
        names = self.names
        for swatch, colour in zip(self._swatches, type_colours(names)[1:], strict=True):
            pixmap = QPixmap(SWATCH_PX, SWATCH_PX)
            pixmap.fill(QColor(*colour))
            swatch.setPixmap(pixmap)
        self.save.setVisible(names != self._before)
