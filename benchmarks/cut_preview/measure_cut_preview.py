"""Measure the preview of the Compress dock, which runs in the thread of the window while a slider moves."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from napari_pathprune.plugin.jobs.compress.cut_preview import MEASURES, CutSettings, preview_cut, read_model

LIMIT_MS = 100


def measure(source: str, percents: range = range(5, 100, 5)) -> Iterator[tuple[str, float, float]]:
    """Yield, for each measure of a target, its name and the median and the longest time of a preview in ms."""
    (read,) = read_model(source)
    for name in MEASURES:
        times = []
        for percent in percents:
            start = time.perf_counter()
            preview_cut(read, CutSettings(name, percent / 100))
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
