"""Training from a config or a folder writes a model that loads, and a stopped training resumes exactly."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import pytest
import torch
from torch import nn

from napari_pathprune.models.hovernet.hovernet_foreign import default_type_names
from napari_pathprune.training.fit_events import FitDone, StepDone, Validated
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.config.train_config import LossSettings, PatchSettings, TrainConfig, read_config
from napari_pathprune.workflows.train.train import train

CONFIG = """
[model]
architecture = "two-convolutions"
width = 0.25
type_names = ["background", "neoplastic", "inflammatory"]
licence = "CC0-1.0"

[fit]
steps = {steps}
batch = 1
save_every = 1

[patches]
patch_px = 64

[[data]]
folder = "annotated"
leave_out = ["two"]
"""


@pytest.fixture
def config_file(annotated_folder: Path, two_convolutions: str) -> Path:
    assert f'"{two_convolutions}"' in CONFIG
    path = annotated_folder.parent / "train.toml"
    path.write_text(CONFIG.format(steps=2), encoding="utf-8")
    return path


@pytest.mark.parametrize("architecture", ["two-convolutions", "hovernet"])
def test_a_config_trains_a_model_that_loads(config_file: Path, tmp_path: Path, architecture: str) -> None:
    out = tmp_path / "model.safetensors"
    config = read_config(config_file)
    if architecture == "hovernet":
        model = dataclasses.replace(config.model, architecture=architecture, width=0.0625)
        config = dataclasses.replace(config, model=model, patches=PatchSettings(patch_px=96))
    events = list(train(config, out))
    assert [type(event) for event in events] == [StepDone, StepDone, FitDone]
    loaded = load(out)
    assert loaded.type_names == ("background", "neoplastic", "inflammatory")
    assert loaded.licence == "CC0-1.0"
    assert loaded.lineage[-1]["step"] == "trained"
    assert loaded.lineage[-1]["images"] == 1
    assert not out.with_name("model.safetensors.state").exists()


def test_a_stopped_run_resumes_exactly(config_file: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    list(train(read_config(config_file), whole))
    stopped = train(read_config(config_file), parts)
    next(stopped)
    stopped.close()
    assert not parts.exists()
    resumed = [event.step for event in train(read_config(config_file), parts) if isinstance(event, StepDone)]
    assert resumed == [2]
    expected, given = load(whole).weights, load(parts).weights
    assert all(torch.equal(expected[name], given[name]) for name in expected)


def test_fine_tuning_keeps_the_model_and_adds_to_its_lineage(
    config_file: Path, simple_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    out = tmp_path / "tuned.safetensors"
    start = Checkpoint(
        **{**{n: getattr(simple_checkpoint, n) for n in simple_checkpoint.__slots__}, "lineage": ({"step": "trained"},)}
    )
    list(train(read_config(config_file), out, start=start))
    tuned = load(out)
    assert [step["step"] for step in tuned.lineage] == ["trained", "fine-tuned"]
    assert tuned.config == simple_checkpoint.config
    name = "features.second.weight"
    assert not torch.equal(tuned.weights[name], simple_checkpoint.weights[name])


def test_a_stopped_run_does_not_resume_with_other_settings(config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    config = with_validation(read_config(config_file))
    stream = train(config, out)
    for event in stream:
        if isinstance(event, StepDone) and event.step == 2:
            stream.close()  # type: ignore[attr-defined]
            break
    other = dataclasses.replace(config, patches=dataclasses.replace(config.patches, seed=99))
    with pytest.raises(
        ValueError, match=r"was left by a run with patches\.seed = 1, but it is 99 now: .*remove the file"
    ):
        list(train(other, out))
    enlarged = dataclasses.replace(config, validation=(dataclasses.replace(config.validation[0], zoom=2.0),))
    with pytest.raises(
        ValueError, match=r"was left by a run with validation\[1\]\[0\] = 1\.0, but it is 2\.0 now: .*remove the file"
    ):
        list(train(enlarged, out))


def test_the_folder_of_the_model_must_exist(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere does not exist; create it first"):
        next(iter(train(read_config(config_file), tmp_path / "nowhere" / "model.safetensors")))


def test_out_must_be_a_model_file(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"name it model\.safetensors"):
        next(iter(train(read_config(config_file), tmp_path / "model.pth")))


def test_a_finished_training_is_not_overwritten(config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    config = read_config(config_file)
    list(train(config, out))
    before = out.read_bytes()
    nowhere = dataclasses.replace(config, data=(dataclasses.replace(config.data[0], folder="nowhere"),))
    for again in (config, nowhere):  # refused before the images are read
        with pytest.raises(ValueError, match=r"model\.safetensors exists already, .*: give another file"):
            next(iter(train(again, out)))
    assert out.read_bytes() == before


def test_the_end_can_be_recorded_before_the_state_is_removed(config_file: Path, tmp_path: Path) -> None:
    out, state = tmp_path / "model.safetensors", tmp_path / "model.safetensors.state"
    config = read_config(config_file)
    stream = train(config, out)
    done = next(event for event in stream if isinstance(event, FitDone))
    assert state.exists()
    stream.close()  # type: ignore[attr-defined]
    (again,) = train(config, out)  # the run that follows a stop in between
    assert isinstance(again, FitDone)
    assert (again.steps, again.best_step) == (done.steps, done.best_step)
    assert not state.exists()


def with_validation(config: TrainConfig, **phase: object) -> TrainConfig:
    """Validate on the image that is left out of the training."""
    only = dataclasses.replace(config.data[0], leave_out=(), only=("two",))
    fit = dataclasses.replace(config.fit[0], **phase)  # type: ignore[arg-type]
    return dataclasses.replace(config, fit=(fit,), validation=(only,))


def set_scores(monkeypatch: pytest.MonkeyPatch, scores: Sequence[float]) -> None:
    """Replace the validation by one that returns these scores in turn."""
    turn: Iterator[float] = iter(scores)
    monkeypatch.setattr("napari_pathprune.workflows.train.train.score_validation", lambda *_a, **_k: {"pq": next(turn)})


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_validation_scores_the_model(config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    events = list(train(with_validation(read_config(config_file)), out))
    (validated,) = [event for event in events if isinstance(event, Validated)]
    assert list(validated.scores)[:3] == ["pq", "aji", "dice"]
    assert all(0.0 <= score <= 1.0 for score in validated.scores.values())


def test_the_use_of_each_image_is_recorded(annotated_folder: Path, two_convolutions: str, tmp_path: Path) -> None:
    config = dataclasses.replace(read_config(annotated_folder), hold_out=2, patches=PatchSettings(patch_px=64))
    model = dataclasses.replace(config.model, architecture=two_convolutions)
    config = dataclasses.replace(config, model=model, fit=(FitSettings(steps=1, batch=1),))
    next(train(config, tmp_path / "model.safetensors"))
    training, validation = rows(tmp_path / "model.images.csv")
    assert (training["use"], validation["use"]) == ("training", "validation")
    assert training["image"] < validation["image"]


def test_the_best_and_the_last_model_are_both_written(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_scores(monkeypatch, [0.1, 0.7, 0.3])
    out = tmp_path / "model.safetensors"
    seen = {}
    for event in train(with_validation(read_config(config_file), steps=3, validate_every=1), out):
        if isinstance(event, Validated):
            seen[event.step] = load(out).weights if event.best else None
    best, last = load(out), load(tmp_path / "model.last.safetensors")
    assert (best.lineage[-1]["steps"], last.lineage[-1]["steps"]) == (2, 3)
    assert seen[3] is None
    name = "features.second.weight"
    assert torch.equal(best.weights[name], seen[2][name])  # type: ignore[index]
    assert not torch.equal(best.weights[name], last.weights[name])
    assert [(row["step"], row["pq"], row["best"]) for row in rows(tmp_path / "model.validation.csv")] == [
        ("1", "0.1", "1"),
        ("2", "0.7", "1"),
        ("3", "0.3", "0"),
    ]
    assert cv2.imread(str(tmp_path / "model.curves.png")).std() > 1


def test_a_run_stopped_after_its_best_model_resumes(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_scores(monkeypatch, [0.7, 0.3])
    out = tmp_path / "model.safetensors"
    config = with_validation(read_config(config_file), steps=4, validate_every=2, save_every=1000)
    stopped = train(config, out)
    next(event for event in stopped if isinstance(event, Validated))
    stopped.close()  # type: ignore[attr-defined]
    assert out.exists()
    events = list(train(config, out))
    assert [event.step for event in events if isinstance(event, StepDone)] == [3, 4]
    assert isinstance(events[-1], FitDone)
    assert events[-1].best_step == 2


def test_the_log_of_a_resumed_run_equals_that_of_an_uninterrupted_one(config_file: Path, tmp_path: Path) -> None:
    config = read_config(config_file)
    config = dataclasses.replace(config, fit=(dataclasses.replace(config.fit[0], steps=4, save_every=2),))
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    list(train(config, whole))
    stopped = train(config, parts)
    for _ in range(3):  # the third step is logged, but not in the state
        next(stopped)
    stopped.close()
    list(train(config, parts))
    one, other = (rows(path.with_name(f"{path.stem}.log.csv")) for path in (whole, parts))
    assert [row["step"] for row in one] == ["1", "2", "3", "4"]
    for row in (*one, *other):
        del row["seconds"]
    assert other == one


def phases(config: TrainConfig) -> TrainConfig:
    """Train the decoder first, then all, as HoVer-Net was trained."""
    first = dataclasses.replace(config.fit[0], frozen=("features.*",))
    return dataclasses.replace(config, fit=(first, config.fit[0]))


def test_two_phases_follow_each_other(config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    config = phases(read_config(config_file))
    events = list(train(config, out))
    assert [type(event) for event in events] == 2 * [StepDone, StepDone, FitDone]
    assert load(out).lineage[-1]["steps"] == 4
    assert [(row["phase"], row["step"]) for row in rows(tmp_path / "model.log.csv")] == [
        ("1", "1"),
        ("1", "2"),
        ("2", "1"),
        ("2", "2"),
    ]
    only = dataclasses.replace(config, fit=config.fit[:1])
    list(train(only, tmp_path / "first.safetensors"))
    list(train(dataclasses.replace(config, fit=config.fit[1:]), tmp_path / "second.safetensors"))
    first, second = (load(tmp_path / f"{name}.safetensors").weights for name in ("first", "second"))
    encoder, decoder = "features.second.weight", "heads.np.weight"
    assert not torch.equal(first[decoder], torch.zeros_like(first[decoder]))
    assert torch.equal(first[encoder], fresh_weights(config_file, tmp_path)[encoder])
    assert not torch.equal(second[encoder], first[encoder])


def fresh_weights(config_file: Path, tmp_path: Path) -> dict[str, torch.Tensor]:
    """Return the weights that a training starts from: those after a step with a negligible learning rate."""
    config = read_config(config_file)
    still = dataclasses.replace(config.fit[0], steps=1, learning_rate=1e-30, weight_decay=0.0)
    list(train(dataclasses.replace(config, fit=(still,)), tmp_path / "still.safetensors"))
    return dict(load(tmp_path / "still.safetensors").weights)


@pytest.mark.parametrize("events_before", [1, 3, 4])
def test_a_run_stopped_in_either_phase_resumes_exactly(config_file: Path, tmp_path: Path, events_before: int) -> None:
    config = phases(read_config(config_file))
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    list(train(config, whole))
    stopped = train(config, parts)
    for _ in range(events_before):
        next(stopped)
    stopped.close()
    list(train(config, parts))
    expected, given = load(whole).weights, load(parts).weights
    assert all(torch.equal(expected[name], given[name]) for name in expected)


def test_a_loss_that_is_not_finite_leaves_the_last_good_weights(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_pathprune.training.losses import hovernet_losses

    turn = iter(range(9))

    def breaks(maps: dict[str, torch.Tensor], batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        bad = float("nan") if next(turn) == 1 else 1.0
        return {name: term * bad for name, term in hovernet_losses(maps, batch).items()}

    monkeypatch.setattr("napari_pathprune.workflows.train.config_losses.hovernet_losses", breaks)
    out = tmp_path / "model.safetensors"
    with pytest.raises(ValueError, match=r"not finite at step 2; .*last good weights are in .*model\.last-good"):
        list(train(read_config(config_file), out))
    good = load(tmp_path / "model.last-good.safetensors")
    assert all(tensor.isfinite().all() for tensor in good.weights.values())
    assert not out.exists()


def test_a_teacher_adds_its_losses(
    config_file: Path, simple_checkpoint: Checkpoint, simple_file: Path, tmp_path: Path
) -> None:
    config = read_config(config_file)
    taught = dataclasses.replace(config, losses=LossSettings(teacher=str(simple_file), teacher_share=0.9))
    first = next(event for event in train(taught, tmp_path / "a.safetensors") if isinstance(event, StepDone))
    assert {"np_teacher", "tp_teacher", "hv_teacher"} < set(first.losses)
    same = next(
        event
        for event in train(taught, tmp_path / "b.safetensors", start=simple_checkpoint)
        if isinstance(event, StepDone)
    )
    assert same.losses["np_teacher"] < first.losses["np_teacher"]


def test_a_run_does_not_resume_with_another_teacher(
    config_file: Path, simple_checkpoint: Checkpoint, simple_file: Path, tmp_path: Path
) -> None:
    out, teacher = tmp_path / "model.safetensors", tmp_path / "teacher.safetensors"
    teacher.write_bytes(simple_file.read_bytes())
    taught = dataclasses.replace(read_config(config_file), losses=LossSettings(teacher=str(teacher)))
    stopped = train(taught, out)
    next(event for event in stopped if isinstance(event, StepDone))
    stopped.close()  # type: ignore[attr-defined]
    save(
        dataclasses.replace(simple_checkpoint, weights={n: 2 * w for n, w in simple_checkpoint.weights.items()}),
        teacher,
    )
    with pytest.raises(ValueError, match=r"was left by a run with losses\.teacher = \w{16}, but it is \w{16} now"):
        list(train(taught, out))
    moved = dataclasses.replace(taught, losses=LossSettings(teacher=str(simple_file)))
    assert next(event.step for event in train(moved, out) if isinstance(event, StepDone)) == 2


@pytest.fixture
def imported(simple_checkpoint: Checkpoint) -> Checkpoint:
    """Return a model whose types have no names."""
    return dataclasses.replace(
        simple_checkpoint, type_names=default_type_names(3), lineage=({"step": "imported", "file": "a.tar"},)
    )


def test_types_are_named_before_they_are_trained_on(config_file: Path, imported: Checkpoint, tmp_path: Path) -> None:
    save(imported, tmp_path / "imported.safetensors")
    out = tmp_path / "tuned.safetensors"
    config = read_config(config_file)
    config = dataclasses.replace(config, losses=LossSettings(teacher=str(tmp_path / "imported.safetensors")))
    first = next(event for event in train(config, out, start=imported) if isinstance(event, StepDone))
    assert {"tp_ce", "tp_teacher"} < set(first.losses)  # the teacher is recognised by its earlier names
    with pytest.raises(ValueError, match="no names yet"):
        next(
            iter(train(dataclasses.replace(config, new_type_names=()), tmp_path / "other.safetensors", start=imported))
        )
    names = ("background", "inflammatory", "neoplastic")
    with pytest.raises(ValueError, match=r"was left by a run with start = .*neoplastic inflammatory, but it is"):
        next(iter(train(dataclasses.replace(config, new_type_names=names), out, start=imported)))
    list(train(config, out, start=imported))
    tuned = load(out)
    assert tuned.type_names == config.model.type_names
    assert [step["step"] for step in tuned.lineage] == ["imported", "types named", "fine-tuned"]


def test_a_teacher_of_other_types_is_refused(config_file: Path, simple_checkpoint: Checkpoint, tmp_path: Path) -> None:
    other = dataclasses.replace(simple_checkpoint, type_names=("background", "inflammatory", "neoplastic"))
    save(other, tmp_path / "teacher.safetensors")
    config = dataclasses.replace(
        read_config(config_file), losses=LossSettings(teacher=str(tmp_path / "teacher.safetensors"))
    )
    with pytest.raises(ValueError, match=r"teacher\.safetensors has type_names = .*; give another"):
        next(iter(train(config, tmp_path / "model.safetensors", start=simple_checkpoint)))


def test_slimming_adds_its_penalty(config_file: Path, tmp_path: Path, simple_checkpoint: Checkpoint) -> None:
    config = dataclasses.replace(read_config(config_file), losses=LossSettings(slimming=1e-3))
    first = next(event for event in train(config, tmp_path / "a.safetensors") if isinstance(event, StepDone))
    norms = [module for module in simple_checkpoint.model().modules() if isinstance(module, nn.BatchNorm2d)]
    most = 1e-3 * sum(norm.num_features for norm in norms)  # each weight begins at 1
    assert 0.5 * most < first.losses["penalty"] <= most


def test_types_that_the_data_name_differently_are_refused(config_file: Path, tmp_path: Path) -> None:
    config = read_config(config_file)
    misnamed = tuple(name.replace("neoplastic", "tumour") for name in config.model.type_names)
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, type_names=misnamed))
    with pytest.raises(ValueError, match=r"has the type 'tumour', which the data lack, .* have 'neoplastic'"):
        list(train(config, tmp_path / "model.safetensors"))
