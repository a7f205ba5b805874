"""Take screenshots of the docks: python photograph_docks.py [--theme light] [--out DIR] [DOCK ...].

Each dock has one function here, which opens it and brings it into a state that is worth seeing. Without a display:
``xvfb-run -s '-screen 0 1600x1000x24' python photograph_docks.py``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not the user's settings

from napari import Viewer
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

PLUGIN: Final = "napari-pathprune"
CENTRE_PX: Final = (830, 1130)  # (y, x) of the sample slide
VIEW_PX: Final = 500
LARGEST_BYTES: Final = 200_000


def photograph_segment(viewer: Viewer) -> None:
    """Segment the current view of the sample slide with the compact model."""
    dock = open_dock(viewer, "Segment nuclei")
    show_sample(viewer)
    wait_for(dock.run.isEnabled)
    dock.run.click()
    wait_for(lambda: not dock.is_running)


def photograph_model(viewer: Viewer) -> None:
    """Show the compact model, its widths and its speed, beside the sample slide."""
    show_sample(viewer)
    dock = open_dock(viewer, "Model")
    wait_for(lambda: bool(dock.facts.rows) and not dock.is_busy)


def photograph_annotate(viewer: Viewer) -> None:
    """Correct the nuclei that the compact model finds in the current view of the sample slide."""
    dock = open_dock(viewer, "Annotate")
    show_sample(viewer)
    dock.start_button.click()
    wait_for(lambda: dock.keys is not None)
    annotation = dock.keys.annotation
    annotation.select(sorted(annotation.nuclei.areas)[20:22])
    dock.project.folder.setText("~/annotations/breast")


def photograph_compare(viewer: Viewer) -> None:
    """Compare the nuclei of the dense and the compact model on the sample slide, and go to one of the list."""
    show_sample(viewer, "cmu_both")
    dock = open_dock(viewer, "Compare")
    wait_for(dock.run.isEnabled)
    dock.run.click()
    wait_for(lambda: not dock.is_running)
    dock.view.difference.setChecked(True)
    dock.tabs.setCurrentWidget(dock.tabs.table)
    dock.tabs.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    dock.tabs.table.selectRow(0)
    viewer.scene.camera.zoom /= 2


def photograph_compress(viewer: Viewer) -> None:
    """Show what three tenths of the dense model find, untrained, beside the sample slide."""
    show_sample(viewer)
    dock = open_dock(viewer, "Compress")
    dock.form.model.choose("hovernet-s")
    wait_for(lambda: dock.form.cut.preview is not None)
    dock.form.cut.keep.setValue(30)
    settle(0.5)
    dock.view.button.click()
    wait_for(lambda: not dock.view.runner.is_running)


DOCKS: Final[dict[str, Callable[[Viewer], None]]] = {
    "model": photograph_model,
    "compress": photograph_compress,
    "segment": photograph_segment,
    "compare": photograph_compare,
    "annotate": photograph_annotate,
}


def main() -> None:
    """Take a screenshot of each dock that is named, or of all, as NAME-dock.jpg or NAME-dock-light.jpg."""
    parser = argparse.ArgumentParser(description="Take screenshots of the docks.")
    parser.add_argument("docks", nargs="*", metavar="DOCK", help=f"of {', '.join(DOCKS)}; all if none is named")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    for name in arguments.docks or DOCKS:
        viewer = Viewer(show=True)
        viewer.theme = arguments.theme
        viewer.window.resize(1400, 880)
        DOCKS[name](viewer)
        settle()
        suffix = "-light" if arguments.theme == "light" else ""
        picture = viewer.screenshot(canvas_only=False, flash=False)
        save_picture(Image.fromarray(picture[..., :3]), arguments.out / f"{name}-dock{suffix}.jpg")
        viewer.close()


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as large as the repository allows."""
    for quality in (85, 75, 65, 55):
        picture.save(path, quality=quality, optimize=True)
        if path.stat().st_size < LARGEST_BYTES:
            break


def open_dock(viewer: Viewer, name: str) -> Any:  # noqa: ANN401 - the widget of the dock
    """Open a dock of the plugin and return its widget."""
    return viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]


def show_sample(viewer: Viewer, sample: str = "cmu_region") -> None:
    """Open the sample slide and bring a part with many nuclei into view."""
    slide, *_ = viewer.open_sample(PLUGIN, sample)
    settle()  # the canvas has its final size only when the window is laid out
    viewer.scene.camera.center = (0.0, *slide.data_to_world(CENTRE_PX))
    viewer.scene.camera.zoom = min(viewer.canvas.size) / (VIEW_PX * slide.scale[0])
    settle()


def wait_for(is_met: Callable[[], bool]) -> None:
    """Process the events of the window until a condition is met."""
    while not is_met():
        QApplication.processEvents()
        time.sleep(0.02)


def settle(seconds: float = 3.0) -> None:
    """Process the events of the window for a while, until it is drawn."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > end)


if __name__ == "__main__":
    main()
