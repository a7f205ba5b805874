"""What a model is trained with: a slide without labels, the corrections of a project, or annotated images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.plugin.layers.slide_from_layer import find_mpp
from napari_pathprune.plugin.shelf.preferences import read_preferences
from napari_pathprune.plugin.widgets.form_parts import describe, list_choices, make_form

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_pathprune.plugin.widgets.choosers import LayerChooser

SLIDE: Final = "slide"
PROJECT: Final = "project"
IMAGES: Final = "images"
CHOICES: Final = {
    SLIDE: "this slide, without labels",
    PROJECT: "this project's corrections",
    IMAGES: "annotated images",
}
PROJECT_FILE: Final = "project.json"


class TrainingData(QWidget):  # type: ignore[misc]
    """A choice of one of three kinds, and the fields of the kind that is chosen.

    Parameters
    ----------
    slide
        The list of slides; it is placed elsewhere.

    Attributes
    ----------
    changed
        Signal without arguments: other data, or data of another kind.
    source
        The kind.
    data, project
        Path of annotated images or of a config file, and path of a project.
    """

    changed = Signal()

    def __init__(self, slide: LayerChooser) -> None:
        super().__init__()
        self._slide = slide
        self.source = list_choices(
            CHOICES,
            "Train with",
            "On the slide the dense model teaches, so that no annotation is needed; corrections and annotated images "
            "teach more",
        )
        self.data = QLineEdit(placeholderText="folder or .toml")
        describe(self.data, "Annotated images", "Folder of annotated images, or a config file (.toml) that names some")
        self.data_folder, self.data_file = QPushButton("Folder..."), QPushButton("File...")
        describe(self.data_folder, "Choose a folder", "Choose a folder of annotated images")
        describe(self.data_file, "Choose a config", "Choose a config file (.toml)")
        self.project = QLineEdit(read_preferences().project, placeholderText="folder of the project")
        describe(self.project, "Project", "Folder to which the Annotate dock commits corrected regions")
        self.project_folder = QPushButton("Folder...")
        describe(self.project_folder, "Choose a project", "Choose the folder of an annotation project")
        self._rows = {
            IMAGES: _make_row(self.data, self.data_folder, self.data_file),
            PROJECT: _make_row(self.project, self.project_folder),
        }
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(make_form(("Train with", self.source)))
        for row in self._rows.values():
            layout.addWidget(row)
        self.source.currentIndexChanged.connect(self._show_kind)
        self.data_folder.clicked.connect(lambda: self._choose_folder(self.data, "Folder of annotated images"))
        self.data_file.clicked.connect(self._choose_config)
        self.project_folder.clicked.connect(lambda: self._choose_folder(self.project, "Annotation project"))
        for field in (self.data, self.project):
            field.textChanged.connect(lambda _: self.changed.emit())
        self._show_kind()

    @property
    def kind(self) -> str:
        """The chosen kind: `SLIDE`, `PROJECT` or `IMAGES`."""
        return str(self.source.currentData())

    @property
    def is_slide(self) -> bool:
        """Whether to train on a slide without labels."""
        return self.kind == SLIDE

    @property
    def folder(self) -> Path | None:
        """Path of the annotated images; None for a slide."""
        text = self._path.text().strip() if not self.is_slide else ""
        return Path(text).expanduser().absolute() if text else None

    @property
    def is_config(self) -> bool:
        """Whether a config file names the images."""
        return self.kind == IMAGES and self.data.text().strip().endswith(".toml")

    @property
    def slide_file(self) -> Path | None:
        """File of the slide to train on; None for annotated images."""
        return find_file(self._slide.layer) if self.is_slide else None

    @property
    def mpp(self) -> float | None:
        """Pixel size of that slide in um, if it is known."""
        mpp = find_mpp(self._slide.layer) if self.is_slide else None
        return None if mpp is None else mpp[0]

    @property
    def problem(self) -> str | None:
        """What is missing, as a sentence for the user; None if nothing is."""
        if self.is_slide:
            if find_file(self._slide.layer) is not None:
                return None
            missing = "Open a slide" if self._slide.layer is None else "This slide has no file: open one that has"
            return f"{missing}, or choose annotated images to train with"
        folder = self.folder
        if folder is None and self.kind == PROJECT:
            return "Choose the folder of the project whose corrections teach"
        if folder is None:
            return "Choose a folder of annotated images to train with"
        if self.kind == PROJECT and not (folder / PROJECT_FILE).exists():
            return f"{folder} is not an annotation project; commit a region to it in the Annotate dock first"
        return None

    @property
    def _path(self) -> QLineEdit:
        return self.project if self.kind == PROJECT else self.data

    def _show_kind(self, _: object = None) -> None:
        for kind, row in self._rows.items():
            row.setVisible(self.kind == kind)
        if self.kind == PROJECT and not self.project.text():  # the Annotate dock may have made one meanwhile
            self.project.setText(read_preferences().project)
        self.changed.emit()

    def _choose_folder(self, field: QLineEdit, title: str) -> None:
        path = QFileDialog.getExistingDirectory(self, title, field.text())
        if path:
            field.setText(path)

    def _choose_config(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Config file", self.data.text(), "Configs (*.toml)")
        if path:
            self.data.setText(path)


def find_file(layer: Layer | None) -> Path | None:
    """Return the file of a slide's layer; None if it has none, such as an array from a script."""
    if layer is None:
        return None
    path = layer.metadata.get("path") or layer.source.path
    return Path(path).absolute() if path and Path(path).exists() else None


def _make_row(*widgets: QWidget) -> QWidget:
    """Return a row whose first widget takes the room that is left."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if index == 0 else 0)
    return row
