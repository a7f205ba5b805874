"""Make the models of the study: the dense one, one trained with network slimming's penalty, those of the grid."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import torch
from grid import Run, Study
from judge import judged
from torch import nn

from napari_pathprune.atomic import whole_file
from napari_pathprune.progress import followed
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.compress import PARENT, compress
from napari_pathprune.workflows.compress_settings import CompressSettings
from napari_pathprune.workflows.prune import PruneTarget, prune_checkpoint
from napari_pathprune.workflows.train import first_guess, train
from napari_pathprune.workflows.train_config import TrainConfig, read_config
from napari_pathprune.workflows.training_images import training_images

HERE: Final = Path(__file__).parent
WORK: Final = HERE / "work"
RESULTS: Final = HERE / "results"
CHECKPOINTS: Final = HERE / "checkpoints"
SLIMMING: Final = 1e-4
SLIM_STEPS: Final = 300


def result_of(name: str) -> Path:
    """Give the file that holds the result of a run, or of the dense models."""
    return RESULTS / f"{name}.json"


def dense_model(study: Study) -> Path:
    """Train the dense baseline, once, and score it; it is kept in half precision."""
    path = CHECKPOINTS / "dense.safetensors"
    if not path.exists():
        CHECKPOINTS.mkdir(exist_ok=True)
        whole = WORK / "dense.safetensors"
        begun = WORK / "first.safetensors"
        exhaust(train(read_config(HERE / "first.toml"), begun))
        exhaust(train(read_config(HERE / "train.toml"), whole, start=load(begun)))
        save(load(whole), path, half=True)
    if not result_of("dense").exists():
        told = {"run": {"start": "dense", "fit_steps": load(path).lineage[-1]["steps"]}}
        write(result_of("dense"), {**told, **judged(load(path), study)})
    return path


def slimmed_model(study: Study) -> Path:
    """Train the dense baseline on with network slimming's penalty, once, and score it."""
    path = CHECKPOINTS / "slim.safetensors"
    if not path.exists():
        config = short(read_config(HERE / "train.toml"), steps=SLIM_STEPS, rate=1e-3, seed=50)
        config = dataclasses.replace(config, losses=dataclasses.replace(config.losses, slimming=SLIMMING))
        whole = WORK / "slim.safetensors"
        exhaust(train(config, whole, start=load(dense_model(study))))
        save(load(whole), path, half=True)
    if not result_of("slim").exists():
        told = {"run": {"start": "slim", "fit_steps": SLIM_STEPS, "penalty": SLIMMING}}
        write(result_of("slim"), {**told, **judged(load(path), study)})
    return path


def make(run: Run, study: Study) -> None:
    """Make one compact model, score it, and write its result."""
    dense = slimmed_model(study) if run.start == "slim" else dense_model(study)
    out = WORK / f"{run.name}.safetensors"
    config = short(read_config(HERE / "train.toml"), steps=run.fit_steps, rate=run.learning_rate, seed=10 + run.seed)
    if run.teacher_share:
        taught = dataclasses.replace(config.losses, teacher=PARENT, teacher_share=run.teacher_share)
        config = dataclasses.replace(config, losses=taught)
    resumed = bool([path for path in WORK.glob(f"{run.name}.*") if path.suffix != ".log"])
    begin, cpu = time.perf_counter(), time.process_time()
    if run.start == "scratch":
        exhaust(train(config, out, start=with_new_weights(dense, run, config)))
    else:
        settings = CompressSettings(
            measure=run.measure,
            left=run.left,
            step_ratio=run.step_ratio,
            criterion=run.criterion,
            decider=run.decider,
            scope=run.scope,
            max_skip_ratio=run.max_skip_ratio,
            round_to=run.round_to,
            recalibrate=run.recalibrate,
            seed=run.seed,
        )
        exhaust(compress(str(dense), dataclasses.replace(config, compress=settings), out))
    spent = {"seconds": round(time.perf_counter() - begin), "cpu_seconds": round(time.process_time() - cpu)}
    spent["resumed"] = resumed  # the times are those since then
    write(result_of(run.name), {"run": dataclasses.asdict(run), "making": spent, **judged(load(out), study)})
    shutil.rmtree(WORK / f"{run.name}.stages", ignore_errors=True)


def short(config: TrainConfig, *, steps: int, rate: float, seed: int) -> TrainConfig:
    """Give the config of a run of the grid: no validation, since it is scored when it is through."""
    phase = dataclasses.replace(config.fit[0], steps=steps, learning_rate=rate, validate_every=0)
    patches = dataclasses.replace(config.patches, seed=100_000 * seed)
    return dataclasses.replace(config, fit=(phase,), patches=patches, validation=())


def with_new_weights(dense: Path, run: Run, config: TrainConfig) -> Checkpoint:
    """Cut the dense model to the widths of a run, and draw all weights anew."""
    cut = WORK / f"{run.name}.cut.safetensors"
    prune_checkpoint(
        str(dense), cut, PruneTarget(run.measure, run.left), criterion=run.criterion, round_to=run.round_to
    )
    checkpoint = load(cut)
    model = checkpoint.model()
    torch.manual_seed(run.seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.reset_running_stats()
    images, _ = training_images(config, checkpoint.type_names)
    first_guess(model, images)
    return checkpoint.changed(model.state_dict(), {"step": "drawn anew", "seed": run.seed})


def exhaust(events: Iterable[object]) -> None:
    """Follow a workflow to its end."""
    for _ in followed(events, "  "):
        pass


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a result whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
