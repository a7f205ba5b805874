"""The study at full scale: for each of PanNuke's three splits, a dense HoVer-Net and its compression, both scored.

Usage: python benchmarks/study/pannuke/three_folds.py DATA -o OUT [--split N]... [--width W] [--steps N] [--fit-steps N]

DATA holds the folders "Fold 1", "Fold 2" and "Fold 3" as published. When started again, the study resumes where it was
interrupted. Results are written to OUT/split-N.json and, once all splits are done, to OUT/three-folds.json.
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

from napari_pathprune.base.allocator import keep_freed_memory
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
    """Do the missing splits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--split", type=int, action="append", help="1, 2 or 3; all by default")
    parser.add_argument("--width", type=float, help="width of the dense model, instead of 1.0 as published")
    parser.add_argument("--steps", type=int, help="training steps, instead of those in the config")
    parser.add_argument("--fit-steps", type=int, help="fine-tuning steps over all cuts, instead of those in the config")
    parser.add_argument("--precision", help="instead of the one in the config, such as 32-true")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for split in options.split or (1, 2, 3):
        run_split(split, options)
    files = [options.out / f"split-{split}.json" for split in (1, 2, 3)]
    if all(file.exists() for file in files):
        write_result(options.out / "three-folds.json", average_splits([json.loads(file.read_text()) for file in files]))


def run_split(number: int, options: argparse.Namespace) -> None:
    """Train, compress and score on one split, unless its result exists."""
    result = options.out / f"split-{number}.json"
    if result.exists():
        return
    split = pannuke_split(number)
    dense, small = (options.out / f"split-{number}-{name}.safetensors" for name in ("dense", "compact"))
    folds = [find_fold(options.data, fold) for fold in (split.train, split.validation, split.test)]
    if not dense.exists() or dense.with_name(dense.name + ".state").exists():
        config = use_folds(read_config(HERE / "train.toml"), folds, options.steps, options.precision)
        if options.width:
            config = dataclasses.replace(config, model=dataclasses.replace(config.model, width=options.width))
        run_workflow(train(config, dense), f"split {number}, dense")
    if not small.exists():
        config = use_folds(read_config(HERE / "compress.toml"), folds, options.fit_steps, options.precision)
        run_workflow(compress(str(dense), config, small), f"split {number}, compact")
    scores = {name: score_and_cost(path, folds[2]) for name, path in (("dense", dense), ("compact", small))}
    write_result(result, {"split": dataclasses.asdict(split), **scores})


def find_fold(data: Path, number: int) -> Path:
    """Return the folder of a fold, such as "Fold 1" or "fold1"."""
    found = [path for path in sorted(data.iterdir()) if re.fullmatch(rf"fold[ _-]?{number}", path.name.lower())]
    if not found:
        raise SystemExit(f"{data} has no folder 'Fold {number}'; give the folder into which PanNuke was unpacked")
    return found[0]


def use_folds(config: TrainConfig, folds: Sequence[Path], steps: int | None, precision: str | None) -> TrainConfig:
    """Return a config with the folds and the options of the command line."""
    data, validation = (DataSettings(str(fold.resolve())) for fold in folds[:2])
    changes: dict[str, Any] = {"steps": steps, "precision": precision}
    phase = dataclasses.replace(config.fit[0], **{name: value for name, value in changes.items() if value is not None})
    return dataclasses.replace(config, fit=(phase,), data=(data,), validation=(validation,))


def score_and_cost(path: Path, fold: Path) -> dict[str, Any]:
    """Return the cost of a model and its scores on the test fold."""
    checkpoint = load(path)
    cost = compute_patch_cost(checkpoint)
    images = read_images(fold, checkpoint.type_names)
    found = score_model(checkpoint.model(), checkpoint, images).to_dict()
    return {"params": cost.cost.params, "macs_per_megapixel": cost.macs_per_megapixel, "scores": found}


def average_splits(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return means and standard deviations over the splits."""
    found: dict[str, Any] = {}  # no score is None: that would take a fold without nuclei
    for model in ("dense", "compact"):
        values = {name: [result[model]["scores"][name] for result in results] for name in SCORES}
        found[model] = {
            "params": statistics.fmean(result[model]["params"] for result in results),
            **{name: {"mean": statistics.fmean(some), "sd": statistics.stdev(some)} for name, some in values.items()},
        }
    return found


def run_workflow(events: Any, label: str) -> None:  # noqa: ANN401 - events of any workflow
    """Run a workflow to its end and show its progress."""
    for _ in show_progress(events, label):
        pass


def write_result(path: Path, content: Mapping[str, Any]) -> None:
    """Write a result atomically."""
    with write_atomically(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    keep_freed_memory()
    main()
