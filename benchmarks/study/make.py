"""Models of the study: the dense ones, one trained with the penalty of network slimming, and those of the grid."""

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
from scoring import machine, score_checkpoint
from torch import nn

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.compress.compress import compress
from napari_pathprune.workflows.compress.compress_setup import PARENT
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.toml_settings import list_keys, make_settings
from napari_pathprune.workflows.config.train_config import TrainConfig, read_config
from napari_pathprune.workflows.prune.prune import prune_checkpoint
from napari_pathprune.workflows.train.image_sets import read_image_sets
from napari_pathprune.workflows.train.new_model import initialise_outputs
from napari_pathprune.workflows.train.train import train

HERE: Final = Path(__file__).parent
WORK: Final = HERE / "work"
RESULTS: Final = HERE / "results"
CHECKPOINTS: Final = HERE / "checkpoints"
SLIMMING: Final = 1e-3
SLIM_STEPS: Final = 600
INTERRUPTED_SUFFIXES: Final = frozenset({".safetensors", ".stages", ".state"})


def result_path(name: str) -> Path:
    """Return the path of the result of a run or of a dense model."""
    return RESULTS / f"{name}.json"


def dense_model(study: Study) -> Path:
    """Train and score the dense baseline unless it exists; it is stored in half precision."""
    path = CHECKPOINTS / "dense.safetensors"
    if not path.exists():
        CHECKPOINTS.mkdir(exist_ok=True)
        first = train_or_resume(read_config(HERE / "first.toml"), WORK / "first.safetensors")
        save(train_or_resume(read_config(HERE / "train.toml"), WORK / "dense.safetensors", first), path, half=True)
    return score_once("dense", path, study)


def longer_model(study: Study) -> Path:
    """Continue the training of the dense baseline by longer.toml and score it, unless it exists."""
    path = CHECKPOINTS / "longer.safetensors"
    if not path.exists():
        start = load(dense_model(study))
        save(train_or_resume(read_config(HERE / "longer.toml"), WORK / "longer.safetensors", start), path, half=True)
    return score_once("longer", path, study)


def score_once(name: str, path: Path, study: Study) -> Path:
    """Score a dense model unless its result exists; return its path."""
    if not result_path(name).exists():
        run = {"run": {"start": name, "fit_steps": load(path).lineage[-1]["steps"]}}
        write_result(result_path(name), {**run, **score_checkpoint(load(path), study)})
    return path


def slimmed_model(study: Study) -> Path:
    """Continue the training of the dense baseline with network slimming's penalty and score it, unless it exists."""
    path = CHECKPOINTS / "slim.safetensors"
    if not path.exists():
        config = make_run_config(read_config(HERE / "train.toml"), steps=SLIM_STEPS, rate=1e-3, seed=50)
        config = dataclasses.replace(config, losses=dataclasses.replace(config.losses, slimming=SLIMMING))
        whole = WORK / "slim.safetensors"
        save(train_or_resume(config, whole, load(dense_model(study))), path, half=True)
    if not result_path("slim").exists():
        run = {"start": "slim", "fit_steps": SLIM_STEPS, "penalty": SLIMMING}
        scales = measure_norm_scales(load(path))
        write_result(result_path("slim"), {"run": run, "gammas": scales, **score_checkpoint(load(path), study)})
    return path


def make_model(run: Run, study: Study) -> None:
    """Make a model of the grid, score it, and write its result."""
    dense = {"slim": slimmed_model, "longer": longer_model}.get(run.start, dense_model)(study)
    out, stages = (WORK / f"{run.name}.{ending}" for ending in ("safetensors", "stages"))
    config = read_config(HERE / "train.toml")
    config = make_run_config(config, steps=run.fit_steps, rate=run.learning_rate, seed=10 + run.seed)
    if run.teacher_share:
        losses = dataclasses.replace(config.losses, teacher=PARENT, teacher_share=run.teacher_share)
        config = dataclasses.replace(config, losses=losses)
    resumed = any(path.suffix in INTERRUPTED_SUFFIXES for path in WORK.glob(f"{run.name}.*"))
    begin, cpu = time.perf_counter(), time.process_time()
    if run.start in {"scratch", "history"}:
        train_or_resume(use_first_stage_patches(config), out, cut_and_reset(dense, run, study, config))
    elif run.left == 1.0:
        train_or_resume(use_first_stage_patches(config), out, load(dense))
    elif stages.exists() or not out.exists():
        run_workflow(
            compress(str(dense), dataclasses.replace(config, compress=make_compress_settings(run, study)), out)
        )
    spent = {"seconds": round(time.perf_counter() - begin), "cpu_seconds": round(time.process_time() - cpu)}
    spent |= {"resumed": resumed, "machine": machine()}  # a resumed run counts only the time since
    result = {"run": dataclasses.asdict(run), "making": spent, **score_checkpoint(load(out), study)}
    write_result(result_path(run.name), result)
    shutil.rmtree(stages, ignore_errors=True)


