"""Measure whole segmentations of a slide on a CPU: the network as a module, and in its form for CPUs.

Usage: python benchmarks/slides/speed.py [--crop y0,x0,y1,x1] [--threads 1] [--repeats 3] SLIDE [MODEL ...]
       python benchmarks/slides/speed.py --inputs 360,872 SLIDE [MODEL ...]

With `--inputs`, only the network is measured, on square images of noise with these sides.

Prints a Markdown table. Both sides alternate in one process, as the command line runs them: freed memory is kept, and
each side chooses its tiles by the default memory. A crop is in level-0 pixels. CPU time counts all threads.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import nn

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.base.box import Box
from napari_pathprune.inference.predict import Predictor
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.slides.reader import open_slide
from napari_pathprune.slides.slide import Slide
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.segment.segment import SegmentFinished, TileDone, segment

MODELS = ("hovernet-s-compact", "hovernet-s")
NEAR_PX = 1.0
"""Nuclei whose centroids are closer than this, in level-0 pixels, are the same."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slide", type=Path)
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--crop", type=lambda text: tuple(int(part) for part in text.split(",")))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--inputs", type=lambda text: [int(part) for part in text.split(",")])
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    load_average = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{platform.machine()}, {arguments.threads} thread(s), torch {torch.__version__}, load {load_average}\n")
    if arguments.inputs:
        print("| model | input, px | module, CPU s/MP | strips, CPU s/MP | largest difference |\n|---|---|---|---|---|")
        for name in arguments.models:
            compare_networks(name, arguments.inputs, arguments.repeats)
        return
    print("| model | network | largest input, px | nuclei | only here | CPU s/MP | wall s/MP |")
    print("|---|---|---|---|---|---|---|")
    with open_slide(arguments.slide) as slide:
        for name in arguments.models:
            compare(slide, arguments.crop or (0, 0, *slide.shape), name, arguments.repeats)
    print(f"\nload at the end {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


def compare(slide: Slide, region: Box, name: str, repeats: int) -> None:
    """Print the rows of one model."""
    checkpoint = load(name)
    sides = {"strips": checkpoint.model(), "module": checkpoint.model()}
    sides["module"].prepare_for_cpu = lambda: None  # type: ignore[assignment]
    seconds: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    tables: dict[str, InstanceTable] = {}
    for _ in range(repeats):
        for side, model in sides.items():
            tables[side], took = run(slide, region, model, checkpoint.mpp or 0.25)
            seconds[side].append(took)
    for side, other in (("module", "strips"), ("strips", "module")):
        cpu, wall = (statistics.median(values) for values in zip(*seconds[side], strict=True))
        largest_px = Predictor(sides[side], "cpu").choose_read_px()
        alone = count_alone(tables[side], tables[other])
        print(
            f"| {name} | {side} | {largest_px} | {len(tables[side])} | {alone} | {cpu:.2f} | {wall:.2f} |", flush=True
        )


@torch.inference_mode()
def compare_networks(name: str, sides_px: list[int], repeats: int) -> None:
    """Print the CPU seconds a megapixel of input, without reading and post-processing."""
    model = load(name).model().to(memory_format=torch.channels_last)
    networks = {"module": model, "strips": model.prepare_for_cpu()}
    for side_px in sides_px:
        image = (torch.rand(1, 3, side_px, side_px) * 255).contiguous(memory_format=torch.channels_last)
        maps = {key: network(image) for key, network in networks.items()}
        seconds: dict[str, list[float]] = {key: [] for key in networks}
        for _ in range(repeats):
            for key, network in networks.items():
                start = time.process_time()
                network(image)
                seconds[key].append((time.process_time() - start) / side_px**2 * 1e6)
        worst = max((maps["module"][one] - maps["strips"][one]).abs().max().item() for one in maps["module"])
        module, strips = (statistics.median(seconds[key]) for key in ("module", "strips"))
        print(f"| {name} | {side_px} | {module:.2f} | {strips:.2f} | {worst:.0e} |", flush=True)


def run(slide: Slide, region: Box, model: nn.Module, mpp: float) -> tuple[InstanceTable, tuple[float, float]]:
    """Segment a region; return its nuclei, and CPU and wall seconds a megapixel at the model's pixel size."""
    cpu, wall = time.process_time(), time.perf_counter()
    events = list(segment(slide, model, mpp=mpp, region=region, tissue_only=False, device="cpu"))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    megapixels = sum(event.megapixels for event in events if isinstance(event, SegmentFinished))
    table = InstanceTable.concatenate([event.table for event in events if isinstance(event, TileDone)])
    return table, (cpu / megapixels, wall / megapixels)


def count_alone(table: InstanceTable, other: InstanceTable) -> int:
    """Return the number of nuclei without one of the same place in another table."""
    if not len(table) or not len(other):
        return len(table)
    distances, _ = cKDTree(np.stack([other.y, other.x], 1)).query(np.stack([table.y, table.x], 1))
    return int((distances >= NEAR_PX).sum())


if __name__ == "__main__":
    main()
