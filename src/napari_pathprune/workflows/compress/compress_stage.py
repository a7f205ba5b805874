"""One stage of a compression: the model that was cut is fine-tuned, scored and kept in the folder of stages."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator
from dataclasses import dataclass

from napari_pathprune.inference.device import find_device
from napari_pathprune.pruning import Cost
from napari_pathprune.pruning.costing.cost import seconds_of
from napari_pathprune.pruning.schedule import Step
from napari_pathprune.training.fit_events import FitDone
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.compress.calibration import recalibrate_norms
from napari_pathprune.workflows.compress.compress_events import StageFit, StageStarted
from napari_pathprune.workflows.compress.compress_report import Scores, Stage
from napari_pathprune.workflows.compress.compress_setup import Compression
from napari_pathprune.workflows.config.train_config import TrainConfig
from napari_pathprune.workflows.evaluate.validation import score_validation
from napari_pathprune.workflows.prune.prune import compute_patch_cost, count_plan_channels, describe_cut, make_example
from napari_pathprune.workflows.train.train import train


@dataclass(frozen=True, slots=True, eq=False)
class StageStart:
    """The model that a stage fine-tunes.

    Attributes
    ----------
    checkpoint
        The compact model, its batch norms re-estimated.
    scores
        Its validation scores; empty if the settings do not ask for them.
    seconds
        Time that making and scoring it took.
    """

    checkpoint: Checkpoint
    scores: Scores
    seconds: float


def score_dense(compression: Compression) -> Stage:
    """Return stage 0, the dense model; it is scored once."""
    folder, dense = compression.folder, compression.dense
    stage = folder.read_stage(0)
    if stage is None:
        start = time.perf_counter()
        scores = _score(compression, dense, is_parent=compression.is_parent)
        cost = compute_patch_cost(dense).cost
        stage = Stage(0, 0.0, cost.params, cost.macs, scores, {}, 0, time.perf_counter() - start)
        folder.write_stage(stage)
    return stage


def run_stage(
    compression: Compression, step: Step, steps_before: int
) -> Generator[StageStarted | StageFit, None, Stage]:
    """Fine-tune the model of a cut; a stage that an earlier run finished is only read.

    Parameters
    ----------
    compression
        What all stages share.
    step
        The cut. Its model ends with the fine-tuned weights, from which the next cut is chosen.
    steps_before
        Fine-tuning steps of the earlier stages that are part of the plan of this one.

    Yields
    ------
    StageStarted, StageFit
        Nothing if the stage has been finished before.

    Returns
    -------
    Stage
        The figures of the stage; its model is in the folder of stages.
    """
    folder, number = compression.folder, step.number
    stage = folder.read_stage(number)
    if stage is None:
        params = sum(parameter.numel() for parameter in step.model.parameters())
        done, total = _count_steps(compression, number)
        yield StageStarted(number, step.total, params, compression.dense.params, done, total)
        start = _start_stage(compression, step, steps_before)
        config, file = _configure_stage(compression, number), folder.model_path(number)
        images = (compression.training, compression.validation)
        for event in train(config, file, start=start.checkpoint, images=images, example=compression.example):
            if isinstance(event, FitDone):  # kept before train() removes its state, so that a stop loses nothing
                stage = _measure_stage(compression, step, start, event)
                folder.write_stage(stage)
            yield StageFit(number, step.total, event, done, total)
        assert stage is not None
    folder.remove_leftovers(number)
    step.model.load_state_dict(dict(load(folder.model_path(number)).weights))
    return stage


def _count_steps(compression: Compression, number: int) -> tuple[int, int]:
    """Return the fine-tuning steps before a stage, and those of all stages."""
    steps = compression.fit_steps
    return sum(steps[: number - 1]), sum(steps)


def _start_stage(compression: Compression, step: Step, steps_before: int) -> StageStart:
    """Re-estimate the batch norms of a cut model, and score it if that is asked for."""
    start, config = time.perf_counter(), compression.config
    path = compression.folder.start_path(step.number)
    if not path.exists():  # kept, since sums round differently with another number of threads
        weights = recalibrate_norms(step.model, config, compression.training).state_dict()
        record = describe_cut(compression.dense, compression.graph, step.plan, steps_before)
        save(compression.dense.with_step(weights, record), path)
    checkpoint = load(path)
    scores = _score(compression, checkpoint) if config.compress.score_cuts else {}
    return StageStart(checkpoint, scores, time.perf_counter() - start)


def _configure_stage(compression: Compression, number: int) -> TrainConfig:
    """Return the config of a stage's training: its share of the steps, and its own patches."""
    config = compression.config
    return dataclasses.replace(
        config,
        fit=(dataclasses.replace(config.fit[0], steps=compression.fit_steps[number - 1]),),
        patches=dataclasses.replace(config.patches, seed=config.patches.seed + 100 * number),
    )


def _measure_stage(compression: Compression, step: Step, start: StageStart, done: FitDone) -> Stage:
    file = compression.folder.model_path(step.number)
    cost = compute_patch_cost(load(file)).cost
    return Stage(
        step.number,
        _compute_removed(compression, step, cost),
        cost.params,
        cost.macs,
        dict(done.scores),
        start.scores,
        done.steps,
        start.seconds + done.seconds,  # a fit that was stopped in between counts all of its runs
        file.name,
        _measure_speedup(compression, load(file)),
    )


def _measure_speedup(compression: Compression, compact: Checkpoint) -> float | None:
    """Return how many times faster than the dense model a compact one is, as it is; None if that is not the target."""
    settings = compression.config.compress
    if settings.plan or settings.target.measure != "latency":
        return None
    device = find_device(compression.config.device)
    models = [checkpoint.model().to(device) for checkpoint in (compression.dense, compact)]
    slow, fast = seconds_of(models, ((make_example(models[0]).to(device),), {}))
    return round(slow / fast, 3)


def _compute_removed(compression: Compression, step: Step, cost: Cost) -> float:
    """Return the share that is removed by the measure of the target, which rounding keeps from being as asked."""
    match step.target.measure:
        case "channels":
            before, after = count_plan_channels(compression.graph, step.plan)
        case "params":
            before, after = compute_patch_cost(compression.dense).cost.params, cost.params
        case "macs":
            before, after = compute_patch_cost(compression.dense).cost.macs, cost.macs
        case _:
            return step.target.ratio
    return round(1.0 - after / before, 6) if before else 0.0


def _score(compression: Compression, checkpoint: Checkpoint, *, is_parent: bool = False) -> dict[str, float]:
    images, device = compression.validation, compression.config.device
    if not images:
        return {}
    return score_validation(checkpoint.model(), images, checkpoint, device, is_parent=is_parent)
