"""Cut, fine-tune, judge, and again: to a compact model with a report, resumable at any point."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from napari_pathprune.datasets.patches.augment import Augmentation
from napari_pathprune.models.hovernet.hovernet_foreign import default_type_names
from napari_pathprune.pruning import importance, recalibrate
from napari_pathprune.pruning.scoring.importance import Scores
from napari_pathprune.training.fit_events import StepDone, Validated
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.compress import evidence
from napari_pathprune.workflows.compress.compress import PARENT, CompressDone, StageDone, StageStarted, compress
from napari_pathprune.workflows.compress.compress_report import CompressReport
from napari_pathprune.workflows.compress.stage_folder import StageFolder
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.train_config import (
    DataSettings,
    LossSettings,
    ModelSettings,
    PatchSettings,
    TrainConfig,
)
from napari_pathprune.workflows.prune.prune import cost_per_patch, cut_as


@pytest.fixture
def config(annotated_folder: Path) -> TrainConfig:
    return TrainConfig(
        base=annotated_folder.parent,
        model=ModelSettings(),
        fit=(FitSettings(steps=4, batch=1, save_every=1, accelerator="cpu"),),
        patches=PatchSettings(patch_px=96),
        augmentation=Augmentation(),
        data=(DataSettings("annotated", only=("one",)),),
        compress=CompressSettings(left=0.4, steps=2, recalibrate=2),
    )


def judged(config: TrainConfig, monkeypatch: pytest.MonkeyPatch, scores: Sequence[float]) -> TrainConfig:
    """Let validations give these scores in turn, the dense model's first."""
    turn: Iterator[float] = iter(scores)

    def score(*_args: object, **_more: object) -> dict[str, float]:
        return {"pq": next(turn)}

    monkeypatch.setattr("napari_pathprune.workflows.compress.compress.score_validation", score)
    monkeypatch.setattr("napari_pathprune.workflows.train.train.score_validation", score)
    return dataclasses.replace(config, validation=(DataSettings("annotated", only=("two",)),))


def settings(config: TrainConfig, **changes: Any) -> TrainConfig:
    return dataclasses.replace(config, compress=dataclasses.replace(config.compress, **changes))


def report_of(events: Sequence[object]) -> CompressReport:
    done = events[-1]
    assert isinstance(done, CompressDone)
    return done.report


