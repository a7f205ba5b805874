"""The study at full scale: PanNuke's three splits, a dense HoVer-Net each, its compression, and both on the test fold.

Usage: python benchmarks/study/pannuke/three_folds.py DATA -o OUT [--split N]... [--width W] [--steps N] [--fit-steps N]

DATA holds the folders "Fold 1", "Fold 2" and "Fold 3" as they are published. Started again, it goes on where it was
stopped. What is found is written to OUT/split-N.json and, when all splits are there, OUT/three-folds.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.datasets.layouts.pannuke import pannuke_split
from napari_pathprune.datasets.read_images import read_images
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.compress.compress import compress
from napari_pathprune.workflows.config.train_config import DataSettings, TrainConfig, read_config
from napari_pathprune.workflows.evaluate.evaluate import score_model
from napari_pathprune.workflows.prune.prune import compute_patch_cost
from napari_pathprune.workflows.train.train import train

HERE: Final = Path(__file__).parent
SCORES: Final = ("bpq", "pq", "mpq", "mpq_plus", "aji", "dice")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--split", type=int, action="append", help="1, 2 or 3; all by default")
    parser.add_argument("--width", type=float, help="of the dense model, instead of the published one's 1.0")
    parser.add_argument("--steps", type=int, help="of training, instead of the config's")
    parser.add_argument("--fit-steps", type=int, help="of fine-tuning over all cuts, instead of the config's")
    parser.add_argument("--precision", help="instead of the config's, such as 32-true")
    told = parser.parse_args(arguments)
    told.out.mkdir(parents=True, exist_ok=True)
    for split in told.split or (1, 2, 3):
        one_split(split, told)
    files = [told.out / f"split-{split}.json" for split in (1, 2, 3)]
    if all(file.exists() for file in files):
        write(told.out / "three-folds.json", over_splits([json.loads(file.read_text()) for file in files]))


def one_split(number: int, told: argparse.Namespace) -> None:
    """Train, compress and score on one split, unless it is done."""
    result = told.out / f"split-{number}.json"
    if result.exists():
        return
    split = pannuke_split(number)
    dense, small = (told.out / f"split-{number}-{name}.safetensors" for name in ("dense", "compact"))
    folds = [fold_folder(told.data, fold) for fold in (split.train, split.validation, split.test)]
    if not dense.exists() or dense.with_name(dense.name + ".state").exists():
        config = on_folds(read_config(HERE / "train.toml"), folds, told.steps, told.precision)
        if told.width:
            config = dataclasses.replace(config, model=dataclasses.replace(config.model, width=told.width))
        follow(train(config, dense), f"split {number}, dense")
    if not small.exists():
        config = on_folds(read_config(HERE / "compress.toml"), folds, told.fit_steps, told.precision)
        follow(compress(str(dense), config, small), f"split {number}, compact")
    scores = {name: scored(path, folds[2]) for name, path in (("dense", dense), ("compact", small))}
    write(result, {"split": dataclasses.asdict(split), **scores})


def fold_folder(data: Path, number: int) -> Path:
    """Find the folder of a fold, "Fold 1" or "fold1"."""
    found = [path for path in sorted(data.iterdir()) if re.fullmatch(rf"fold[ _-]?{number}", path.name.lower())]
    if not found:
        raise SystemExit(f"{data} has no folder 'Fold {number}'; give the folder that PanNuke was unpacked in")
    return found[0]


def on_folds(config: TrainConfig, folds: Sequence[Path], steps: int | None, precision: str | None) -> TrainConfig:
    """Put the folds, and what the command line says, into a config."""
    data, validation = (DataSettings(str(fold.resolve())) for fold in folds[:2])
    changes: dict[str, Any] = {"steps": steps, "precision": precision}
    phase = dataclasses.replace(config.fit[0], **{name: value for name, value in changes.items() if value is not None})
    return dataclasses.replace(config, fit=(phase,), data=(data,), validation=(validation,))


def scored(path: Path, fold: Path) -> dict[str, Any]:
    """Score a model on the test fold, and say what it costs."""
    checkpoint = load(path)
    cost = compute_patch_cost(checkpoint)
    images = read_images(fold, checkpoint.type_names)
    found = score_model(checkpoint.model(), checkpoint, images).to_dict()
    return {"params": cost.cost.params, "macs_per_megapixel": cost.macs_per_megapixel, "scores": found}


def over_splits(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the means over the splits, and the standard deviations."""
    found: dict[str, Any] = {}  # a score that is None, such as mPQ without any truth, would be the data's fault
    for model in ("dense", "compact"):
        values = {name: [result[model]["scores"][name] for result in results] for name in SCORES}
        found[model] = {
            "params": statistics.fmean(result[model]["params"] for result in results),
            **{name: {"mean": statistics.fmean(some), "sd": statistics.stdev(some)} for name, some in values.items()},
        }
    return found


def follow(events: Any, label: str) -> None:  # noqa: ANN401 - events of any workflow
    """Run a workflow to its end, and show how far it is."""
    for _ in show_progress(events, label):
        pass


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a result whole or not at all."""
    with write_atomically(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
