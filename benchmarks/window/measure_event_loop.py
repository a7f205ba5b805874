"""Measure for how long each job blocks the window: python measure_event_loop.py [--steps N].

A timer ticks every 10 ms in the thread of the window while the loop of ``loop.py`` and some more jobs run. Without a
display: ``xvfb-run -a -s '-screen 0 1600x1000x24' python measure_event_loop.py``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from driver import choose, click, pause, wait_for
from gap_meter import GapMeter
from loop import Budget, Loop
from many_nuclei import COUNT, SLIDE, add_many_nuclei, draw_many_nuclei
from qtpy.QtCore import Qt

from napari_pathprune.plugin.layers.region_kind import RegionKind

DOCKS: Final = ("Model", "Compress", "Segment nuclei", "Compare", "Annotate")
DRAWN_MS: Final = 600
"""After each job the window may draw what the job has changed."""
Job = tuple[str, Callable[[], Any]]


class Jobs:
    """The jobs that are measured, in their order.

    Parameters
    ----------
    loop
        The loop.
    is_short
        Whether the packaged compact model takes the place of a compressed one, and trainings and the whole slide are
        left out.
    """

    def __init__(self, loop: Loop, *, is_short: bool) -> None:
        self._loop, self._driver, self._is_short = loop, loop.driver, is_short
        if is_short:
            loop.compact = Path("hovernet-s-compact")

    def list(self) -> Iterator[Job]:
        """Yield the name of each job, and what does it."""
        loop, viewer = self._loop, self._driver.viewer
        yield "open the sample slide", loop.open_slide
        for name in DOCKS:
            yield f"open {name}", lambda name=name: self._open(name)
        yield "segment the view; the first layer", lambda: loop.segment(loop.budget.model)
        if not self._is_short:
            yield "compress in a process, with live curves", loop.compress
        yield "segment the view, compact", lambda: loop.segment(str(loop.compact))
        yield "comparison on, report", loop.compare
        yield "difference on", lambda: self._show_difference(is_on=True)
        yield "click through ten disagreements", lambda: self._click_through(10)
        yield "comparison off", loop.leave_comparison
        yield "annotate: open, correct three, commit", loop.annotate
        yield "annotate: split, undo, redo", self._edit
        if not self._is_short:
            yield "fine-tune in a process", loop.finetune
            yield "whole slide in a process, live", self._segment_whole
        for number, side in enumerate(("A", "B")):
            canvas = draw_many_nuclei(number)
            yield (
                f"add {COUNT:,} nuclei: {side}",
                lambda one=canvas, side=side: add_many_nuclei(viewer, one, side),
            )
        yield f"compare {COUNT:,} nuclei", self._compare_many
        yield "click through ten of them", lambda: self._click_through(10)
        yield "comparison off", loop.leave_comparison

    def _open(self, name: str) -> None:
        dock = self._driver.open_dock(name)
        if name == "Compress":
            wait_for(lambda: dock.form.cut.preview is not None)
        if name == "Model":
            wait_for(lambda: bool(dock.view.facts.rows) and not dock.is_busy)

    def _show_difference(self, *, is_on: bool) -> None:
        dock = self._driver.open_dock("Compare")
        dock.view.difference.setChecked(is_on)
        wait_for(lambda: not dock.is_running)

    def _click_through(self, count: int) -> None:
        dock = self._driver.open_dock("Compare")
        dock.tabs.setCurrentWidget(dock.tabs.table)
        for row in range(min(count, dock.tabs.table.rows.rowCount())):
            dock.tabs.table.selectRow(row)
            pause(200)

    def _edit(self) -> None:
        driver, annotation = self._driver, self._driver.open_dock("Annotate").keys.annotation
        largest = max(annotation.nuclei.areas, key=lambda number: annotation.nuclei.areas[number])
        driver.press_key("a")
        driver.click_pixel(annotation.layer, np.argwhere(annotation.layer.data == largest).mean(axis=0))
        for key, modifier in (
            ("s", Qt.KeyboardModifier.NoModifier),
            ("z", Qt.KeyboardModifier.ControlModifier),
            ("z", Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier),
        ):
            driver.press_key(key, modifier)
            pause(200)

    def _segment_whole(self) -> None:
        dock = self._driver.open_dock("Segment nuclei")
        dock.form.slide.choose(self._loop.slide)
        choose(dock.form.model, "hovernet-s-compact")
        choose(dock.form.region_kind, RegionKind.SLIDE)
        dock.form.folder.path.setText(str(self._loop.folder / "whole"))
        wait_for(dock.run.isEnabled)
        click(dock.run)
        wait_for(lambda: dock.whole.is_running)
        wait_for(lambda: not dock.whole.is_running)

    def _compare_many(self) -> None:
        dock = self._driver.open_dock("Compare")
        for side, chooser in (("A", dock.form.a), ("B", dock.form.b)):
            chooser.choose(self._driver.viewer.layers[f"{SLIDE} {side}"])
        dock.form.slide.choose(self._driver.viewer.layers[SLIDE])
        click(dock.run)
        wait_for(lambda: not dock.is_running)


def main() -> None:
    """Run the jobs and print a table of the longest gaps."""
    parser = argparse.ArgumentParser(description="Measure for how long each job blocks the window.")
    parser.add_argument("--model", default="hovernet-s-compact", help="the model that is compressed")
    parser.add_argument("--steps", type=int, default=4, help="steps of each training")
    parser.add_argument("--short", action="store_true", help="leave out trainings and the whole slide")
    parser.add_argument("--until", default="", help="leave out the jobs after this one")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="window-"))
    os.environ["NAPARI_CONFIG"] = str(folder / "settings.yaml")  # not the user's settings
    os.environ["XDG_DATA_HOME"] = str(folder)  # nor the user's jobs
    from napari import Viewer  # noqa: PLC0415 - reads its settings

    viewer = Viewer(show=True)
    viewer.window.resize(1400, 880)
    pause(1000)
    loop = Loop(viewer, folder, Budget(arguments.model, keep=70, steps=arguments.steps))
    jobs, meter = Jobs(loop, is_short=arguments.short), GapMeter()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    print("| job | longest gap, ms | busy, ms | ours, ms | most of ours in one gap, ms | where |")
    print("|---|---|---|---|---|---|")
    for name, run in jobs.list():
        with meter.measure():
            run()
            pause(DRAWN_MS)
        gap, own = meter.longest(), meter.longest_of_ours()
        figures = (max(one.wall_ms for one in meter.gaps), gap.busy_ms, gap.ours_ms, own.ours_ms)
        where = ", ".join(own.places) if own.ours_ms > 50 else ""
        print(f"| {name} | " + " | ".join(f"{figure:.0f}" for figure in figures) + f" | {where} |", flush=True)
        if name == arguments.until:
            break
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")
    viewer.close()


if __name__ == "__main__":
    main()
