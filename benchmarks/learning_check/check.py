"""Check that the training loop can overfit one crop of one image; one factor can be changed at a time.

Usage: python check.py KUMAR --at-least 0.9

KUMAR is the folder of the images of Kumar et al. 2017 (CC BY-NC-SA 4.0, not included). The packaged dense model is
trained on rows and columns 200 to 520 of training_01, without any augmentation of colour or size, and scored on them.
"""

from __future__ import annotations

import argparse
import copy
import csv
import dataclasses
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.datasets.patches.augment import Augmentation
from napari_pathprune.datasets.patches.geometry import TURNS
from napari_pathprune.datasets.read_images import read_images
from napari_pathprune.instances.metrics import panoptic_quality
from napari_pathprune.models import build
from napari_pathprune.training.fit import fit
from napari_pathprune.training.fit_events import StepDone, Validated
from napari_pathprune.training.fit_settings import SCHEDULES, FitSettings
from napari_pathprune.training.losses import hovernet_losses
from napari_pathprune.training.random_patches import RandomPatches
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.evaluate.evaluate import predict_instances, score_model

CROP: Final = slice(200, 520)
RIM_PX: Final = 46
"""Margin on each side of a patch that HoVer-Net's maps do not cover."""


def read_crop(kumar: Path) -> AnnotatedImage:
    """Read the crop to train on."""
    (whole,) = read_images(kumar, only=["training_01"])
    image, instances = whole.image[CROP, CROP], whole.instances[CROP, CROP]
    return dataclasses.replace(whole, image=image, instances=instances, types=None)


def start_model(width: float) -> tuple[nn.Module, Checkpoint]:
    """Return the packaged dense network without its type branch or, at another width, an untrained one."""
    packaged = load("hovernet-s")
    config = {**packaged.config, "num_types": None, "width": width}
    torch.manual_seed(0)
    model = build(packaged.architecture, **config)
    if width == packaged.config["width"]:
        model.load_state_dict({name: w for name, w in packaged.weights.items() if not name.startswith("decoder.tp")})
    else:
        for layer in model.output_layers().values():  # type: ignore[operator]
            nn.init.zeros_(layer.weight)
    return model, Checkpoint(packaged.architecture, config, model.state_dict(), mpp=packaged.mpp)


def use_input_statistics(model: nn.Module) -> nn.Module:
    """Return a copy of a model whose batch norms use the statistics of their input instead of running statistics."""
    other = copy.deepcopy(model)
    for module in other.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = module.running_var = None
    return other


class CropScores:
    """Scores the averaged weights, the last ones, and the last ones with the batch norm statistics of the image."""

    def __init__(self, model: nn.Module, about: Checkpoint, crop: AnnotatedImage) -> None:
        self.model, self.about, self.crop = model, about, crop

    def __call__(self, average: nn.Module) -> dict[str, float]:
        """Return the scores by name, that of the averaged weights first."""
        last = copy.deepcopy(self.model).eval()
        score = score_model(average, self.about, [self.crop]).to_dict()
        found = predict_instances(self.crop, average, self.about.mpp or 0.25)
        inner = (slice(RIM_PX, -RIM_PX),) * 2
        return {
            "pq": score["pq"],
            "dice": score["dice"],
            "pq_inner": panoptic_quality(self.crop.instances[inner], found[inner]).pq,
            "pq_last": score_model(last, self.about, [self.crop]).to_dict()["pq"],
            "pq_batch": score_model(use_input_statistics(last), self.about, [self.crop]).to_dict()["pq"],
        }


def weight_losses(weights: Mapping[str, float]) -> Any:  # noqa: ANN401 - a Losses
    """Return a loss function with weighted terms."""

    def losses(maps: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: weights.get(name, 1.0) * term for name, term in hovernet_losses(maps, targets).items()}

    return losses


def run_experiment(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Train, and yield the scores and losses of each validation."""
    crop = read_crop(options.kumar)
    model, about = start_model(options.width)
    unchanged = {"stain": 0.0, "restain": 0.0, "hue": 0.0, "saturation": 0.0, "brightness": 0.0, "contrast": 0.0}
    augmentation = Augmentation(
        turn=options.turn, mirror=options.mirror, scale=(1.0, 1.0), blur=0.0, noise=0.0, **unchanged
    )
    output_px = options.patch_px - 2 * RIM_PX
    settings = FitSettings(
        steps=options.steps,
        batch=options.batch,
        learning_rate=options.learning_rate,
        schedule=options.schedule,
        averaging=options.averaging,
        weight_decay=options.weight_decay,
        validate_every=options.every,
        precision=options.precision,
        accelerator="cpu",
    )
    length = settings.steps * settings.batch
    patches = RandomPatches([crop], options.patch_px, output_px, length, options.seed, augmentation, options.within_px)
    weights = {name: float(weight) for name, weight in (part.split("=") for part in options.weight)}
    recent: list[Mapping[str, float]] = []
    begin = time.perf_counter()
    for event in fit(model, patches, weight_losses(weights), settings, validate=CropScores(model, about, crop)):
        if isinstance(event, StepDone):
            recent = [*recent[-19:], event.losses]
        elif isinstance(event, Validated):
            terms = {name: float(np.mean([one[name] for one in recent])) for name in recent[0]}
            seconds = time.perf_counter() - begin
            figures = {**event.scores, "loss": sum(terms.values()), **terms}
            yield {"step": event.step, "seconds": round(seconds), **{k: round(v, 4) for k, v in figures.items()}}


def main() -> None:
    """Run one experiment and append its rows to a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kumar", type=Path)
    parser.add_argument("--name", default="shifted", help="name of the experiment in the table")
    parser.add_argument("--table", type=Path, default=Path("results.csv"))
    parser.add_argument("--at-least", type=float, default=0.0, metavar="PQ", help="fail if the last PQ is lower")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--every", type=int, default=50, help="steps between two validations")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--patch-px", type=int, default=416)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--schedule", choices=SCHEDULES, default="cosine")
    parser.add_argument("--averaging", type=float, default=0.95)
    parser.add_argument("--weight-decay", type=float, default=1e-4)
    parser.add_argument("--turn", choices=TURNS, default="none")
    parser.add_argument("--mirror", action="store_true")
    parser.add_argument(
        "--within-px",
        type=int,
        default=304,
        help="side of the square around a patch's centre that lies within the crop",
    )
    parser.add_argument("--weight", action="append", default=[], metavar="TERM=W", help="weight of a term of the loss")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    row: dict[str, object] = {}
    for row in run_experiment(options):
        entry = {"name": options.name, **row}
        print(entry, flush=True)
        new = not options.table.exists()
        with options.table.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, entry)
            if new:
                writer.writeheader()
            writer.writerow(entry)
    if float(str(row["pq"])) < options.at_least:
        sys.exit(f"PQ {row['pq']} is below {options.at_least}")


if __name__ == "__main__":
    main()
