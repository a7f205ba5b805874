"""The demo writes results, pictures and a table of three models on the same tissue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.pruning import PrunePlan
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.demo.demo import COLUMNS, SLIDE, DemoDone, DemoEvent, DemoStage, run_demo

REGION = (900, 1000, 980, 1090)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "new"


@pytest.fixture(scope="module")
def events(folder: Path) -> list[DemoEvent]:
    return list(run_demo(folder, REGION))


def test_the_slide_is_packaged() -> None:
    assert packaged_file(SLIDE).is_file()


def test_every_stage_is_announced(events: list[DemoEvent]) -> None:
    lines = [event.line for event in events if isinstance(event, DemoStage)]
    assert len(lines) == 4
    assert lines[0].startswith("pruning hovernet-s")
    assert all("M parameters" in line for line in lines[1:])


def test_the_table_compares_three_models(events: list[DemoEvent], folder: Path) -> None:
    done = events[-1]
    assert isinstance(done, DemoDone)
    dense, cut, compact = (dict(zip(COLUMNS, row, strict=True)) for row in done.rows)
    assert dense["agreement with dense (PQ)"] == "1.000"
    assert cut["parameters"] == compact["parameters"] == f"{load('hovernet-s-compact').params:,}"
    assert int(compact["nuclei"]) > 5
    table = (folder / "table.md").read_text(encoding="utf-8").splitlines()
    assert len(table) == 2 + 3
    assert done.to_dict()["rows"] == [list(row) for row in done.rows]


@pytest.mark.usefixtures("events")
def test_the_folder_holds_everything(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        *("dense", "just-cut", "compact"),
        *("just-cut.safetensors", "prune-plan.json"),
        *("side-by-side.png", "with-just-cut.png", "table.md"),
    }
    run = json.loads((folder / "compact" / "run.json").read_text(encoding="utf-8"))
    assert tuple(run["region_yxyx_px"]) == REGION
    plan = PrunePlan.from_json((folder / "prune-plan.json").read_text(encoding="utf-8"))
    widths = load(folder / "just-cut.safetensors").lineage[-1]["widths"]
    assert {name: len(stay) for name, stay in plan.keep.items()} == {name: after for name, (_, after) in widths.items()}