def make_run_config(config: TrainConfig, *, steps: int, rate: float, seed: int) -> TrainConfig:
    """Return the config of a run of the grid, without validation, since the finished model is scored."""
    phase = dataclasses.replace(config.fit[0], steps=steps, learning_rate=rate, validate_every=0)
    patches = dataclasses.replace(config.patches, seed=100_000 * seed)
    return dataclasses.replace(config, fit=(phase,), patches=patches, validation=())


def use_first_stage_patches(config: TrainConfig) -> TrainConfig:
    """Return the config with the training patches of a compression in one cut."""
    return dataclasses.replace(config, patches=dataclasses.replace(config.patches, seed=config.patches.seed + 100))


def make_compress_settings(run: Run, study: Study) -> CompressSettings:
    """Return the settings of a compression; apart from the shape, the fields of a run have the same names."""
    known = list_keys(CompressSettings) | CompressSettings.RENAMED
    table = {name: value for name, value in dataclasses.asdict(run).items() if name in known}
    return make_settings(CompressSettings, table | {"caps": study.shapes[run.shape]}, run.name)


def cut_and_reset(dense: Path, run: Run, study: Study, config: TrainConfig) -> Checkpoint:
    """Cut the dense model as in a run with one cut, draw new weights, and train them first if the run asks for it."""
    cut = WORK / f"{run.name}.cut.safetensors"
    settings = make_compress_settings(run, study)
    # l2 serves for every criterion: with scope "local" the widths are the same, and the weights do not matter
    prune_checkpoint(
        str(dense),
        cut,
        settings.target,
        criterion="l2",
        decider=settings.decider,
        scope=settings.scope,
        limits=settings.limits,
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
    images, _ = read_image_sets(config, checkpoint.type_names)
    initialise_outputs(model, images)
    drawn = checkpoint.with_step(model.state_dict(), {"step": "drawn anew", "seed": run.seed})
    return pretrain(drawn, run) if run.start == "history" else drawn


def pretrain(drawn: Checkpoint, run: Run) -> Checkpoint:
    """Train new weights for as long and in the same way as the dense model, in two trainings."""
    for name in ("first", "train"):
        config = dataclasses.replace(read_config(HERE / f"{name}.toml"), validation=())
        drawn = train_or_resume(config, WORK / f"{run.name}.{name}.safetensors", drawn)
    return drawn


def train_or_resume(config: TrainConfig, out: Path, start: Checkpoint | None = None) -> Checkpoint:
    """Train a model, resume its training, or load it if the training has finished."""
    if not out.exists() or out.with_name(f"{out.name}.state").exists():
        run_workflow(train(config, out, start=start))
    return load(out)


def measure_norm_scales(checkpoint: Checkpoint) -> dict[str, float]:
    """Return quantiles of the absolute scales of all batch norms."""
    norms = [module for module in checkpoint.model().modules() if isinstance(module, nn.BatchNorm2d)]
    scales = torch.cat([norm.weight.detach().abs() for norm in norms])
    return {f"{share:g}": round(float(scales.quantile(share)), 4) for share in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)}


def run_workflow(events: Iterable[object]) -> None:
    """Run a workflow to its end and show its progress."""
    for _ in show_progress(events, "  "):
        pass


def write_result(path: Path, content: dict[str, Any]) -> None:
    """Write a result atomically."""
    with write_atomically(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
