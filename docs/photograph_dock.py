"""Take a screenshot of the Segment dock after a run on the sample slide: python photograph_dock.py OUT.

Without a display: ``xvfb-run -s '-screen 0 1600x1000x24' python photograph_dock.py OUT``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not the user's settings

from napari import Viewer
from qtpy.QtWidgets import QApplication

CENTRE_PX = (830, 1130)  # (y, x) of the sample slide
VIEW_PX = 500


def main() -> None:
    """Open the sample slide, segment the current view with the compact model, and save a screenshot of the window."""
    viewer = Viewer(show=True)
    viewer.window.resize(1400, 880)
    _, dock = viewer.window.add_plugin_dock_widget("napari-pathprune", "Segment nuclei")
    [slide] = viewer.open_sample("napari-pathprune", "cmu_region")
    wait_for(dock.run.isEnabled)
    settle()  # the canvas has its final size only when the window is laid out
    viewer.scene.camera.center = (0.0, *slide.data_to_world(CENTRE_PX))
    viewer.scene.camera.zoom = min(viewer.canvas.size) / (VIEW_PX * slide.scale[0])
    settle()
    dock.run.click()
    wait_for(lambda: not dock.is_running)
    settle()
    viewer.screenshot(sys.argv[1], canvas_only=False, flash=False)
    viewer.close()


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
