"""``pathprune prune`` writes a compact model within the limits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_pathprune.pruning import Limits
from napari_pathprune.workflows.checkpoint import load


def test_a_smaller_model_is_written(run, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.safetensors"
    assert run("prune", model, "-o", out, "--ratio", 0.5, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["params"][1] == load(out).params < shown["params"][0] / 2


def test_limits_that_leave_nothing_to_cut_are_reported(
    run, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("prune", model, "-o", tmp_path / "s.safetensors", "--ratio", 0.5, "--round-to", 100000) == 0
    assert "nothing was cut" in capsys.readouterr().out
    assert run("prune", model, "-o", tmp_path / "t.safetensors", "--ratio", 0.5) == 0
    assert "nothing was cut" not in capsys.readouterr().out


def test_groups_are_limited_by_name(run, hovernet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.safetensors"
    names = ("--keep", "d0.*", "--keep", "d3.shortcut", "--cap", "d1.*=0.25", "--first", "internal")
    how = ("--criterion", "fpgm", "--decider", "convolved", "--scope", "global", "--min-channels", 2)
    assert run("prune", hovernet, "-o", out, "--ratio", 0.5, *names, *how, "--json") == 0
    assert json.loads(capsys.readouterr().out)["criterion"] == "fpgm (convolved)"
    for name, (before, after) in load(out).lineage[-1]["widths"].items():
        kept = 1.0 if name.startswith(("d0.", "d3.shortcut")) else 0.75 if name.startswith("d1.") else 0.0
        assert after >= max(kept * before, 2), name


def test_the_help_shows_the_defaults_of_the_engine(run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prune", "--help") == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"Default: {Limits().floor}." in shown
    assert "Largest share to remove from a skip group" in shown
