"""Compress a model: cut, re-estimate the batch norms, fine-tune, judge, and again; one-shot is one such stage."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.datasets.annotated_image import names_of
from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.pruning import ChannelGraph, gradual, trace
from napari_pathprune.training.fit import check_fit
from napari_pathprune.training.fit_events import FitDone, FitEvent
from napari_pathprune.training.fit_state import MAY_CHANGE
from napari_pathprune.workflows.checkpoint import Checkpoint, find, load, save
from napari_pathprune.workflows.compress.compress_report import CompressReport, Stage, Width
from napari_pathprune.workflows.compress.evidence import refreshed, scorer_of
from napari_pathprune.workflows.compress.stage_folder import StageFolder
from napari_pathprune.workflows.config.train_config import TrainConfig
from napari_pathprune.workflows.evaluate.validation import make_examples, score_validation
from napari_pathprune.workflows.prune.prune import cost_per_patch, example_for, pruned_step
from napari_pathprune.workflows.report.report import write_report
from napari_pathprune.workflows.train.named_types import identity, named
from napari_pathprune.workflows.train.train import losses_for, teacher_of, train
from napari_pathprune.workflows.train.training_images import facts_of, training_images

PARENT: Final = "parent"
"""As the teacher's name: the dense model itself."""


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A cut was made: its number of how many, and what is left."""

    number: int
    stages: int
    params: int
    dense_params: int

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return self.number - 1

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return self.stages

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return (
            f"stage {self.number} of {self.stages}: {self.params:,} parameters, "
            f"{self.params / self.dense_params:.1%} of the dense model's"
        )

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return True


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage is through; ``within`` tells whether its score is within the allowed drop."""

    stage: Stage
    stages: int
    within: bool

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return self.stage.number

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return self.stages

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return "" if self.within else f"stage {self.stage.number} lost more than is allowed: the one before it is kept"

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return not self.within


@dataclass(frozen=True, slots=True, eq=False)
class CompressDone:
    """The end; if ``report.kept`` is 0, no stage was within the allowed drop and no model was written."""

    report: CompressReport

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return len(self.report.stages) - 1

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return len(self.report.stages) - 1

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return ""

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return False


CompressEvent = StageStarted | FitEvent | StageDone | CompressDone


def compress(model_name: str, config: TrainConfig, out: Path) -> Iterator[CompressEvent]:
    """Compress a model and write the smallest one that is good enough.

    Beside it (``small.safetensors``) lie the report (``small.report.html``, and its figures in ``small.report.json``)
    and the models of all stages (``small.stages/``), from which a stopped compression resumes.

    Parameters
    ----------
    model_name
        File or packaged name of the dense model.
    config
        ``compress`` tells how far, ``fit`` how long in all, ``data`` and ``validation`` on what. Without validation
        images all stages are made, and the last is kept. A teacher named ``"parent"`` is the dense model.
    out
        The ``.safetensors`` to write.

    Yields
    ------
    StageStarted, the events of `train`, StageDone, CompressDone

    Raises
    ------
    ValueError
        If a setting is not usable, or a compression with other settings was stopped here before.
    """
    _check(model_name, config, out)
    settings = config.compress
    dense = named(load(model_name), config.rename)
    model = dense.model()
    graph = trace(model, example_for(model))
    _check_reach(config, model, graph)
    images, judged = _images(config, dense)
    facts, config = _facts(dense, config, images, judged), find_parent(config, model_name)
    losses_for(config, dense, images)  # a teacher of another kind is told before anything is begun
    folder = StageFolder(_stages_of(out), facts)
    stages = [_dense_stage(folder, dense, judged, config.device)]
    cuts = gradual(
        model,
        graph,
        settings.targets(),
        settings.in_scope,
        settings.limits(),
        criterion=scorer_of(config, dense, images, folder),
    )
    kept, widths = 0, {group.name: group.width for group in graph.groups}
    for step, fit_steps in zip(cuts, settings.fit_steps(config.fit[0].steps), strict=True):
        stage = folder.kept(step.number)
        if stage is None:
            yield StageStarted(step.number, step.total, sum(p.numel() for p in step.model.parameters()), dense.params)
            begin = time.perf_counter()
            begun = folder.start(step.number)
            if not begun.exists():  # kept, since with other threads it would be rounded otherwise
                between = sum(one.fit_steps for one in stages)
                weights = refreshed(step.model, config, images).state_dict()
                save(dense.with_step(weights, pruned_step(dense, graph, step.plan, between)), begun)
            start = load(begun)
            cut_scores = (
                score_validation(start.model(), judged, start, config.device) if settings.judge_cuts and judged else {}
            )
            file, before_fit = folder.model(step.number), time.perf_counter() - begin
            for event in train(_stage_config(config, step.number, fit_steps), file, start=start):
                if isinstance(event, FitDone):  # kept before train() takes its state away: no stop falls in between
                    cost = cost_per_patch(load(file)).cost
                    stage = Stage(
                        step.number,
                        step.ratio,
                        cost.params,
                        cost.macs,
                        dict(event.scores),
                        cut_scores,
                        event.steps,
                        before_fit + event.seconds,  # a fit that was stopped knows how long it took before
                        file.name,
                    )
                    folder.keep(stage)
                yield event
            assert stage is not None
        folder.clear(step.number)
        step.model.load_state_dict(dict(load(folder.model(step.number)).weights))
        stages.append(stage)
        within = _within(stage, stages[0], settings.allowed_drop)
        yield StageDone(stage, step.total, within)
        if not within:
            break
        kept, widths = stage.number, widths | {name: len(stay) for name, stay in step.plan.keep.items()}
    small = load(folder.model(kept)) if kept else dense
    if kept:
        save(small, out)
    else:
        out.unlink(missing_ok=True)  # of a run that was allowed to lose more; its stage stays
    report = CompressReport(
        model=model_name,
        out=out.name,
        settings={
            **dataclasses.asdict(settings),
            "fine-tuning steps": config.fit[0].steps,
            "learning rate": config.fit[0].learning_rate,
            "teacher": Path(config.losses.teacher).name or "none",
        },
        stages=tuple(stages),
        kept=kept,
        input_px=example_for(model).shape[-1],
        widths=tuple(Width(group.name, group.kind, group.width, widths[group.name]) for group in graph.groups),
        examples=make_examples(judged, dense, small, config.device) if kept else (),
        train_images=names_of(images),
        validation_images=names_of(judged),
    )
    with write_atomically(out.with_name(f"{out.stem}.report.json")) as part:
        part.write_text(json.dumps(report.to_dict(), indent=1), encoding="utf-8")
    write_report(report, out.with_name(f"{out.stem}.report.html"))
    yield CompressDone(report)


