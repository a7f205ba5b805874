"""The log of a training has a row for each step, validation and image, and resumes where the training does."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from napari_pathprune.training.fit_events import BatchSplit, StepDone, Validated
from napari_pathprune.workflows.train.fit_log import FitLog


def step(number: int, loss: float = 1.0, **more: float) -> StepDone:
    return StepDone(number, 9, {"np_ce": loss, **more}, learning_rate=0.1, seconds=2.0)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_steps_and_validations_have_their_own_tables(tmp_path: Path) -> None:
    log = FitLog(tmp_path / "model.safetensors")
    log.write(1, step(1, 0.5, hv_mse=0.25))
    log.write(1, BatchSplit(2, 9, 2))
    log.write(1, Validated(1, 9, {"pq": 0.4}, best=True, weights={}))
    (row,) = rows(tmp_path / "model.log.csv")
    assert row == {
        "phase": "1",
        "step": "1",
        "learning_rate": "0.1",
        "seconds": "2.000",
        "total": "0.75",
        "np_ce": "0.5",
        "hv_mse": "0.25",
    }
    assert rows(tmp_path / "model.validation.csv") == [{"phase": "1", "step": "1", "pq": "0.4", "best": "1"}]


def test_a_resumed_log_drops_the_steps_that_are_repeated(tmp_path: Path) -> None:
    first = FitLog(tmp_path / "model.safetensors")
    for phase, number in ((1, 1), (1, 2), (2, 1), (2, 2)):
        first.write(phase, step(number, loss=float(number)))
    again = FitLog(tmp_path / "model.safetensors")
    again.write(2, step(1, loss=7.0))
    again.write(2, step(2, loss=8.0))
    logged = [(row["phase"], row["step"], row["np_ce"]) for row in rows(tmp_path / "model.log.csv")]
    assert logged == [("1", "1", "1"), ("1", "2", "2"), ("2", "1", "7"), ("2", "2", "8")]


def test_a_link_that_appears_during_a_run_is_not_written_through(tmp_path: Path) -> None:
    log = FitLog(tmp_path / "model.safetensors")
    log.write(1, StepDone(1, 9, {"np_ce": 0.5}, learning_rate=0.001, seconds=2.0))
    precious = tmp_path / "precious"
    precious.write_text("mine", encoding="utf-8")
    log.steps.unlink()
    log.steps.symlink_to(precious)
    with pytest.raises(OSError, match="is a link, and nothing is written through links; remove it"):
        log.write(1, StepDone(2, 9, {"np_ce": 0.5}, learning_rate=0.001, seconds=2.0))
    assert precious.read_text(encoding="utf-8") == "mine"


def test_a_log_with_other_terms_is_started_again(tmp_path: Path) -> None:
    FitLog(tmp_path / "model.safetensors").write(1, step(1))
    FitLog(tmp_path / "model.safetensors").write(1, step(2, tp_ce=1.0))
    assert [(row["step"], row["tp_ce"]) for row in rows(tmp_path / "model.log.csv")] == [("2", "1")]


def test_the_use_of_each_image_is_written_with_the_first_event(tmp_path: Path) -> None:
    log = FitLog(tmp_path / "model.safetensors", ["one", "two"], ["three"])
    assert not (tmp_path / "model.images.csv").exists()
    log.write(1, step(1))
    table = [(row["image"], row["use"]) for row in rows(tmp_path / "model.images.csv")]
    assert table == [("one", "training"), ("two", "training"), ("three", "validation")]
