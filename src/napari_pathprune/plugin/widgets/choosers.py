"""The parts of the docks: choosers of layers and models, and the legend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import QComboBox, QFileDialog, QGridLayout, QLabel, QSizePolicy, QWidget

from napari_pathprune.base.packaged_file import packaged_models
from napari_pathprune.instances.palette import names_by_number, type_colours

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer

SWATCH_PX = 12
MODEL_FILES = "Models (*.safetensors *.tar *.pth *.pt);;All files (*)"


class Chooser(QComboBox):  # type: ignore[misc]
    """A drop-down list that may be narrower than its entries."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


class LayerChooser(Chooser):
    """The layers of a kind, kept up to date.

    Parameters
    ----------
    layers
        Of the viewer.
    accepts
        Says of a layer whether it may be chosen.
    nothing
        Shown while there is no such layer.
    """

    chosen = Signal()

    def __init__(self, layers: LayerList, accepts: Callable[[Layer], bool], nothing: str) -> None:
        super().__init__()
        self._layers, self._accepts, self._nothing = layers, accepts, nothing
        self.currentIndexChanged.connect(lambda _: self.chosen.emit())
        for event in self._events():
            event.connect(self.refresh)
        self.refresh()

    @property
    def layer(self) -> Any:  # noqa: ANN401 - napari has no types
        """The chosen layer, or None."""
        return self.currentData()

    def choose(self, layer: Layer) -> None:
        """Choose a layer of the list."""
        self.setCurrentIndex(self._shown.index(layer))

    def refresh(self, event: object = None) -> None:
        """Show what is there now; the choice stays if its layer does."""
        del event
        before = self.layer
        self._shown = [layer for layer in self._layers if self._accepts(layer)]
        self.blockSignals(True)
        self.clear()
        for layer in self._shown:
            self.addItem(layer.name, layer)
            self.setItemData(self.count() - 1, layer.name, Qt.ItemDataRole.ToolTipRole)
        if not self._shown:
            self.addItem(self._nothing, None)
        self.setEnabled(bool(self._shown))
        if before in self._shown:
            self.setCurrentIndex(self._shown.index(before))
        self.blockSignals(False)
        self.chosen.emit()

    def disconnect_viewer(self) -> None:
        """Listen no more."""
        for event in self._events():
            event.disconnect(self.refresh)

    def _events(self) -> tuple[Any, ...]:
        events = self._layers.events
        return (events.inserted, events.removed, events.reordered, events.renamed)


class ModelChooser(Chooser):
    """The packaged models, and those that were picked from the disk."""

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        for path in packaged_models().values():
            self.addItem(path.stem, path.stem)
            self.setItemData(self.count() - 1, f"packaged with the plugin: {path}", Qt.ItemDataRole.ToolTipRole)
        if not self.count():
            self.addItem("no model yet", None)
        self.addItem("Choose a file ...", None)
        self._last = self.currentIndex()
        self.activated.connect(self._activate)
        self.currentIndexChanged.connect(lambda _: self.chosen.emit())

    @property
    def model(self) -> str | None:
        """A packaged model's name or a path; None if nothing is chosen."""
        data = self.currentData()
        return None if data is None else str(data)

    def add_file(self, path: str | Path) -> None:
        """Choose a file."""
        index = self.findData(str(path))
        if index < 0:
            index = self.count() - 1
            self.insertItem(index, Path(path).name, str(path))
            self.setItemData(index, str(path), Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(index)
        self._last = index

    def _activate(self, index: int) -> None:
        if index < self.count() - 1:
            self._last = index
            return
        path, _ = QFileDialog.getOpenFileName(self, "Choose a model", "", MODEL_FILES)
        if path:
            self.add_file(path)
        else:
            self.setCurrentIndex(self._last)


class Legend(QWidget):  # type: ignore[misc]
    """Colours, names and numbers of the types."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self._numbers: list[QLabel] = []
        self.rows: list[tuple[str, str]] = []

    def show_types(self, type_names: Sequence[str], counts: Sequence[int]) -> None:
        """Show a row a type; nuclei without one only where there are some, or where no model types."""
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
