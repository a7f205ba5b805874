"""The whole loop in the window, and the time that each of its steps takes: python loop.py [--steps N].

Compress the dense model on the sample slide without labels, segment the current view with both models, compare, correct
three nuclei, fine-tune on them, segment again and compare. Without a display: ``xvfb-run -a python loop.py``.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from driver import PLUGIN, Driver, choose, click, pause, wait_for
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from scipy import ndimage

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

CENTRE_PX: Final = (830, 1130)  # (y, x) of the sample slide
PROJECT: Final = "project"


@dataclass(frozen=True, slots=True)
class Budget:
    """How much the loop does.

    Attributes
    ----------
    model
        The dense model.
    keep
        Share of its parameters to keep, in percent.
    steps
        Steps of each of the two trainings.
    view_px
        Side of the square of the slide that is segmented, in level-0 pixels.
    """

    model: str = "hovernet-s"
    keep: int = 30
    steps: int = 40
    view_px: int = 500


class Loop:
    """The steps of the loop, in their order; each leaves the window as the next one expects it.

    Parameters
    ----------
    viewer
        A viewer whose window is shown.
    folder
        Where models, report and project are written.
    budget
        How much to do.

    Attributes
    ----------
    compact, tuned
        Files of the models that the loop makes.
    slide
        Layer of the slide.
    """

    def __init__(self, viewer: Viewer, folder: Path, budget: Budget) -> None:
        self.driver, self.folder, self.budget = Driver(viewer), folder, budget
        self.compact, self.tuned = folder / "compact.safetensors", folder / "tuned.safetensors"
        self.project, self.report = folder / PROJECT, folder / "comparison.html"
        self.slide: Any = None

    def steps(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield the name of each step, and what does it."""
        yield "open the sample slide", self.open_slide
        yield "compress on the slide, without labels", self.compress
        yield "segment the view with the dense model", lambda: self.segment(self.budget.model)
        yield "segment the view with the compact model", lambda: self.segment(str(self.compact))
        yield "compare, and write the report", self.compare
        yield "leave the comparison", self.leave_comparison
        yield "correct three nuclei, and commit", self.annotate
        yield "fine-tune on the corrections", self.finetune
        yield "segment the view with the tuned model", lambda: self.segment(str(self.tuned))
        yield "compare again", self.compare_again

    def open_slide(self) -> None:
        """Open the packaged slide and show a part with many nuclei."""
        [self.slide] = self.driver.viewer.open_sample(PLUGIN, "cmu_region")
        self.driver.show_region(self.slide, CENTRE_PX, self.budget.view_px)

    def compress(self) -> Any:  # noqa: ANN401 - the dock
        """Compress the dense model on the slide alone, and return the dock."""
        dock = self.driver.open_dock("Compress")
        choose(dock.form.model, self.budget.model)
        wait_for(lambda: dock.form.cut.preview is not None)
        dock.form.cut.keep.setValue(self.budget.keep)
        self._train(dock, self.compact)
        return dock

    def segment(self, model: str) -> Labels:
        """Segment the current view with a model, and return the layer of its nuclei."""
        dock = self.driver.open_dock("Segment nuclei")
        choose(dock.form.model, model)
        wait_for(dock.run.isEnabled)
        before = set(self.driver.viewer.layers)
        click(dock.run)
        wait_for(lambda: not dock.is_running)
        new = set(self.driver.viewer.layers) - before
        if len(new) != 1:
            raise RuntimeError(dock.progress.line.text())
        return new.pop()

    def compare(self) -> Any:  # noqa: ANN401 - the dock
        """Show the two latest results side by side, write the report, and return the dock."""
        dock = self.driver.open_dock("Compare")
        wait_for(dock.run.isEnabled)
        click(dock.run)
        wait_for(lambda: not dock.is_running)
        with patch.object(QFileDialog, "getSaveFileName", return_value=(str(self.report), "")):
            click(dock.export)
        wait_for(lambda: not dock.is_running)
        return dock

    def leave_comparison(self) -> None:
        """Restore the layout from before the comparison."""
        dock = self.driver.open_dock("Compare")
        click(dock.view.leave)
        wait_for(lambda: not dock.is_running)

    def annotate(self) -> Any:  # noqa: ANN401 - the dock
        """Correct three of the compact model's nuclei, commit the region, and return the dock."""
        dock = self.driver.open_dock("Annotate")
        source = dock.form.source
        results = [source.itemData(row) for row in range(source.count()) if source.itemText(row).startswith("Result: ")]
        dock.form.choose_source(next(one for one in results if one.model == str(self.compact)))
        click(dock.start_button)
        wait_for(lambda: dock.keys is not None)
        self.correct(dock)
        dock.project.folder.setText(str(self.project))
        click(dock.commit_button)
        wait_for(lambda: not dock.is_running)
        return dock

    def correct(self, dock: Any) -> None:  # noqa: ANN401 - the dock
        """Delete a nucleus, change the type of another one, and paint a new one, with mouse and keys on the canvas."""
        annotation, driver = dock.keys.annotation, self.driver
        first, second = sorted(annotation.nuclei.areas, key=lambda number: -annotation.nuclei.areas[number])[:2]
        driver.click_pixel(annotation.layer, find_inside(annotation.layer.data == first))
        driver.press_key(Qt.Key.Key_Delete)
        driver.click_pixel(annotation.layer, find_inside(annotation.layer.data == second))
        driver.press_key("2" if annotation.type_of(second) != 2 else "1")
        driver.press_key("m")
        driver.click_pixel(annotation.layer, find_inside(annotation.layer.data == 0))

    def finetune(self) -> Any:  # noqa: ANN401 - the dock
        """Fine-tune the compact model on the corrections, and return the dock."""
        dock = self.driver.open_dock("Compress")
        choose(dock.form.model, str(self.compact))
        wait_for(lambda: dock.form.cut.preview is not None)
        choose(dock.form.task, False)
        choose(dock.form.training_data.source, PROJECT)
        dock.form.training_data.project.setText(str(self.project))
        self._train(dock, self.tuned)
        return dock

    def compare_again(self) -> Any:  # noqa: ANN401 - the dock
        """Compare the models before and after the fine-tuning."""
        dock = self.driver.open_dock("Compare")
        latest = {layer.metadata["model"]: layer for layer in dock.form.b.layers if layer.metadata.get("model")}
        dock.form.a.choose(latest[str(self.compact)])
        dock.form.b.choose(latest[str(self.tuned)])
        return self.compare()

    def _train(self, dock: Any, out: Path) -> None:  # noqa: ANN401 - the dock
        dock.form.fit.fit_steps.setValue(self.budget.steps)
        dock.form.fit.validate_every.setValue(self.budget.steps)
        dock.form.out.setText(str(out))
        wait_for(dock.run.isEnabled)
        click(dock.run)
        wait_for(lambda: not dock.is_running)
        if not out.exists():
            raise RuntimeError(dock.training.progress.line.text())


