"""The menu item that opens slides of any name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtWidgets import QFileDialog

from napari_pathprune.base.error_line import error_line
from napari_pathprune.plugin.layers.add_folder_result import open_slide_layer

FILES: Final = (
    "Slides (*.svs *.tif *.tiff *.btf *.tf2 *.tf8 *.ndpi *.scn *.bif *.qptiff *.png *.jpg *.jpeg);;All files (*)"
)


def ask_for_slide(viewer: Viewer) -> None:
    """Ask for the file of a slide, and open it as a layer.

    napari's own dialogs do not offer the reader of this package for plain ``.tif`` files.

    Parameters
    ----------
    viewer
        The viewer; passed by napari.
    """
    path, _ = QFileDialog.getOpenFileName(None, "Open a whole-slide image", "", FILES)
    if path:
        try:
            open_slide_layer(viewer, Path(path))
        except (OSError, ValueError) as error:
            show_error(error_line(error))
