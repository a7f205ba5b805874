"""Measure the preview of the Compress dock, which runs in the thread of the window while a slider moves."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from napari_pathprune.plugin.jobs.compress.cut_preview import MEASURES, CutSettings, preview_cut, read_model
from napari_pathprune.plugin.jobs.compress.speed_curve import SpeedCurve

LIMIT_MS = 100


def measure(source: str, percents: range = range(5, 100, 5)) -> Iterator[tuple[str, float, float]]:
    """Yield, for each measure of a target, its name and the median and the longest time of a preview in ms.

    The last one has ten layers that are set by hand, as after dragging their bars.
    """
    (read,) = read_model(source)
    curve = SpeedCurve(((0.01, 0.01), (1.0, 1.0)), "no device")
    groups = [group for group in read.graph.prunable if group.width >= 16][:10]
    by_hand = tuple((group.name, group.width // 2 // group.splits * group.splits) for group in groups)
    cases = {name: CutSettings(name) for name in MEASURES}
    for name, settings in {**cases, "macs, ten set by hand": CutSettings("macs", widths=by_hand)}.items():
        times = []
        for percent in percents:
            start = time.perf_counter()
            with suppress(ValueError):  # out of reach with the layers set by hand, which takes as long to find out
                preview_cut(read, replace(settings, keep=percent / 100), curve)
            times.append(1e3 * (time.perf_counter() - start))
        yield name, statistics.median(times), max(times)


def main() -> None:
    """Print a table for the packaged models."""
    print("| model | share of | median, ms | longest, ms |\n|---|---|---|---|")
    for source in ("hovernet-s", "hovernet-s-compact"):
        for name, median, longest in measure(source):
            print(f"| {source} | {name} | {median:.0f} | {longest:.0f} |")


if __name__ == "__main__":
    main()
