"""``pathprune evaluate`` shows the scores of models side by side."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.evaluate import measure_ceiling
from napari_pathprune.workflows.evaluate.ceiling import CARD_KEY, find_ceiling


@pytest.fixture
def two_models(folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.chdir(folder)
    for name in ("hovernet-s", "hovernet-s-compact"):
        shutil.copy(model, name)
    return "./hovernet-s", "./hovernet-s-compact"


def test_every_model_has_a_column(run, two_models: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", *two_models, "--data", "data", "--only", "image-0") == 0
    lines = [" ".join(re.sub("[│┃]", " ", line).split()) for line in capsys.readouterr().out.splitlines()]
    assert "model ./hovernet-s ./hovernet-s-compact" in lines
    assert "images 1 1" in lines
    assert [line.split()[0] for line in lines[lines.index("images 1 1") :]][1:4] == ["PQ", "DQ", "SQ"]


def test_json_holds_all_scores(run, two_models: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", *two_models, "--data", "data", "--json") == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert [score["model"] for score in scores] == list(two_models)
    assert list(scores[0]["per_image"]) == ["image-0", "image-1"]


@pytest.mark.usefixtures("found_everywhere")
def test_the_ceiling_is_measured_without_labels_and_noted_in_the_card(
    run, model: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(folder / "data" / "labels")
    assert run("evaluate", "--shift", model, "--data", folder / "data", "--json") == 0  # 5 px without a number
    (one,) = json.loads(capsys.readouterr().out)["ceilings"]
    assert one["shifts_px"] == [[1, 5], [2, 4], [3, 3], [4, 2], [5, 1]]
    assert (one["images"], one["shift_px"], one["phases"]) == (2, 5, 1)
    assert 0.0 < one["pq"] <= 1.0
    assert CARD_KEY not in load(model).card
    assert run("evaluate", model, "--data", folder / "data", "--shift", "1", "--to-card") == 0
    assert "against itself" in capsys.readouterr().out
    ceiling = find_ceiling(str(model))
    assert ceiling is not None
    assert (ceiling.shift_px, ceiling.where) == (1, "image-0.png (1 window), image-1.png (1 window)")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "got no images to score the models on; name a folder of annotated ones with --data"),
        (["--data", "data", "--to-card"], "got --to-card without --shift"),
        (["--shift", "9", "--data", "data"], "got a shift of 9 px; expected 1 to 7"),
    ],
)
def test_impossible_requests_end_in_one_line(
    run, model: Path, folder: Path, arguments: list[str], line: str, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert run("evaluate", model, *arguments) == 2
    assert line in capsys.readouterr().err


def test_the_card_of_a_packaged_model_is_not_changed(run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", "hovernet-s", "--shift", "--to-card") == 2
    assert "installed with the package" in capsys.readouterr().err


@pytest.fixture
def found_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every model find the dark pixels of an image."""

    def find(image, *_):
        labels = (image.image[..., 1] < 100).astype(np.int32)
        return labels, np.zeros(2, np.int64)

    monkeypatch.setattr(measure_ceiling, "predict_typed_instances", find)
