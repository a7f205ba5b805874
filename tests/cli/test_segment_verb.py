"""``pathprune segment`` writes a result folder, and resumes a run that was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_pathprune.inference.predict import Predictor
from napari_pathprune.instances.label_pyramid import LabelsWriter


def test_the_result_folder_is_written(
    run, model: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "result"
    arguments = ("segment", picture, "--model", model, "-o", out, "--mpp", 0.25, "--region", "10,5,90,80", "--json")
    assert run(*arguments) == 0
    result = json.loads(capsys.readouterr().out)["results"][0]
    assert result["region_yxyx_px"] == [5, 10, 85, 100]
    files = {path.name for path in out.iterdir()}
    assert files == {"instances.parquet", "labels.ome.zarr", "nuclei.geojson", "run.json"}


def test_a_note_on_the_slide_is_printed_once(
    run, model: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("segment", picture, "--model", model, "-o", tmp_path / "result", "--mpp", 0.5) == 0
    shown = capsys.readouterr()
    assert shown.err.count("is read at 0.25 um/px") == 1
    assert shown.err.count("1/1") == 1
    assert "nuclei in" in shown.out


def test_maps_are_averaged_over_four_phases(
    run, hovernet: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("segment", picture, "--model", hovernet, "--mpp", "0.25", "-o")
    assert run(*arguments, tmp_path / "a", "--phases", "4", "--json") == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["phases"] == 4
    assert run(*arguments, tmp_path / "b", "--phases", "2") == 2
    assert "got phases=2; expected 1 or 4" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_is_one_line_and_the_run_resumes(
    run,
    model: Path,
    picture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "result"
    arguments = ("segment", picture, "--model", model, "-o", folder, "--mpp", "0.25")
    with monkeypatch.context() as patch:
        patch.setattr(LabelsWriter, "paint", interrupt)
        assert run(*arguments) == 130
    assert capsys.readouterr().err.strip().splitlines() == ["pathprune: stopped"]
    assert [path.name for path in folder.iterdir()] == [".tiles"]
    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "predict", interrupt)  # finished tiles are not predicted again
        assert run(*arguments, "--resume") == 0
    assert (folder / "run.json").exists()
