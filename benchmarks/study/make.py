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
from judge import judged, machine
from torch import nn

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.compress.compress import compress
from napari_pathprune.workflows.compress.compress_setup import PARENT
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.toml_settings import settings_from, table_keys
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
LEFT_BY_A_STOP: Final = frozenset({".safetensors", ".stages", ".state"})


def result_of(name: str) -> Path:
    """Give the file that holds the result of a run, or of the dense models."""
    return RESULTS / f"{name}.json"


def dense_model(study: Study) -> Path:
    """Train the dense baseline, once, and score it; it is kept in half precision."""
    path = CHECKPOINTS / "dense.safetensors"
    if not path.exists():
        CHECKPOINTS.mkdir(exist_ok=True)
        first = trained(read_config(HERE / "first.toml"), WORK / "first.safetensors")
        save(trained(read_config(HERE / "train.toml"), WORK / "dense.safetensors", first), path, half=True)
    return told_once("dense", path, study)


def longer_model(study: Study) -> Path:
    """Train the dense baseline on by longer.toml, once, and score it."""
    path = CHECKPOINTS / "longer.safetensors"
    if not path.exists():
        begun = load(dense_model(study))
        save(trained(read_config(HERE / "longer.toml"), WORK / "longer.safetensors", begun), path, half=True)
    return told_once("longer", path, study)


def told_once(name: str, path: Path, study: Study) -> Path:
    """Score a dense model, once."""
    if not result_of(name).exists():
        told = {"run": {"start": name, "fit_steps": load(path).lineage[-1]["steps"]}}
        write(result_of(name), {**told, **judged(load(path), study)})
    return path


def slimmed_model(study: Study) -> Path:
    """Train the dense baseline on with network slimming's penalty, once, and score it."""
    path = CHECKPOINTS / "slim.safetensors"
    if not path.exists():
        config = short(read_config(HERE / "train.toml"), steps=SLIM_STEPS, rate=1e-3, seed=50)
        config = dataclasses.replace(config, losses=dataclasses.replace(config.losses, slimming=SLIMMING))
        whole = WORK / "slim.safetensors"
        save(trained(config, whole, load(dense_model(study))), path, half=True)
    if not result_of("slim").exists():
        told = {"run": {"start": "slim", "fit_steps": SLIM_STEPS, "penalty": SLIMMING}, "gammas": gammas(load(path))}
        write(result_of("slim"), {**told, **judged(load(path), study)})
    return path


def make(run: Run, study: Study) -> None:
    """Make one compact model, score it, and write its result."""
    dense = {"slim": slimmed_model, "longer": longer_model}.get(run.start, dense_model)(study)
    out, stages = (WORK / f"{run.name}.{ending}" for ending in ("safetensors", "stages"))
    config = short(read_config(HERE / "train.toml"), steps=run.fit_steps, rate=run.learning_rate, seed=10 + run.seed)
    if run.teacher_share:
        taught = dataclasses.replace(config.losses, teacher=PARENT, teacher_share=run.teacher_share)
        config = dataclasses.replace(config, losses=taught)
    resumed = any(path.suffix in LEFT_BY_A_STOP for path in WORK.glob(f"{run.name}.*"))
    begin, cpu = time.perf_counter(), time.process_time()
    if run.start in {"scratch", "history"}:
        trained(as_first_stage(config), out, with_new_weights(dense, run, study, config))
    elif run.left == 1.0:
        trained(as_first_stage(config), out, load(dense))
    elif stages.exists() or not out.exists():
        exhaust(compress(str(dense), dataclasses.replace(config, compress=settings_of(run, study)), out))
    spent = {"seconds": round(time.perf_counter() - begin), "cpu_seconds": round(time.process_time() - cpu)}
    spent |= {"resumed": resumed, "machine": machine()}  # the times are those since it was resumed
    write(result_of(run.name), {"run": dataclasses.asdict(run), "making": spent, **judged(load(out), study)})
    shutil.rmtree(stages, ignore_errors=True)


def short(config: TrainConfig, *, steps: int, rate: float, seed: int) -> TrainConfig:
    """Give the config of a run of the grid: no validation, since it is scored when it is through."""
    phase = dataclasses.replace(config.fit[0], steps=steps, learning_rate=rate, validate_every=0)
    patches = dataclasses.replace(config.patches, seed=100_000 * seed)
    return dataclasses.replace(config, fit=(phase,), patches=patches, validation=())


def as_first_stage(config: TrainConfig) -> TrainConfig:
    """Give the config with the patches that a compression in one cut sees."""
    return dataclasses.replace(config, patches=dataclasses.replace(config.patches, seed=config.patches.seed + 100))


def settings_of(run: Run, study: Study) -> CompressSettings:
    """Give the settings of a compression, which a run names by the same words but for its shape."""
    known = table_keys(CompressSettings) | CompressSettings.RENAMED
    table = {name: value for name, value in dataclasses.asdict(run).items() if name in known}
    return settings_from(CompressSettings, table | {"caps": study.shapes[run.shape]}, run.name)


def with_new_weights(dense: Path, run: Run, study: Study, config: TrainConfig) -> Checkpoint:
    """Cut the dense model as a run in one cut does, draw all weights anew, and give them the history asked for."""
    cut = WORK / f"{run.name}.cut.safetensors"
    settings = settings_of(run, study)
    # by l2 whatever the criterion: each layer keeps as many filters (scope "local"), and their weights do not matter
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
    return trained_before(drawn, run) if run.start == "history" else drawn


def trained_before(drawn: Checkpoint, run: Run) -> Checkpoint:
    """Train new weights for as long, and in the same way, as the dense model was; each of the two trainings once."""
    for name in ("first", "train"):
        config = dataclasses.replace(read_config(HERE / f"{name}.toml"), validation=())
        drawn = trained(config, WORK / f"{run.name}.{name}.safetensors", drawn)
    return drawn


def trained(config: TrainConfig, out: Path, start: Checkpoint | None = None) -> Checkpoint:
    """Train a model, or go on where its training was stopped, or give it if that is through."""
    if not out.exists() or out.with_name(f"{out.name}.state").exists():
        exhaust(train(config, out, start=start))
    return load(out)


def gammas(checkpoint: Checkpoint) -> dict[str, float]:
    """Tell how small the scales of the batch norms are: quantiles of their absolute values."""
    norms = [module for module in checkpoint.model().modules() if isinstance(module, nn.BatchNorm2d)]
    scales = torch.cat([norm.weight.detach().abs() for norm in norms])
    return {f"{share:g}": round(float(scales.quantile(share)), 4) for share in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)}


def exhaust(events: Iterable[object]) -> None:
    """Follow a workflow to its end."""
    for _ in show_progress(events, "  "):
        pass


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a result whole or not at all."""
    with write_atomically(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