def test_steps_lead_to_the_target(
    config: TrainConfig, model_file: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    out = tmp_path / "small.safetensors"
    events = list(compress(str(model_file), config, out))
    assert [type(event).__name__ for event in events] == [
        "StageStarted",
        "StepDone",
        "StepDone",
        "FitDone",
        "StageDone",
        "StageStarted",
        "StepDone",
        "StepDone",
        "FitDone",
        "StageDone",
        "CompressDone",
    ]
    report = report_of(events)
    shares = [stage.params / report.dense.params for stage in report.stages]
    assert shares == pytest.approx([1.0, 0.7, 0.4], abs=0.03)
    assert [stage.fit_steps for stage in report.stages] == [0, 2, 2]
    small = load(out)
    assert small.params == report.compact.params
    assert [step["step"] for step in small.lineage] == ["pruned", "fine-tuned"]
    assert small.lineage[0]["fine_tuning_steps_between"] == 2
    cut, _ = cut_as(checkpoint, small)  # the plan is in the indices of the dense model
    assert {n: t.shape for n, t in cut.weights.items()} == {n: t.shape for n, t in small.weights.items()}
    after = {width.name: width.after for width in report.widths}
    assert after == {name: left for name, (_, left) in small.lineage[0]["widths"].items()} | {
        width.name: width.before for width in report.widths if width.name not in small.lineage[0]["widths"]
    }
    assert json.loads((tmp_path / "small.report.json").read_text())["kept"] == 2
    assert "<html" in (tmp_path / "small.report.html").read_text(encoding="utf-8")


def test_real_scores_and_examples_come_into_the_report(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    config = settings(config, steps=1, judge_cuts=True)
    config = dataclasses.replace(
        config,
        fit=(dataclasses.replace(config.fit[0], steps=1),),
        validation=(DataSettings("annotated", only=("two",)),),
    )
    report = report_of(list(compress(str(model_file), config, tmp_path / "small.safetensors")))
    for stage in report.stages:
        assert 0.0 <= stage.scores["pq"] <= 1.0
    assert set(report.compact.scores_cut) == set(report.compact.scores)
    assert [example.name for example in report.examples] == ["two"]
    assert (report.train_images, report.validation_images) == (("one",), ("two",))
    assert report.examples[0].truth.shape == report.examples[0].compact.shape


def test_it_stops_where_too_much_is_lost_and_keeps_the_one_before(
    config: TrainConfig, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = judged(settings(config, steps=3, allowed_drop=0.1), monkeypatch, [0.6, 0.55, 0.45])
    out = tmp_path / "small.safetensors"
    events = list(compress(str(model_file), config, out))
    assert [event.within for event in events if isinstance(event, StageDone)] == [True, False]
    report = report_of(events)
    assert (report.kept, len(report.stages)) == (1, 3)
    assert load(out).params == report.stages[1].params > report.stages[2].params


def test_if_even_the_first_cut_loses_too_much_nothing_is_written(
    config: TrainConfig, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = judged(settings(config, allowed_drop=0.1), monkeypatch, [0.6, 0.2])
    out = tmp_path / "small.safetensors"
    report = report_of(list(compress(str(model_file), config, out)))
    assert report.kept == 0
    assert not out.exists()
    assert (tmp_path / "small.report.html").exists()


def test_a_score_from_before_a_stop_counts(
    config: TrainConfig, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = judged(settings(config, steps=1), monkeypatch, [0.6, 0.5, 0.4, 0.3, 0.2])
    config = dataclasses.replace(config, fit=(dataclasses.replace(config.fit[0], validate_every=1),))
    out = tmp_path / "small.safetensors"
    stopped = compress(str(model_file), config, out)
    next(event for event in stopped if isinstance(event, Validated))
    stopped.close()
    report = report_of(list(compress(str(model_file), config, out)))
    assert report.compact.scores == {"pq": 0.5}
    assert load(out).lineage[-1]["steps"] == 1


def test_a_drop_that_nothing_can_tell_is_refused(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no validation images to tell it by"):
        list(compress(str(model_file), settings(config, allowed_drop=0.1), tmp_path / "small.safetensors"))


def test_a_lower_rate_goes_on_with_what_was_begun(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    stopped = compress(str(model_file), config, out)
    next(event for event in stopped if isinstance(event, StageDone))
    stopped.close()
    slower = dataclasses.replace(config, fit=(dataclasses.replace(config.fit[0], learning_rate=1e-4),))
    events = list(compress(str(model_file), slower, out))
    assert [event.number for event in events if isinstance(event, StageStarted)] == [2]


def test_the_time_before_a_stop_is_in_the_report(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    stopped = compress(str(model_file), config, out)
    next(event for event in stopped if isinstance(event, StepDone))
    stopped.close()
    (state,) = (tmp_path / "small.stages").glob("*.state")
    torch.save(torch.load(state, weights_only=True) | {"seconds": 7200.0}, state)
    report = report_of(list(compress(str(model_file), config, out)))
    assert 7200.0 < report.stages[1].seconds < 7400.0
    assert "All of it took 2 h 0" in (tmp_path / "small.report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("events_before", [1, 2, 5, 7])
def test_a_stopped_compression_goes_on_exactly(
    config: TrainConfig, model_file: Path, tmp_path: Path, events_before: int
) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    expected = list(compress(str(model_file), config, whole))
    stopped = compress(str(model_file), config, parts)
    for _ in range(events_before):
        next(stopped)
    stopped.close()
    assert not parts.exists()
    events = list(compress(str(model_file), config, parts))
    one, other = load(whole).weights, load(parts).weights
    assert all(torch.equal(one[name], other[name]) for name in one)
    steps = sum(isinstance(event, StepDone) for event in events)
    assert steps < sum(isinstance(event, StepDone) for event in expected) or events_before == 1
    ours, theirs = (
        [dataclasses.replace(stage, seconds=0.0) for stage in report_of(some).stages] for some in (expected, events)
    )
    assert ours == theirs


def test_it_goes_on_where_sums_are_rounded_otherwise(
    config: TrainConfig, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(config, criterion="l2", recalibrate=2)
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    list(compress(str(model_file), config, whole))
    stopped = compress(str(model_file), config, parts)
    for event in stopped:
        if isinstance(event, StepDone):
            break
    stopped.close()

    def rounded(model: nn.Module, images: Iterable[object]) -> nn.Module:
        fresh = recalibrate(model, images)
        with torch.no_grad():
            for values in fresh.state_dict().values():
                values.add_(1e-6 if values.is_floating_point() else 0)
        return fresh

    def other_scores(*arguments: Any, **named: Any) -> Scores:
        return {name: -values for name, values in importance(*arguments, **named).items()}

    monkeypatch.setattr(evidence, "recalibrate", rounded)
    monkeypatch.setattr(evidence, "importance", other_scores)
    resumed = compress(str(model_file), config, parts)
    assert next(event.step for event in resumed if isinstance(event, StepDone)) == 2
    monkeypatch.undo()
    list(resumed)
    one, other = load(whole).weights, load(parts).weights
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("killed_in", ["compress.cost_per_patch", "stages.StageFolder.keep"])
def test_a_stage_that_is_trained_is_not_trained_again(
    config: TrainConfig, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_in: str
) -> None:
    config = settings(config, steps=1)
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    list(compress(str(model_file), config, whole))
    real, calls = (
        {"cost_per_patch": cost_per_patch, "keep": StageFolder.keep}[killed_in.rsplit(".", maxsplit=1)[-1]],
        count(),
    )

    def dies(*arguments: Any) -> object:
        if next(calls):  # the first is for the dense model
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(f"napari_pathprune.workflows.{killed_in}", dies)
        with pytest.raises(KeyboardInterrupt):
            list(compress(str(model_file), config, parts))
    assert (tmp_path / "parts.stages" / "stage-01.safetensors").exists()
    events = list(compress(str(model_file), config, parts))
    assert not any(isinstance(event, StepDone) for event in events)
    one, other = load(whole).weights, load(parts).weights
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not list((tmp_path / "parts.stages").glob("*.state*"))
    left = tmp_path / "parts.stages" / "stage-01.safetensors.state"
    left.touch()  # as by a kill after the stage was kept
    list(compress(str(model_file), config, parts))
    assert not left.exists()


def test_types_without_names_are_named(config: TrainConfig, checkpoint: Checkpoint, tmp_path: Path) -> None:
    imported, out = tmp_path / "imported.safetensors", tmp_path / "small.safetensors"
    save(dataclasses.replace(checkpoint, type_names=default_type_names(3), lineage=({"step": "imported"},)), imported)
    with pytest.raises(ValueError, match="have no names yet"):
        list(compress(str(imported), config, out))
    taught = dataclasses.replace(config, losses=LossSettings(teacher=PARENT), rename=checkpoint.type_names)
    list(compress(str(imported), taught, out))
    assert load(out).type_names == checkpoint.type_names
    assert [step["step"] for step in load(out).lineage] == ["imported", "types named", "pruned", "fine-tuned"]
    other = dataclasses.replace(taught, rename=("background", "inflammatory", "neoplastic"))
    with pytest.raises(ValueError, match="was left by a run with model"):
        list(compress(str(imported), other, out))


def test_a_model_of_another_origin_is_not_overwritten(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    out.write_bytes(b"precious")
    with pytest.raises(
        ValueError, match=r"small\.safetensors is there already, and no stages of a compression beside it"
    ):
        list(compress(str(model_file), config, out))
    assert out.read_bytes() == b"precious"


def test_another_compression_does_not_go_on_here(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(config, validation=(DataSettings("annotated", only=("two",)),))
    out = tmp_path / "small.safetensors"
    stopped = compress(str(model_file), config, out)
    next(stopped)
    stopped.close()
    with pytest.raises(
        ValueError, match=r"small\.stages was left by a run with compress\.left = 0\.4, but it is 0\.3 now: .*remove"
    ):
        list(compress(str(model_file), settings(config, left=0.3), out))
    enlarged = dataclasses.replace(config, validation=(dataclasses.replace(config.validation[0], zoom=2.0),))
    with pytest.raises(
        ValueError, match=r"small\.stages was left by a run with validation\[1\]\[0\] = 1\.0, but it is 2"
    ):
        list(compress(str(model_file), enlarged, out))


def test_another_allowed_drop_goes_on_with_what_was_begun(
    config: TrainConfig, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = judged(settings(config, allowed_drop=0.1), monkeypatch, [0.6, 0.4, 0.3])
    out = tmp_path / "small.safetensors"
    assert report_of(list(compress(str(model_file), config, out))).kept == 0
    events = list(compress(str(model_file), settings(config, allowed_drop=0.4), out))
    assert report_of(events).kept == 2
    assert [event.number for event in events if isinstance(event, StageStarted)] == [2]
    assert load(out).params == report_of(events).compact.params
    assert report_of(list(compress(str(model_file), config, out))).kept == 0
    assert not out.exists()


def test_a_teacher_may_move_but_not_change(
    config: TrainConfig, model_file: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    out, teacher, other = (tmp_path / f"{name}.safetensors" for name in ("small", "teacher", "other"))
    save(checkpoint, teacher)
    taught = dataclasses.replace(config, losses=LossSettings(teacher=str(teacher)))
    stopped = compress(str(model_file), taught, out)
    next(event for event in stopped if isinstance(event, StepDone))
    stopped.close()
    save(dataclasses.replace(checkpoint, weights={n: 2 * w for n, w in checkpoint.weights.items()}), other)
    with pytest.raises(ValueError, match=r"small\.stages was left by a run with losses\.teacher = "):
        list(compress(str(model_file), dataclasses.replace(config, losses=LossSettings(teacher=str(other))), out))
    teacher.rename(moved := tmp_path / "moved.safetensors")
    events = list(compress(str(model_file), dataclasses.replace(config, losses=LossSettings(teacher=str(moved))), out))
    assert next(event.step for event in events if isinstance(event, StepDone)) == 2
    assert report_of(events).kept == 2


def test_groups_lose_no_more_than_their_caps(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    config = settings(config, caps=("decoder.*=0.1",), left=0.5, steps=1)
    report = report_of(list(compress(str(model_file), config, tmp_path / "small.safetensors")))
    lost = {width.name: 1.0 - width.after / width.before for width in report.widths}
    assert max(share for name, share in lost.items() if name.startswith("decoder.")) <= 0.1
    assert max(lost.values()) > 0.3
    with pytest.raises(ValueError, match=r"got the cap 'decoder'; give GLOB=R"):
        settings(config, caps=("decoder",))


@pytest.mark.parametrize("criterion", ["l1", "bn_scale", "fpgm", "taylor", "random"])
def test_every_criterion_works(config: TrainConfig, model_file: Path, tmp_path: Path, criterion: str) -> None:
    config = settings(config, steps=1, criterion=criterion)
    config = dataclasses.replace(config, fit=(dataclasses.replace(config.fit[0], steps=1),))
    out = tmp_path / "small.safetensors"
    events = list(compress(str(model_file), config, out))
    assert [type(event) for event in events[:2]] == [StageStarted, StepDone]
    assert load(out).lineage[0]["plan"]["criterion"] == criterion


def test_re_estimated_norms_and_none_are_two_things(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    still = dataclasses.replace(config.fit[0], steps=1, learning_rate=1e-30, weight_decay=0.0)
    config = settings(dataclasses.replace(config, fit=(still,)), steps=1)
    found = {}
    for batches in (0, 2):
        out = tmp_path / f"small-{batches}.safetensors"
        list(compress(str(model_file), settings(config, recalibrate=batches), out))
        found[batches] = load(out).weights
    name = "decoder.np.u0.bn.running_var"
    name = name if name in found[0] else next(n for n in found[0] if n.endswith("running_var"))
    assert not torch.allclose(found[0][name], found[2][name])
    weight = "conv0./.weight"
    assert torch.equal(found[0][weight], found[2][weight])


def test_the_parent_can_teach(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    taught = dataclasses.replace(config, losses=LossSettings(teacher=PARENT))
    events = compress(str(model_file), taught, tmp_path / "small.safetensors")
    step = next(event for event in events if isinstance(event, StepDone))
    assert "np_teacher" in step.losses


def test_several_phases_are_refused(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    twice = dataclasses.replace(config, fit=config.fit * 2)
    with pytest.raises(ValueError, match=r"got 2 phases of \[\[fit\]\]"):
        list(compress(str(model_file), twice, tmp_path / "small.safetensors"))


def test_out_must_be_a_model_file(config: TrainConfig, model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"name it small\.safetensors"):
        list(compress(str(model_file), config, tmp_path / "small.pth"))


@pytest.mark.parametrize(("steps", "total"), [(1, 100), (2, 100), (7, 100), (14, 3)])
def test_fine_tuning_is_shared_and_nothing_is_lost(steps: int, total: int) -> None:
    shared = CompressSettings(steps=steps).fit_steps(total)
    assert len(shared) == steps
    assert min(shared) >= 1
    assert sum(shared) == max(total, steps)


def test_the_papers_steps() -> None:
    targets = CompressSettings(measure="channels", left=0.32, step_ratio=0.05).targets()
    assert [target.ratio for target in targets] == pytest.approx([0.05 * number for number in range(1, 14)] + [0.68])
