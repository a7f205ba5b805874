"""The choice of an annotation project, and of what a committed region is for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.settings import get_plugin_settings
from qtpy.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_pathprune.plugin.shelf.preferences import PLUGIN
from napari_pathprune.plugin.widgets.choosers import Chooser

if TYPE_CHECKING:
    from napari_pathprune.datasets.layouts.project_regions import Part


class ProjectForm(QWidget):  # type: ignore[misc]
    """Folder of the project, which is remembered, and whether the region is for training or for testing.

    Attributes
    ----------
    folder
        Path of the project; may be typed.
    part
        What the region is for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("Project or new folder")
        self.browse = QPushButton("Choose...")
        self.browse.setToolTip("Choose the folder of a project, or an empty folder for a new one")
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.folder, 1)
        line.addWidget(self.browse)
        self.part = Chooser()
        self.part.addItem("Train with it", "train")
        self.part.addItem("Only test with it", "test")
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, widget, field, tip in (
            ("Project", row, self.folder, "Folder of annotated regions, which Compress and pathprune finetune take"),
            ("Use", self.part, self.part, "A region that once was for testing is never trained on"),
        ):
            layout.addRow(name, widget)
            field.setToolTip(tip)
            field.setAccessibleName(name)
        self.browse.clicked.connect(self._choose_folder)
        settings = _find_settings()
        if settings is not None:
            self.folder.setText(settings.annotate.project)

    @property
    def chosen_part(self) -> Part:
        """What the region is for."""
        part: Part = self.part.currentData()
        return part

    def find_folder(self) -> Path:
        """Return the folder of the project.

        Raises
        ------
        ValueError
            If none is chosen.
        """
        text = self.folder.text().strip()
        if not text:
            raise ValueError("Choose the folder of the project first")
        return Path(text).expanduser().absolute()

    def remember(self, folder: Path) -> None:
        """Show and remember the folder of a project."""
        self.folder.setText(str(folder))
        settings = _find_settings()
        if settings is not None:
            settings.annotate.project = str(folder)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Annotation project", self.folder.text())
        if path:
            self.remember(Path(path))


def _find_settings() -> Any:  # noqa: ANN401 - napari makes the class from the manifest
    """Return the settings of the plugin, or None where it runs without being registered."""
    try:
        settings = get_plugin_settings(PLUGIN)
    except KeyError:
        return None
    return settings if hasattr(settings, "annotate") else None
