"""Drop-down lists of layers and models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QSizePolicy, QWidget

from napari_pathprune.base.packaged_file import packaged_models

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer

MODEL_FILES: Final = "Models (*.safetensors *.tar *.pth *.pt);;All files (*)"


class Chooser(QComboBox):  # type: ignore[misc]
    """A drop-down list that may be narrower than its entries."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


class LayerChooser(Chooser):
    """The layers of one kind, kept up to date with the layer list.

    Parameters
    ----------
    layers
        The layer list of the viewer.
    accepts
        Returns whether a layer may be chosen.
    placeholder
        Shown while there is no such layer.

    Attributes
    ----------
    chosen
        Signal without arguments: the chosen layer, its name or the list has changed.
    """

    chosen = Signal()

    def __init__(self, layers: LayerList, accepts: Callable[[Layer], bool], placeholder: str) -> None:
        super().__init__()
        self._layers, self._accepts, self._placeholder = layers, accepts, placeholder
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
        """Show the current layers; the choice is kept if its layer still exists."""
        del event
        before = self.layer
        self._shown = [layer for layer in self._layers if self._accepts(layer)]
        self.blockSignals(True)
        self.clear()
        for layer in self._shown:
            self.addItem(layer.name, layer)
            self.setItemData(self.count() - 1, layer.name, Qt.ItemDataRole.ToolTipRole)
        if not self._shown:
            self.addItem(self._placeholder, None)
        self.setEnabled(bool(self._shown))
        if before in self._shown:
            self.setCurrentIndex(self._shown.index(before))
        self.blockSignals(False)
        self.chosen.emit()

    def disconnect_viewer(self) -> None:
        """Stop following the layer list."""
        for event in self._events():
            event.disconnect(self.refresh)

    def _events(self) -> tuple[Any, ...]:
        events = self._layers.events
        return (events.inserted, events.removed, events.reordered, events.renamed)


class ModelChooser(Chooser):
    """The packaged models, and model files that the user has opened.

    Attributes
    ----------
    chosen
        Signal without arguments: another model is chosen.
    """

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        for path in packaged_models().values():
            self.addItem(path.stem, path.stem)
            self.setItemData(self.count() - 1, f"Packaged with the plugin: {path}", Qt.ItemDataRole.ToolTipRole)
        if not self.count():
            self.addItem("No model", None)
        self.addItem("Open file...", None)
        self._last = self.currentIndex()
        self.activated.connect(self._activate)
        self.currentIndexChanged.connect(lambda _: self.chosen.emit())

    @property
    def model(self) -> str | None:
        """The name of a packaged model or the path of a file; None if no model is chosen."""
        data = self.currentData()
        return None if data is None else str(data)

    def add_file(self, path: str | Path) -> None:
        """Add a model file, unless it is listed already, and choose it."""
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
        path, _ = QFileDialog.getOpenFileName(self, "Open a model", "", MODEL_FILES)
        if path:
            self.add_file(path)
        else:
            self.setCurrentIndex(self._last)
