"""Compression of a model: cut, re-estimate the batch norms, fine-tune, score, and repeat."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.out_of_memory import advise_on_memory
from napari_pathprune.base.output_lock import lock_output
from napari_pathprune.base.score_names import AGREEMENT, is_agreement, score_name
from napari_pathprune.datasets.annotated_image import list_names
from napari_pathprune.pruning import PrunePlan
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.compress.compress_events import CompressDone, CompressEvent, StageDone
from napari_pathprune.workflows.compress.compress_report import CompressReport, Stage, Width
from napari_pathprune.workflows.compress.compress_setup import Compression, prepare_compression
from napari_pathprune.workflows.compress.compress_stage import run_stage, score_dense
from napari_pathprune.workflows.config.toml_settings import make_table
from napari_pathprune.workflows.config.train_config import TrainConfig
from napari_pathprune.workflows.evaluate.ceiling import Ceiling, advise_on_ceiling, read_ceiling
from napari_pathprune.workflows.evaluate.validation import make_examples
from napari_pathprune.workflows.prune.prune import make_example
from napari_pathprune.workflows.report.report import write_report
from napari_pathprune.workflows.train.config_losses import load_teacher
from napari_pathprune.workflows.train.train import MEMORY_ADVICE
from napari_pathprune.workflows.unlabelled.slide_windows import summarise_windows


@dataclass(frozen=True, slots=True)
class KeptStage:
    """The stage to keep; 0 and no plan where no stage was within the allowed drop."""

    number: int = 0
    plan: PrunePlan | None = None


def compress(
    model_name: str, config: TrainConfig, out: Path, *, example: Path | None = None
) -> Iterator[CompressEvent]:
    """Compress a model and write the smallest one within the allowed drop.

    Next to it (``small.safetensors``) are written the report (``small.report.html``, and its figures in
    ``small.report.json``) and the models of all stages (``small.stages/``), from which a stopped compression resumes.
    A one-shot compression has one stage.

    Parameters
    ----------
    model_name
        File or packaged name of the dense model.
    config
        ``compress`` holds the target, the limits and the stages, ``fit`` the fine-tuning steps of all stages together,
        ``data`` and ``validation`` the images. Without validation images all stages are run, and the last one is kept.
        A teacher named ``"parent"`` is the dense model, which also teaches where ``unlabelled`` slides have no other
        teacher.
    out
        The ``.safetensors`` to write.
    example
        PNG for an example patch, drawn after each cut and at each validation; see `ExamplePatch`.

    Yields
    ------
    StageStarted, StageFit, StageDone, CompressDone
        A stage that an earlier run finished has only its StageDone.

    Raises
    ------
    ValueError
        If a setting is not usable, or a compression with other settings was stopped here.
    MemoryError
        If memory runs out.
    """
    can_lock = out.suffix == ".safetensors" and out.parent.is_dir()
    with advise_on_memory(MEMORY_ADVICE), lock_output(out) if can_lock else nullcontext():
        compression = prepare_compression(model_name, config, out, example)
        total, resumed = sum(compression.fit_steps), _count_finished_steps(compression)
        stages, kept = [score_dense(compression)], KeptStage()
        for step in compression.cuts():
            stage = yield from run_stage(compression, step, sum(one.fit_steps for one in stages))
            stages.append(stage)
            is_within = _is_within(stage, stages[0], compression.config.compress.allowed_drop)
            done = max(resumed, sum(compression.fit_steps[: stage.number]))
            yield StageDone(stage, is_within, done, total)
            if not is_within:
                break
            kept = KeptStage(stage.number, step.plan)
        yield CompressDone(_finish(compression, stages, kept), total)


def _count_finished_steps(compression: Compression) -> int:
    """Return the fine-tuning steps of the stages that earlier runs finished."""
    numbered = enumerate(compression.fit_steps, start=1)
    finished = takewhile(lambda one: compression.folder.read_stage(one[0]) is not None, numbered)
    return sum(steps for _, steps in finished)


def _is_within(stage: Stage, dense: Stage, allowed_drop: float) -> bool:
    """Return whether the first score of a stage is within the allowed drop; True if it was not scored."""
    if not stage.scores:
        return True
    name = next(iter(stage.scores))
    return stage.scores[name] >= dense.scores[name] - allowed_drop


def _finish(compression: Compression, stages: Sequence[Stage], kept: KeptStage) -> CompressReport:
    """Write the model of the kept stage and the report."""
    out = compression.out
    if kept.number:
        save(_add_agreement(load(compression.folder.model_path(kept.number)), compression, stages[kept.number]), out)
    else:
        out.unlink(missing_ok=True)  # of a run that was allowed to lose more; its stage stays
    report = _make_report(compression, stages, kept)
    with write_atomically(out.with_name(f"{out.stem}.report.json")) as part:
        part.write_text(json.dumps(report.to_dict(), indent=1), encoding="utf-8")
    write_report(report, out.with_name(f"{out.stem}.report.html"))
    return report


def _add_agreement(checkpoint: Checkpoint, compression: Compression, stage: Stage) -> Checkpoint:
    """Return a model whose card states its agreement with the parent, if that is what was measured."""
    if not is_agreement(stage.scores):
        return checkpoint
    scores = {score_name(key).removesuffix(f", {AGREEMENT}"): round(value, 4) for key, value in stage.scores.items()}
    where = ", ".join(summarise_windows(list_names(compression.validation)))
    ceiling = _read_ceiling(compression.config)
    best = {} if ceiling is None else {"ceiling of PQ": round(ceiling.scores["pq"], 4)}
    return dataclasses.replace(checkpoint, card={**checkpoint.card, AGREEMENT: {**scores, **best, "on": where}})


def _make_report(compression: Compression, stages: Sequence[Stage], kept: KeptStage) -> CompressReport:
    dense, validation = compression.dense, compression.validation
    keep = kept.plan.keep if kept.plan else {}
    groups = compression.graph.groups
    return CompressReport(
        model=compression.model_name,
        out=compression.out.name,
        settings=_list_settings(compression.config),
        stages=tuple(stages),
        kept=kept.number,
        input_px=make_example(compression.model).shape[-1],
        widths=tuple(
            Width(group.name, group.kind, group.width, len(keep.get(group.name, range(group.width))))
            for group in groups
        ),
        examples=(
            make_examples(
                validation, dense, load(compression.out), compression.config.device, is_parent=compression.is_parent
            )
            if kept.number
            else ()
        ),
        train_images=summarise_windows(list_names(compression.training)),
        validation_images=summarise_windows(list_names(validation)),
        ceiling=_describe_ceiling(compression.config) if is_agreement(stages[0].scores) else "",
    )


def _describe_ceiling(config: TrainConfig) -> str:
    """Return the ceiling of agreement with the teacher, or how to measure it."""
    ceiling = _read_ceiling(config)
    return advise_on_ceiling(config.losses.teacher) if ceiling is None else ceiling.line


def _read_ceiling(config: TrainConfig) -> Ceiling | None:
    """Return how well the teacher agrees with itself when the image is shifted; None if it has not been measured."""
    teacher = load_teacher(config)
    return None if teacher is None else read_ceiling(teacher.card, Path(config.losses.teacher).name)


def _list_settings(config: TrainConfig) -> dict[str, Any]:
    """Return the settings that the report shows, by name."""
    table = make_table(config.compress)
    for name in ("measure", "keep") if config.compress.plan else ("plan",):
        del table[name]
    return {
        **table,
        "fine-tuning steps": config.fit[0].steps,
        "learning rate": config.fit[0].learning_rate,
        "teacher": Path(config.losses.teacher).name or "none",
    }
