"""A compression reaches its target in stages, keeps the smallest model that is good enough, and resumes exactly."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from napari_pathprune.models.hovernet.hovernet_foreign import default_type_names
from napari_pathprune.pruning import Limits, Target, importance, recalibrate
from napari_pathprune.pruning.scoring.importance import Scores
from napari_pathprune.training.fit_events import FitDone, StepDone, Validated
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.compress import calibration, compress_stage
from napari_pathprune.workflows.compress.compress import compress
from napari_pathprune.workflows.compress.compress_events import (
    CompressDone,
    CompressEvent,
    StageDone,
    StageFit,
    StageStarted,
)
from napari_pathprune.workflows.compress.compress_report import CompressReport
from napari_pathprune.workflows.compress.compress_setup import PARENT
from napari_pathprune.workflows.compress.stage_folder import LEDGER, OLD_LEDGER, StageFolder
from napari_pathprune.workflows.config.toml_settings import make_table
from napari_pathprune.workflows.config.train_config import DataSettings, LossSettings, TrainConfig
from napari_pathprune.workflows.prune.prune import repeat_cut

ChangeSettings = Callable[..., TrainConfig]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "small.safetensors"


def report_of(events: Sequence[CompressEvent]) -> CompressReport:
    done = events[-1]
    assert isinstance(done, CompressDone)
    return done.report


def fit_events(events: Iterable[CompressEvent], kind: type) -> list[object]:
    """Return the events of fine-tuning of one kind."""
    return [event.fit for event in events if isinstance(event, StageFit) and isinstance(event.fit, kind)]


def stop_after(events: Iterator[CompressEvent], is_last: Callable[[CompressEvent], bool]) -> CompressEvent:
    """Run a compression up to an event, stop it there, and return the event."""
    last = next(event for event in events if is_last(event))
    events.close()  # type: ignore[attr-defined]
    return last


def is_step(event: CompressEvent) -> bool:
    return isinstance(event, StageFit) and isinstance(event.fit, StepDone)


def equal_weights(one: Path, other: Path) -> bool:
    ours, theirs = load(one).weights, load(other).weights
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def name_event(event: CompressEvent) -> str:
    return type(event.fit if isinstance(event, StageFit) else event).__name__


def test_stages_lead_to_the_target(
    config: TrainConfig, simple_file: Path, simple_checkpoint: Checkpoint, out: Path
) -> None:
    events = list(compress(str(simple_file), config, out))
    stage = ["StageStarted", "StepDone", "StepDone", "FitDone", "StageDone"]
    assert [name_event(event) for event in events] == [*stage, *stage, "CompressDone"]
    report = report_of(events)
    shares = [stage.params / report.dense.params for stage in report.stages]
    assert shares == pytest.approx([1.0, 0.7, 0.4], abs=0.03)
    assert [stage.fit_steps for stage in report.stages] == [0, 2, 2]
    small = load(out)
    assert small.params == report.compact.params
    assert [step["step"] for step in small.lineage] == ["pruned", "fine-tuned"]
    assert small.lineage[0]["fine_tuning_steps_between"] == 2
    cut, _ = repeat_cut(simple_checkpoint, small)  # the plan is in the indices of the dense model
    assert {n: t.shape for n, t in cut.weights.items()} == {n: t.shape for n, t in small.weights.items()}
    after = {width.name: width.after for width in report.widths}
    assert after == {name: kept for name, (_, kept) in small.lineage[0]["widths"].items()} | {
        width.name: width.before for width in report.widths if width.name not in small.lineage[0]["widths"]
    }
    assert json.loads(out.with_name("small.report.json").read_text())["kept"] == 2
    assert "<html" in out.with_name("small.report.html").read_text(encoding="utf-8")


def test_a_hovernet_is_compressed_with_real_scores_and_examples(
    config: TrainConfig, change: ChangeSettings, model_file: Path, out: Path
) -> None:
    config = dataclasses.replace(
        change(steps=1, score_cuts=True),
        fit=(dataclasses.replace(config.fit[0], steps=1),),
        patches=dataclasses.replace(config.patches, patch_px=96),
        validation=(DataSettings("annotated", only=("two",)),),
    )
    report = report_of(list(compress(str(model_file), config, out)))
    assert report.compact.params / report.dense.params == pytest.approx(0.4, abs=0.03)
    for stage in report.stages:
        assert 0.0 <= stage.scores["pq"] <= 1.0
    assert set(report.compact.scores_cut) == set(report.compact.scores)
    assert [example.name for example in report.examples] == ["two"]
    assert (report.train_images, report.validation_images) == (("one",), ("two",))
    assert report.examples[0].truth.shape == report.examples[0].compact.shape


def test_progress_counts_the_steps_of_all_stages(config: TrainConfig, simple_file: Path, out: Path) -> None:
    events = list(compress(str(simple_file), config, out))
    assert {event.total for event in events} == {4}
    assert all(one.done <= other.done for one, other in pairwise(events))
    assert [event.done for event in events if is_step(event)] == [1, 2, 3, 4]
    lines = [event.line for event in events if is_step(event)]
    assert [line.partition(": loss ")[0] for line in lines] == ["stage 1 of 2"] * 2 + ["stage 2 of 2"] * 2


def test_progress_of_a_resumed_compression_starts_where_it_stopped(
    config: TrainConfig, simple_file: Path, out: Path
) -> None:
    stop_after(compress(str(simple_file), config, out), lambda event: isinstance(event, StageDone))
    events = list(compress(str(simple_file), config, out))
    assert [type(event) for event in events[:2]] == [StageDone, StageStarted]
    assert [event.done for event in events[:3]] == [2, 2, 3]


def test_it_stops_when_too_much_is_lost_and_keeps_the_model_before(
    change: ChangeSettings, with_scores: Callable[..., TrainConfig], simple_file: Path, out: Path
) -> None:
    config = with_scores([0.6, 0.55, 0.45], change(steps=3, allowed_drop=0.1))
    events = list(compress(str(simple_file), config, out))
    done = [event for event in events if isinstance(event, StageDone)]
    assert [event.is_within for event in done] == [True, False]
    assert done[1].is_milestone
    assert "the model before it is kept" in done[1].line
    report = report_of(events)
    assert (report.kept, len(report.stages)) == (1, 3)
    assert load(out).params == report.stages[1].params > report.stages[2].params
    assert events[-1].done == events[-1].total


def test_no_model_is_written_if_the_first_stage_loses_too_much(
    change: ChangeSettings, with_scores: Callable[..., TrainConfig], simple_file: Path, out: Path
) -> None:
    config = with_scores([0.6, 0.2], change(allowed_drop=0.1))
    report = report_of(list(compress(str(simple_file), config, out)))
    assert report.kept == 0
    assert all(width.before == width.after for width in report.widths)
    assert not out.exists()
    assert out.with_name("small.report.html").exists()


def test_a_score_from_before_a_stop_counts(
    change: ChangeSettings, with_scores: Callable[..., TrainConfig], simple_file: Path, out: Path
) -> None:
    config = with_scores([0.6, 0.5, 0.4, 0.3, 0.2], change(steps=1))
    config = dataclasses.replace(config, fit=(dataclasses.replace(config.fit[0], validate_every=1),))
    stop_after(
        compress(str(simple_file), config, out),
        lambda event: isinstance(event, StageFit) and isinstance(event.fit, Validated),
    )
    report = report_of(list(compress(str(simple_file), config, out)))
    assert report.compact.scores == {"pq": 0.5}
    assert load(out).lineage[-1]["steps"] == 1


def test_a_lower_learning_rate_resumes(config: TrainConfig, simple_file: Path, out: Path) -> None:
    stop_after(compress(str(simple_file), config, out), lambda event: isinstance(event, StageDone))
    slower = dataclasses.replace(config, fit=(dataclasses.replace(config.fit[0], learning_rate=1e-4),))
    events = list(compress(str(simple_file), slower, out))
    assert [event.number for event in events if isinstance(event, StageStarted)] == [2]


def test_the_time_before_a_stop_is_in_the_report(config: TrainConfig, simple_file: Path, out: Path) -> None:
    stop_after(compress(str(simple_file), config, out), is_step)
    (state,) = out.with_name("small.stages").glob("*.state")
    torch.save(torch.load(state, weights_only=True) | {"seconds": 7200.0}, state)
    report = report_of(list(compress(str(simple_file), config, out)))
    assert 7200.0 < report.stages[1].seconds < 7400.0
    assert "2 h 0 min" in out.with_name("small.report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("events_before", [1, 2, 5, 7])
def test_a_stopped_compression_resumes_exactly(
    config: TrainConfig, simple_file: Path, tmp_path: Path, events_before: int
) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    expected = list(compress(str(simple_file), config, whole))
    stopped = compress(str(simple_file), config, parts)
    for _ in range(events_before):
        next(stopped)
    stopped.close()  # type: ignore[attr-defined]
    assert not parts.exists()
    events = list(compress(str(simple_file), config, parts))
    assert equal_weights(whole, parts)
    steps = len(fit_events(events, StepDone))
    assert steps < len(fit_events(expected, StepDone)) or events_before == 1
    ours, theirs = (
        [dataclasses.replace(stage, seconds=0.0) for stage in report_of(some).stages] for some in (expected, events)
    )
    assert ours == theirs


def test_a_compression_resumes_where_sums_round_differently(
    config: TrainConfig, simple_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    list(compress(str(simple_file), config, whole))
    stop_after(compress(str(simple_file), config, parts), is_step)

    def round_differently(model: nn.Module, images: Iterable[object]) -> nn.Module:
        fresh = recalibrate(model, images)
        with torch.no_grad():
            for values in fresh.state_dict().values():
                values.add_(1e-6 if values.is_floating_point() else 0)
        return fresh

    def reverse_scores(*arguments: object, **named: object) -> Scores:
        return {name: -values for name, values in importance(*arguments, **named).items()}  # type: ignore[arg-type]

    resumed = compress(str(simple_file), config, parts)
    with monkeypatch.context() as patch:
        patch.setattr(calibration, "recalibrate", round_differently)
        patch.setattr(calibration, "importance", reverse_scores)
        first = next(event for event in resumed if is_step(event))
    assert first.done == 2
    list(resumed)
    assert equal_weights(whole, parts)


@pytest.mark.parametrize("killed_in", ["compute_patch_cost", "write_stage"])
def test_a_trained_stage_is_not_trained_again(
    change: ChangeSettings, simple_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_in: str
) -> None:
    config = change(steps=1)
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    list(compress(str(simple_file), config, whole))
    owner = compress_stage if killed_in == "compute_patch_cost" else StageFolder
    call, calls = getattr(owner, killed_in), []

    def die(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) > 1:  # the first call is for the dense model
            raise KeyboardInterrupt
        return call(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, killed_in, die)
        with pytest.raises(KeyboardInterrupt):
            list(compress(str(simple_file), config, parts))
    stages = tmp_path / "parts.stages"
    assert (stages / "stage-01.safetensors").exists()
    events = list(compress(str(simple_file), config, parts))
    assert not fit_events(events, StepDone)
    assert len(fit_events(events, FitDone)) == 1
    assert equal_weights(whole, parts)
    assert not list(stages.glob("*.state*"))
    leftover = stages / "stage-01.safetensors.state"
    leftover.touch()  # as after a kill between the stage's record and the removal of its state
    list(compress(str(simple_file), config, parts))
    assert not leftover.exists()


def test_a_compression_that_an_earlier_version_stopped_resumes(
    config: TrainConfig, simple_file: Path, out: Path
) -> None:
    stop_after(compress(str(simple_file), config, out), lambda event: isinstance(event, StageDone))
    stages = out.with_name("small.stages")
    facts = json.loads((stages / LEDGER).read_text(encoding="utf-8"))
    settings = facts["compress"]
    old = {"left": settings.pop("keep"), "judge_cuts": settings.pop("score_cuts"), **settings}
    (stages / OLD_LEDGER).write_text(json.dumps(facts | {"compress": old}), encoding="utf-8")
    (stages / LEDGER).unlink()
    with pytest.raises(ValueError, match=r"was left by a run with compress\.keep = 0\.4, but it is 0\.3 now"):
        list(compress(str(simple_file), _with_target(config, 0.3), out))
    events = list(compress(str(simple_file), config, out))
    assert [event.number for event in events if isinstance(event, StageStarted)] == [2]
    assert not (stages / OLD_LEDGER).exists()
    assert json.loads((stages / LEDGER).read_text(encoding="utf-8"))["compress"]["keep"] == 0.4


def _with_target(config: TrainConfig, keep: float) -> TrainConfig:
    target = Target("params", keep)
    return dataclasses.replace(config, compress=dataclasses.replace(config.compress, target=target))


def test_types_without_names_get_names(config: TrainConfig, simple_checkpoint: Checkpoint, out: Path) -> None:
    imported = out.with_name("imported.safetensors")
    unnamed = dataclasses.replace(simple_checkpoint, type_names=default_type_names(3), lineage=({"step": "imported"},))
    save(unnamed, imported)
    with pytest.raises(ValueError, match="have no names yet"):
        list(compress(str(imported), config, out))
    taught = dataclasses.replace(
        config, losses=LossSettings(teacher=PARENT), new_type_names=simple_checkpoint.type_names
    )
    list(compress(str(imported), taught, out))
    assert load(out).type_names == simple_checkpoint.type_names
    assert [step["step"] for step in load(out).lineage] == ["imported", "types named", "pruned", "fine-tuned"]
    other = dataclasses.replace(taught, new_type_names=("background", "inflammatory", "neoplastic"))
    with pytest.raises(ValueError, match="was left by a run with model"):
        list(compress(str(imported), other, out))


def test_another_compression_does_not_resume_here(config: TrainConfig, simple_file: Path, out: Path) -> None:
    config = dataclasses.replace(config, validation=(DataSettings("annotated", only=("two",)),))
    stop_after(compress(str(simple_file), config, out), lambda event: isinstance(event, StageStarted))
    with pytest.raises(
        ValueError, match=r"small\.stages was left by a run with compress\.keep = 0\.4, but it is 0\.3 now: .*remove"
    ):
        list(compress(str(simple_file), _with_target(config, 0.3), out))
    enlarged = dataclasses.replace(config, validation=(dataclasses.replace(config.validation[0], zoom=2.0),))
    with pytest.raises(
        ValueError, match=r"small\.stages was left by a run with validation\[1\]\[0\] = 1\.0, but it is 2"
    ):
        list(compress(str(simple_file), enlarged, out))


def test_another_allowed_drop_resumes(
    change: ChangeSettings, with_scores: Callable[..., TrainConfig], simple_file: Path, out: Path
) -> None:
    config = with_scores([0.6, 0.4, 0.3], change(allowed_drop=0.1))
    assert report_of(list(compress(str(simple_file), config, out))).kept == 0
    events = list(compress(str(simple_file), change(config, allowed_drop=0.4), out))
    assert report_of(events).kept == 2
    assert [event.number for event in events if isinstance(event, StageStarted)] == [2]
    assert load(out).params == report_of(events).compact.params
    assert report_of(list(compress(str(simple_file), config, out))).kept == 0
    assert not out.exists()


def test_a_teacher_may_move_but_not_change(
    config: TrainConfig, simple_file: Path, simple_checkpoint: Checkpoint, out: Path, tmp_path: Path
) -> None:
    teacher, other = tmp_path / "teacher.safetensors", tmp_path / "other.safetensors"
    save(simple_checkpoint, teacher)
    taught = dataclasses.replace(config, losses=LossSettings(teacher=str(teacher)))
    stop_after(compress(str(simple_file), taught, out), is_step)
    doubled = {name: 2 * values for name, values in simple_checkpoint.weights.items()}
    save(dataclasses.replace(simple_checkpoint, weights=doubled), other)
    with pytest.raises(ValueError, match=r"small\.stages was left by a run with losses\.teacher = "):
        list(compress(str(simple_file), dataclasses.replace(config, losses=LossSettings(teacher=str(other))), out))
    teacher.rename(moved := tmp_path / "moved.safetensors")
    taught = dataclasses.replace(config, losses=LossSettings(teacher=str(moved)))
    events = list(compress(str(simple_file), taught, out))
    assert next(event.done for event in events if is_step(event)) == 2
    assert report_of(events).kept == 2


def test_groups_lose_no_more_than_their_caps(change: ChangeSettings, simple_file: Path, out: Path) -> None:
    limits = Limits(caps={"*.second": 0.125})
    config = change(target=Target("params", 0.5), limits=limits, steps=1)
    report = report_of(list(compress(str(simple_file), config, out)))
    lost = {width.name: 1.0 - width.after / width.before for width in report.widths}
    assert lost["features.second"] <= 0.125
    assert lost["features.first"] > 0.3
    assert report.settings["caps"] == ("*.second=0.125",)


def test_the_report_lists_the_settings_of_the_config(config: TrainConfig, simple_file: Path, out: Path) -> None:
    report = report_of(list(compress(str(simple_file), config, out)))
    settings = make_table(config.compress)
    assert settings.pop("plan") == ""
    assert report.settings.items() >= settings.items()
    assert "plan" not in report.settings  # a target was asked for, not a plan
    assert report.settings["fine-tuning steps"] == 4


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate"), MemoryError()])
def test_memory_that_runs_out_has_advice(
    config: TrainConfig, simple_file: Path, out: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run_out(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(calibration, "importance", run_out)
    with pytest.raises(MemoryError, match=r"^not enough memory: take smaller patches or a smaller batch$"):
        list(compress(str(simple_file), config, out))


def test_the_parent_can_be_the_teacher(config: TrainConfig, simple_file: Path, out: Path) -> None:
    taught = dataclasses.replace(config, losses=LossSettings(teacher=PARENT))
    step = stop_after(compress(str(simple_file), taught, out), is_step)
    assert isinstance(step, StageFit)
    assert isinstance(step.fit, StepDone)
    assert "np_teacher" in step.fit.losses