def find_inside(mask: np.ndarray) -> tuple[int, int]:
    """Return the pixel of a mask that is farthest from its edge."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(y), int(x)


def main() -> None:
    """Run the loop and print a table of its times."""
    parser = argparse.ArgumentParser(description="Run the whole loop in the window.")
    parser.add_argument("--steps", type=int, default=Budget().steps, help="steps of each training")
    parser.add_argument("--keep", type=int, default=Budget().keep, help="percent of the parameters to keep")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="loop-"))
    os.environ["NAPARI_CONFIG"] = str(folder / "settings.yaml")  # not the user's settings
    os.environ["XDG_DATA_HOME"] = str(folder)  # nor the user's jobs
    from napari import Viewer  # noqa: PLC0415 - reads its settings

    viewer = Viewer(show=True)
    viewer.window.resize(1400, 880)
    pause(1000)
    loop = Loop(viewer, folder, Budget(keep=arguments.keep, steps=arguments.steps))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("\n| step | s |\n|---|---|")
    start = time.perf_counter()
    for name, run in loop.steps():
        before = time.perf_counter()
        run()
        print(f"| {name} | {time.perf_counter() - before:.0f} |", flush=True)
    print(f"| **in all** | **{time.perf_counter() - start:.0f}** |\n\nload {os.getloadavg()[0]:.1f}, files in {folder}")
    viewer.close()


if __name__ == "__main__":
    main()
