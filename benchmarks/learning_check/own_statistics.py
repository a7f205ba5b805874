"""Measure what scores gain if batch norms use the statistics of the image itself; nothing is trained.

Usage: python own_statistics.py NUCLEI [MODEL ...]

NUCLEI is a folder with kumar_monuseg, tnbc_naylor and nuinsseg. Images of their validation parts are scored; of
Kumar's images only rows and columns 200 to 712.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from check import use_input_statistics

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.datasets.read_images import read_images
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.evaluate.evaluate import score_model

MIDDLE: Final = slice(200, 712)
EVERY: Final = {"tnbc_naylor": 1, "nuinsseg": 6}
"""Every n-th image of the part is scored."""


def read_validation_images(nuclei: Path, name: str) -> list[AnnotatedImage]:
    """Return some images of the validation part of a set, without their types."""
    if name == "kumar_monuseg":
        whole = read_images(nuclei / name, only=["training_11", "training_12"])
        images: Sequence[AnnotatedImage] = [
            dataclasses.replace(one, image=one.image[MIDDLE, MIDDLE], instances=one.instances[MIDDLE, MIDDLE])
            for one in whole
        ]
    else:
        with (nuclei / name / "split.csv").open(encoding="utf-8") as file:
            part = sorted(row["key"] for row in csv.DictReader(file) if row["part"] == "val")
        images = read_images(nuclei / name, only=part[:: EVERY[name]])
    return [dataclasses.replace(one, types=None) for one in images]


def main() -> None:
    """Print two rows for each set and model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nuclei", type=Path)
    parser.add_argument("models", nargs="*", default=["hovernet-s"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| set | images | model | statistics | PQ | DQ | SQ | Dice |", "|---|---|---|---|---|---|---|---|", sep="\n")
    for name in ("kumar_monuseg", *EVERY):
        images = read_validation_images(options.nuclei, name)
        for source in options.models:
            checkpoint = load(source)
            model = checkpoint.model()
            for kind, one in (("of training", model), ("of the image", use_input_statistics(model))):
                found = score_model(one, checkpoint, images).to_dict()
                figures = " | ".join(f"{found[key]:.3f}" for key in ("pq", "dq", "sq", "dice"))
                print(f"| {name} | {len(images)} | {Path(source).stem} | {kind} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
