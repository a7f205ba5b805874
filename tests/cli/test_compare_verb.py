"""``pathprune compare`` writes a report and prints the scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_pathprune.workflows.checkpoint_card import update_card
from napari_pathprune.workflows.evaluate.ceiling import Ceiling


@pytest.fixture
def results(tmp_path: Path, two_discs: NDArray[np.int32]) -> tuple[Path, Path]:
    np.save(tmp_path / "dense.npy", two_discs)
    np.save(tmp_path / "compact.npy", np.where(two_discs == 3, 0, two_discs))
    return tmp_path / "dense.npy", tmp_path / "compact.npy"


def test_scores_are_printed_and_the_report_is_written(
    run, results: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("compare", *results, "-o", tmp_path / "report.html") == 0
    printed = capsys.readouterr()
    assert "agreement: dense, compact" in printed.out
    assert "0.667" in next(line for line in printed.out.splitlines() if "PQ" in line)
    assert "report.csv" in printed.err
    assert (tmp_path / "report.html").exists()


def test_json_holds_all_comparisons(
    run, results: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("compare", *results, "--truth", results[0], "-o", tmp_path / "r.html", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert [one["scores_are"] for one in content["comparisons"]] == ["agreement", "accuracy", "accuracy"]
    assert content["comparisons"][0]["only_a"] == 1
    assert len(content["files"]) == 4


def test_results_of_different_slides_are_refused_in_one_line(
    run, results: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "other.npy", np.zeros((9, 9), np.int32))
    assert run("compare", results[0], tmp_path / "other.npy", "-o", tmp_path / "r.html") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "dense is of a slide of 64 x 80 px, other of 9 x 9 px" in line


def test_the_agreement_of_models_is_printed_beside_its_ceiling(
    run, model: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        assert run("segment", picture, "--model", model, "--mpp", "0.25", "-o", tmp_path / name) == 0
    arguments = ("compare", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "report.html")
    assert run(*arguments) == 0
    line = f"ceiling not measured: pathprune evaluate {model} --shift --to-card"
    assert f"agreement PQ 1.000; {line}" in capsys.readouterr().out
    update_card(model, Ceiling("tiny", {"pq": 0.87, "f1": 0.9, "dice": 0.93}, 5, 1, "a.svs").to_card())
    assert run(*arguments) == 0
    line = "ceiling: PQ 0.870, F1 0.900, Dice 0.930 (tiny.safetensors against itself, shifted by 1 to 5 px)"
    assert f"agreement PQ 1.000; {line}" in capsys.readouterr().out
    assert line in (tmp_path / "report.html").read_text(encoding="utf-8")
