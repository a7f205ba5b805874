"""Measure how long tables, matchings and scores of large maps take, in processor time."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_pathprune.instances.image_scores import score_image
from napari_pathprune.instances.matching import match
from napari_pathprune.instances.table import InstanceTable

REPEATS = 7


def draw_map(side_px: int, count: int, radius_px: tuple[int, int]) -> NDArray[np.int32]:
    """Draw `count` discs in a square and repeat it 8 x 8 times, with ids of their own."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:side_px, :side_px]
    small = np.zeros((side_px, side_px), np.int32)
    for id_ in range(1, count + 1):
        centre_y, centre_x, radius = *rng.uniform(0, side_px, 2), rng.uniform(*radius_px)
        small[((y - centre_y) ** 2 + (x - centre_x) ** 2 <= radius**2) & (small == 0)] = id_
    square = np.kron(np.arange(64, dtype=np.int32).reshape(8, 8), np.ones_like(small))
    large = np.tile(small, (8, 8))
    return np.where(large > 0, large + count * square, 0).astype(np.int32)


def measure(run: Callable[[], object]) -> float:
    """Return the median processor time of several runs in ms."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return 1000 * float(np.median(times))


def main() -> None:
    """Print one row of the table for each function."""
    truth = draw_map(125, 24, (6, 11))
    prediction = np.roll(truth, (2, 1), (0, 1))
    types = np.random.default_rng(6).integers(1, 6, truth.max() + 1)
    types[0] = 0
    large = draw_map(256, 33, (6, 12))
    rows = (
        ("`match`", truth, lambda: match(truth, prediction)),
        ("`score_image`, 6 types", truth, lambda: score_image(truth, prediction, types, types, num_types=6)),
        ("`InstanceTable.from_instance_map`", large, lambda: InstanceTable.from_instance_map(large)),
    )
    print(f"Python {platform.python_version()}, numpy {np.__version__}\n")
    print("| function | map, px | nuclei | time, ms |\n|---|---|---|---|")
    for name, instances, run in rows:
        nuclei = len(np.unique(instances)) - 1
        print(f"| {name} | {instances.shape[0]} x {instances.shape[1]} | {nuclei:,} | {measure(run):.0f} |")


if __name__ == "__main__":
    main()
