"""Agreement of models with their parent on slides without annotation, in the windows that a compression scores.

    python benchmarks/unlabelled/measure_agreement.py hovernet-s small.safetensors hovernet-s-compact --slides OS-1.tif

A training that is still running, or was stopped, is scored by ``START:STATE``: the file of the model that it started
from, and that of its state.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from napari_pathprune.base.score_names import format_scores
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.config.unlabelled_settings import UnlabelledSettings
from napari_pathprune.workflows.evaluate.evaluate import DEFAULT_MPP
from napari_pathprune.workflows.evaluate.validation import score_validation
from napari_pathprune.workflows.unlabelled.parent_labels import label_by_parent
from napari_pathprune.workflows.unlabelled.slide_source import OpenSlides, list_slides
from napari_pathprune.workflows.unlabelled.slide_windows import VALIDATION_WINDOWS, read_windows, split_windows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the agreement of each model with the parent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parent")
    parser.add_argument("models", nargs="+", metavar="MODEL|START:STATE")
    parser.add_argument("--slides", nargs="+", required=True)
    parser.add_argument("--patch-px", type=int, default=320)
    given = parser.parse_args(arguments)
    parent, slides = load(given.parent), OpenSlides()
    mpp = parent.mpp or DEFAULT_MPP
    sources = list_slides(Path(), [UnlabelledSettings(slide) for slide in given.slides])
    windows, _ = split_windows(sources, slides, mpp, given.patch_px, is_validated=True)
    step = -(-len(windows) // VALIDATION_WINDOWS)
    images = label_by_parent(read_windows(windows[::step], slides, mpp), parent, "cpu")
    print(
        f"{len(images)} windows, {sum(len(set(image.instances.ravel())) - 1 for image in images)} nuclei of the parent"
    )
    for name in given.models:
        model = read_model(name)
        print(f"{name}: {format_scores(score_validation(model.model(), images, model, 'cpu'))}", flush=True)


def read_model(name: str) -> Checkpoint:
    """Return a model, or the averaged weights of a training that has not finished."""
    start, _, state = name.partition(":")
    checkpoint = load(start)
    if not state:
        return checkpoint
    content = torch.load(state, weights_only=True, map_location="cpu")
    average = content["average"].items()
    weights = {key.removeprefix("module."): value for key, value in average if key.startswith("module.")}
    return checkpoint.with_step(weights, {"step": "fine-tuned", "steps": content["step"]})


if __name__ == "__main__":
    main()
