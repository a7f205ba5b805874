"""``pathprune info`` shows types, cost and channel groups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_pathprune.workflows.checkpoint import load


def test_types_cost_and_groups_are_shown(run, hovernet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", hovernet, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["type_names"][1] == "neoplastic"
    assert shown["params"] == load(hovernet).params
    assert {group["kind"] for group in shown["groups"]} == {"skip", "internal"}
    assert run("info", hovernet) == 0
    assert "Channel groups" in capsys.readouterr().out
