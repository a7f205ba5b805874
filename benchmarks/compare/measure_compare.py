"""Measure how long it takes to compare two segmentations of a slide, and how much memory."""

from __future__ import annotations

import platform
import time
import tracemalloc

import numpy as np
import zarr

from napari_pathprune.workflows.compare.compare import CompareFinished, compare
from napari_pathprune.workflows.compare.segmentation import Segmentation

SIDES = (106, 334)
"""Nuclei along each side of the drawn slides."""
PITCH_PX = 52
RADIUS_PX = 10


def draw_segmentation(nuclei_a_side: int, seed: int) -> Segmentation:
    """Draw discs on a grid, shifted at random and one in ten left out, into a compressed array."""
    size = nuclei_a_side * PITCH_PX
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-RADIUS_PX : RADIUS_PX + 1, -RADIUS_PX : RADIUS_PX + 1]
    store = zarr.storage.MemoryStore()
    labels = zarr.create_array(store, shape=(size, size), chunks=(1024, 1024), dtype="int32", fill_value=0)
    drawn = np.zeros((size, size), np.int32)
    for number in range(nuclei_a_side**2):
        if rng.random() < 0.1:
            continue
        row, column = np.array(divmod(number, nuclei_a_side)) * PITCH_PX + PITCH_PX // 2 + rng.integers(-2, 3, 2)
        disc = y * y + x * x <= rng.uniform(8, 10) ** 2
        drawn[row - RADIUS_PX : row + RADIUS_PX + 1, column - RADIUS_PX : column + RADIUS_PX + 1][disc] = number + 1
    labels[:] = drawn
    ids = np.arange(1, nuclei_a_side**2 + 1)
    types = rng.integers(1, 6, len(ids))
    names = ("background", *"abcde")
    region = (0, 0, size, size)
    return Segmentation(
        f"{seed}", labels, region, (size, size), ids=ids, types=types, type_names=names, mpp=(0.25, 0.25)
    )


def main() -> None:
    """Print one row of the table for each size."""
    print(f"Python {platform.python_version()}, numpy {np.__version__}\n")
    print("| slide, px | nuclei in each | disagreements | time, s | memory, MB |\n|---|---|---|---|---|")
    for side in SIDES:
        pair = draw_segmentation(side, 1), draw_segmentation(side, 2)
        start = time.process_time()
        events = list(compare(*pair))
        seconds = time.process_time() - start
        tracemalloc.start()
        list(compare(*pair))
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        one = next(event.comparison for event in events if isinstance(event, CompareFinished))
        size = f"{pair[0].slide_shape[0]:,} x {pair[0].slide_shape[1]:,}"
        print(f"| {size} | {one.nuclei_a:,} | {len(one.disagreements):,} | {seconds:.1f} | {peak_mb:.0f} |")


if __name__ == "__main__":
    main()
