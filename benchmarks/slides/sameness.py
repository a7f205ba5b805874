"""Measure whether nuclei depend on the tiles: segment slides with tiles of several sizes, parts, and a stopped run.

Usage: python benchmarks/slides/sameness.py [--crop y0,x0,y1,x1] [--sizes 256,512,1024] SLIDE [SLIDE ...]

Prints a Markdown table. A crop is in level-0 pixels.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_pathprune.base.box import Box
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.slides.reader import open_slide
from napari_pathprune.slides.slide import Slide
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.segment.segment import TileDone, segment
from napari_pathprune.workflows.segment.tile_journal import TileJournal

MODEL = "hovernet-s-compact"


def main() -> None:
    """Segment, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slides", nargs="+", type=Path)
    parser.add_argument("--crop", type=lambda text: tuple(int(part) for part in text.split(",")))
    parser.add_argument("--sizes", type=lambda text: [int(part) for part in text.split(",")], default=[1024, 512, 256])
    arguments = parser.parse_args()
    print(f"{MODEL}, {platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}\n")
    print("| slide | run | nuclei | other in the first run | s |\n|---|---|---|---|---|")
    for path in arguments.slides:
        with open_slide(path) as slide:
            compare(slide, arguments.crop or (0, 0, *slide.shape), arguments.sizes)


def compare(slide: Slide, region: Box, sizes: list[int]) -> None:
    """Print the rows of one slide."""
    first, seconds = find_nuclei(slide, region, sizes[0])
    print_row(slide.name, f"tiles of {sizes[0]} px", first, first, seconds)
    for size in sizes[1:]:
        table, seconds = find_nuclei(slide, region, size)
        print_row(slide.name, f"tiles of {size} px", table, first, seconds)
    y0, x0, y1, x1 = region
    height, width = y1 - y0, x1 - x0
    part = (y0 + height // 5 + 3, x0 + width // 7 + 5, y0 + 3 * height // 5 + 2, x0 + 4 * width // 7 + 1)
    table, seconds = find_nuclei(slide, part, 600)
    print_row(slide.name, f"region {part}, tiles of 600 px", table, select(first, part), seconds)
    with tempfile.TemporaryDirectory() as folder:
        table, seconds = find_nuclei(slide, region, 700, Path(folder) / "tiles")
    print_row(slide.name, "tiles of 700 px, stopped and resumed", table, first, seconds)


def find_nuclei(slide: Slide, region: Box, size: int, folder: Path | None = None) -> tuple[InstanceTable, float]:
    """Return the nuclei of a region, sorted by place, and the seconds. With a folder, the run stops half way."""
    checkpoint = load(MODEL)
    start = time.perf_counter()
    tables: list[InstanceTable] = []
    for resume in (False, True) if folder else (False,):
        journal = TileJournal(folder, {}, resume=resume) if folder else None
        tables.clear()
        events = segment(
            slide,
            checkpoint.model(),
            mpp=checkpoint.mpp or 0.25,
            region=region,
            write_px=size,
            tissue_only=False,
            device="cpu",
            journal=journal,
        )
        for event in events:
            if isinstance(event, TileDone):
                tables.append(event.table)
                if folder and not resume and event.done > event.total // 2:
                    break
        del events
    table = InstanceTable.concatenate(tables)
    return table.select(np.lexsort((table.x, table.y))), time.perf_counter() - start


def select(table: InstanceTable, region: Box) -> InstanceTable:
    """Return the nuclei whose centroids lie in a region that is a box of whole view pixels."""
    y0, x0, y1, x1 = (side - 0.5 for side in region)
    rows = (table.y >= y0) & (table.y < y1) & (table.x >= x0) & (table.x < x1)
    return table.select(rows)


def fingerprint(table: InstanceTable) -> set[bytes]:
    """Return every column of every nucleus but its number, bit by bit."""
    columns: list[NDArray[np.generic]] = [table.y, table.x, table.box, table.area, table.type, table.type_probability]
    return {
        b"".join([*(column[row].tobytes() for column in columns), table.contour(row).tobytes()])
        for row in range(len(table))
    }


def print_row(slide: str, run: str, table: InstanceTable, first: InstanceTable, seconds: float) -> None:
    """Print one row; nuclei that only one of the two runs has, or that differ in any bit, count once a run."""
    differ = fingerprint(table) ^ fingerprint(first)
    print(f"| {slide} | {run} | {len(table)} | {len(differ)} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