def _check(model_name: str, config: TrainConfig, out: Path) -> None:
    """Refuse what cannot be done before anything is read or written."""
    if out.suffix != ".safetensors":
        raise ValueError(f"got {out.name!r}; models are written as .safetensors: name it {out.stem}.safetensors")
    if find(model_name).resolve() == out.resolve():
        raise ValueError(f"{out} is the dense model itself; give another file to write")
    if out.exists() and not _stages_of(out).exists():
        raise ValueError(
            f"{out} is there already, and no stages of a compression beside it: give another file, or remove it"
        )
    if len(config.fit) != 1:
        raise ValueError(f"got {len(config.fit)} phases of [[fit]]; a compression takes one [fit], its steps shared")
    if config.fit[0].devices > 1:
        raise ValueError(
            f"got devices = {config.fit[0].devices}; a compression runs on one, its result can be fine-tuned on several"
        )


def _check_reach(config: TrainConfig, model: nn.Module, graph: ChannelGraph) -> None:
    """Refuse what would show after minutes of scoring, or hours later at the last cut."""
    settings, size_px = config.compress, config.patches.patch_px
    check_fit(model, *config.fit)
    model.output_shape(size_px, size_px)  # type: ignore[operator]
    even = {group.name: torch.ones(group.width) for group in graph.groups}  # what can go does not depend on scores
    last, limits = settings.targets()[-1:], settings.limits()
    next(gradual(model, graph, last, settings.in_scope, limits, criterion=lambda *_: even, verify=False))


def _stages_of(out: Path) -> Path:
    return out.with_name(f"{out.stem}.stages")


def _images(config: TrainConfig, dense: Checkpoint) -> tuple[Sequence[AnnotatedImage], Sequence[AnnotatedImage]]:
    """Read the images to learn from and those to judge by."""
    images, judged = training_images(config, dense.type_names)
    if not judged and math.isfinite(config.compress.allowed_drop):
        raise ValueError("got allowed_drop, but no validation images to tell it by; name some in [[validation]]")
    return images, judged


def find_parent(config: TrainConfig, model_name: str) -> TrainConfig:
    """Put the dense model in the place of a teacher named ``"parent"``."""
    if config.losses.teacher != PARENT:
        return config
    teacher = model_name if not Path(model_name).exists() else str(Path(model_name).resolve())
    return dataclasses.replace(config, losses=dataclasses.replace(config.losses, teacher=teacher))


def _facts(
    dense: Checkpoint, config: TrainConfig, images: Sequence[AnnotatedImage], judged: Sequence[AnnotatedImage]
) -> dict[str, Any]:
    """Say what a compression depends on."""
    asked = dataclasses.asdict(config.compress)
    del asked["allowed_drop"]  # stages are the same with any other
    teacher = None if config.losses.teacher == PARENT else teacher_of(config)  # the parent is known by its name
    return {
        "model": identity(dense),
        "compress": asked,
        "fit": {name: value for name, value in dataclasses.asdict(config.fit[0]).items() if name not in MAY_CHANGE},
        **facts_of(config, images, judged, teacher),
    }


def _dense_stage(folder: StageFolder, dense: Checkpoint, judged: Sequence[AnnotatedImage], device: str) -> Stage:
    stage = folder.kept(0)
    if stage is None:
        begin = time.perf_counter()
        scores = score_validation(dense.model(), judged, dense, device) if judged else {}
        cost = cost_per_patch(dense).cost
        stage = Stage(0, 0.0, cost.params, cost.macs, scores, {}, 0, time.perf_counter() - begin)
        folder.keep(stage)
    return stage


def _within(stage: Stage, dense: Stage, allowed_drop: float) -> bool:
    if not stage.scores:
        return True
    name = next(iter(stage.scores))
    return stage.scores[name] >= dense.scores[name] - allowed_drop


def _stage_config(config: TrainConfig, number: int, fit_steps: int) -> TrainConfig:
    """Give what one stage trains by: its share of the steps, and patches of its own."""
    return dataclasses.replace(
        config,
        fit=(dataclasses.replace(config.fit[0], steps=fit_steps),),
        patches=dataclasses.replace(config.patches, seed=config.patches.seed + 100 * number),
    )
