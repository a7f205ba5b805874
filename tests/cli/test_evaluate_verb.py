"""``pathprune evaluate`` shows the scores of models side by side."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest


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
