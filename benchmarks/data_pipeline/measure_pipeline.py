"""CPU time of the data pipeline and of the network that it feeds, in one thread.

Usage: OMP_NUM_THREADS=1 python benchmarks/data_pipeline/measure_pipeline.py [--data FOLDER] [--patches N] [--steps N]

Without a folder of annotated images, synthetic ones are drawn, so that figures of different machines are comparable.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.datasets.patches.augment import Augmentation, colour, warp
from napari_pathprune.datasets.patches.stain import measure_look
from napari_pathprune.datasets.read_images import AnnotatedImage, read_images, read_type_names
from napari_pathprune.models import build
from napari_pathprune.training.backward import Batch
from napari_pathprune.training.fit import fit
from napari_pathprune.training.fit_events import StepDone
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.training.losses import hovernet_losses
from napari_pathprune.training.random_patches import RandomPatches
from napari_pathprune.training.targets import compute_targets

PATCH_PX, BATCH, TYPES, WIDTH = 320, 2, 5, 0.25


class RepeatedPatches(Dataset[Batch]):
    """A few patches that are repeated, so that reading them takes no time."""

    def __init__(self, patches: Sequence[Batch]) -> None:
        self.patches = patches

    def __getitem__(self, index: int) -> Batch:
        """Return a patch."""
        return self.patches[index % len(self.patches)]


def main() -> None:
    """Print the times of the pipeline, of its parts and of the network, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of annotated images")
    parser.add_argument("--patches", type=int, default=100)
    parser.add_argument("--steps", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as the command line does
    cv2.setNumThreads(1)
    images = read_images(arguments.data, read_type_names(arguments.data)[:TYPES]) if arguments.data else draw_images()
    model = build("hovernet", mode="fast", num_types=TYPES, width=WIDTH)
    output_px, _ = model.output_shape(PATCH_PX, PATCH_PX)
    patches = RandomPatches(images, PATCH_PX, output_px, 10**6, seed=1)
    pipeline = measure_seconds(lambda turn: patches[turn], arguments.patches)
    for name, part in list_parts(images[0], output_px).items():
        print(f"{name:>28}: {1000 * measure_seconds(part, arguments.patches):6.1f} ms a patch")
    print(f"{'pipeline':>28}: {1000 * pipeline:6.1f} ms a patch")
    network = measure_step(model, [patches[index] for index in range(2 * BATCH)], arguments.steps) / BATCH
    print(f"{'network, training':>28}: {1000 * network:6.1f} ms a patch")
    print(f"{'ratio':>28}: {network / pipeline:6.1f}")


def measure_seconds(work: Callable[[int], object], times: int) -> float:
    """Return the mean CPU time of a call in seconds, after ten calls to warm up."""
    turns = count()
    for _ in range(10):
        work(next(turns))
    start = time.thread_time()
    for _ in range(times):
        work(next(turns))
    return (time.thread_time() - start) / times


def list_parts(image: AnnotatedImage, output_px: int) -> dict[str, Callable[[int], object]]:
    """Return the parts of the pipeline as functions by name."""
    rng, augmentation = np.random.default_rng(0), Augmentation()
    look = measure_look(image.image)
    patch, instances, source = warp(image.image, image.instances, PATCH_PX, image.zoom, augmentation, rng)
    types = None if image.types is None else image.types[source]

    def cut_patch(_: int) -> object:
        return warp(image.image, image.instances, PATCH_PX, image.zoom, augmentation, rng)

    def colour_patch(_: int) -> object:
        return colour(patch, look, augmentation, rng)

    def make_targets(_: int) -> object:
        return compute_targets(instances, types, (output_px, output_px))

    return {"geometry": cut_patch, "colours": colour_patch, "targets": make_targets}


def measure_step(model: torch.nn.Module, patches: Sequence[Batch], steps: int) -> float:
    """Return the median CPU time of a training step of `fit`, in seconds."""
    settings = FitSettings(steps=steps + 2, batch=BATCH, accelerator="cpu")
    events = fit(model, RepeatedPatches(patches), hovernet_losses, settings)
    marks = [time.process_time() for event in events if isinstance(event, StepDone)]
    return median(np.diff(marks[1:]).tolist())


def draw_images(number: int = 4, side_px: int = 1000, nuclei: int = 600) -> list[AnnotatedImage]:
    """Draw images of ellipses, about as dense as nuclei in a tumour."""
    rng, images = np.random.default_rng(0), []
    for index in range(number):
        instances = np.zeros((side_px, side_px), np.int32)
        for label in range(1, nuclei + 1):
            centre, axes = rng.integers(0, side_px, 2).tolist(), rng.integers(7, 16, 2).tolist()
            cv2.ellipse(instances, centre, axes, rng.uniform(0, 180), 0, 360, label, -1)
        pixels = np.where(instances[..., None] > 0, (110, 70, 150), (225, 180, 210)) + rng.normal(0, 12, (1, 1, 3))
        pixels = np.clip(pixels + rng.normal(0, 10, (side_px, side_px, 3)), 0, 255).astype(np.uint8)
        types = np.append(0, rng.integers(1, TYPES, nuclei))
        images.append(AnnotatedImage(f"synthetic_{index}", pixels, instances, types))
    return images


if __name__ == "__main__":
    main()
