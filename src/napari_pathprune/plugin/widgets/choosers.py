"""Drop-down lists of layers and models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QPaintEvent
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from napari_pathprune.plugin.shelf.preferences import read_preferences, remember_model

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer

    from napari_pathprune.plugin.shelf.shelf import Shelf

TEXT_MARGIN_PX: Final = 2
"""What styles leave free beside the text of a list."""
MODEL_FILES: Final = "Models (*.safetensors *.tar *.pth *.pt);;All files (*)"


class Chooser(QComboBox):  # type: ignore[misc]
    """A drop-down list that may be narrower than its entries.

    A long entry is shortened in the middle: names of results begin with the slide and end with the model.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def shown_text(self) -> str:
        """The current entry as it is drawn."""
        return str(self._make_option().currentText)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the list with the current entry shortened to its width."""
        del event
        painter, option = QStylePainter(self), self._make_option()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _make_option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        part = QStyle.SubControl.SC_ComboBoxEditField
        field = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self)
        width = field.width() - TEXT_MARGIN_PX
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideMiddle, width)
        return option


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

    @property
    def layers(self) -> tuple[Any, ...]:
        """The layers that can be chosen."""
        return tuple(self._shown)

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
    """The models on the shelf of a viewer; a file that the user opens is put on the shelf.

    Parameters
    ----------
    shelf
        The shelf of the viewer.
    default
        Source of the model to choose first; by default the one that is named in Preferences.

    Attributes
    ----------
    chosen
        Signal without arguments: another model is chosen.
    """

    chosen = Signal()

    def __init__(self, shelf: Shelf, default: str | None = None) -> None:
        super().__init__()
        self._shelf = shelf
        self.activated.connect(self._activate)
        self.currentIndexChanged.connect(lambda _: self.chosen.emit())
        self.refresh()
        self._choose_default(default or read_preferences().default_model)
        shelf.models_changed.connect(self.refresh)

    @property
    def model(self) -> str | None:
        """The name of a packaged model or the path of a file; None if no model is chosen."""
        data = self.currentData()
        return None if data is None else str(data)

    def refresh(self) -> None:
        """List the models of the shelf; the choice is kept."""
        before = self.model
        self.blockSignals(True)
        self.clear()
        for model in self._shelf.models:
            self.addItem(model.name, model.source)
            is_packaged = model.source == model.name
            tip = "Packaged with the plugin" if is_packaged else model.source
            self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        if not self.count():
            self.addItem("No model", None)
        self.addItem("Open file...", None)
        self.setCurrentIndex(max(self.findData(before), 0) if before is not None else 0)
        self.blockSignals(False)
        self._last = self.currentIndex()

    def add_file(self, path: str | Path) -> None:
        """Put a model on the shelf, unless it is there already, choose it, and remember it for the next start."""
        model = self._shelf.add_model(path)
        self.choose(model.source)
        remember_model(model.source)

    def choose(self, source: str) -> None:
        """Choose a model of the shelf.

        Raises
        ------
        ValueError
            If the shelf has no such model.
        """
        index = self.findData(source)
        if index < 0:
            raise ValueError(f"got {source!r}, which is not on the shelf; add it first")
        self.setCurrentIndex(index)
        self._last = index

    def disconnect_viewer(self) -> None:
        """Stop following the shelf."""
        self._shelf.models_changed.disconnect(self.refresh, missing_ok=True)

    def _choose_default(self, default: str) -> None:
        """Choose a model if the shelf has it or its file exists."""
        if self.findData(default) < 0 and Path(default).is_file():
            default = self._shelf.add_model(default).source
            self.refresh()
        if self.findData(default) >= 0:
            self.choose(default)

    def _activate(self, index: int) -> None:
        if index < self.count() - 1:
            self._last = index
            return
        self.setCurrentIndex(self._last)
        path, _ = QFileDialog.getOpenFileName(self, "Open a model", read_preferences().folder, MODEL_FILES)
        if path:
            self.add_file(path)
