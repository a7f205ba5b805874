"""The study's grid follows its config file, and its tables follow the results."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from napari_pathprune.workflows.config.train_config import read_config

STUDY = Path(__file__).parents[2] / "benchmarks" / "study"
MODULES = ("grid", "scoring", "make", "outcome", "plots", "tables")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """Return the study's scripts, imported as they import each other."""
    monkeypatch.syspath_prepend(str(STUDY))
    yield {name: import_module(name) for name in MODULES}
    for name in MODULES:
        sys.modules.pop(name, None)


def test_every_run_of_the_grid_is_possible(modules: dict[str, ModuleType]) -> None:
    study = modules["grid"].read_study(STUDY / "study.toml")
    assert len({run.name for run in study.runs}) == len(study.runs)
    for run in study.runs:
        if run.left < 1.0:
            assert modules["make"].make_compress_settings(run, study).targets()[-1].keep == pytest.approx(run.left)
    assert [run.seed for run in study.runs] == sorted(run.seed for run in study.runs)
    compared = {part.against for part in study.parts}
    assert {"criterion", "step_ratio", "max_skip_ratio", "teacher_share", "recalibrate", "start"} <= compared
    criteria = {run.criterion for run in study.runs}
    assert criteria == {"l1", "l2", "taylor", "fpgm", "random", "bn_scale"}


def test_test_images_are_not_used_for_training_or_validation(modules: dict[str, ModuleType]) -> None:
    study = modules["grid"].read_study(STUDY / "study.toml")
    config = read_config(STUDY / "train.toml")
    for _, folder, aside in study.sets:
        (training,) = (data for data in config.data if data.folder == folder)
        validation = [name for data in config.validation if data.folder == folder for name in data.only]
        assert set(aside) <= set(training.leave_out)
        assert set(validation) <= set(training.leave_out)
        assert not set(validation) & set(aside)


def test_a_wrong_factor_is_named(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    wrong = (STUDY / "study.toml").read_text(encoding="utf-8") + '\n[[part]]\nname = "x"\nquestion = "?"\nwidht = [1]\n'
    (tmp_path / "study.toml").write_text(wrong, encoding="utf-8")
    with pytest.raises(ValueError, match="part 'x' has 'widht'"):
        modules["grid"].read_study(tmp_path / "study.toml")


def make_result(pq: float, params: int, seed: int = 0) -> dict[str, Any]:
    sets = ("validation", "kumar_monuseg", "consep")
    return {
        "run": {"seed": seed},
        "params": params,
        "macs": 10 * params,
        "macs_per_megapixel": 1e9 * params,
        "scores": {
            name: {"pq": pq, "mpq_plus": pq / 2, "per_image": {"one": pq - 0.1, "two": pq + 0.1}} for name in sets
        },
        "making": {"seconds": 60, "cpu_seconds": 50, "resumed": False},
        "scoring": {"seconds": 1, "cpu_seconds": 1},
        "machine": "2 cores",
    }


def test_tables_show_means_over_seeds_and_differences(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, study = modules["tables"], modules["grid"].read_study(STUDY / "study.toml")
    for name, folder in (("HERE", tmp_path), ("RESULTS", tmp_path / "results"), ("PLOTS", tmp_path / "plots")):
        folder.mkdir(exist_ok=True)
        monkeypatch.setattr(tables, name, folder)
    (tmp_path / "study.toml").write_text((STUDY / "study.toml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"no dense\.json yet"):
        tables.main()
    (part,) = (part for part in study.parts if part.name == "shape, three seeds")
    made = {
        run.name: make_result(0.4 + 0.01 * run.seed + (0.05 + 0.01 * run.seed) * (run.shape == "early"), 100, run.seed)
        for run in part.runs
    }
    alone = next(part for part in study.parts if part.name == "recipe").runs[0].name
    uncut = dataclasses.replace(study.defaults, left=1.0).name
    for name, content in {
        "dense": make_result(0.5, 1000),
        uncut: make_result(0.51, 1000),
        alone: make_result(0.3, 100),
        **made,
    }.items():
        (tmp_path / "results" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    tables.main()
    page = (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert f"8 of {len(study.runs)} runs are available" in page
    table = page[page.index("is an early shape") :]
    rows = {line.split(" | ")[0]: line for line in table.splitlines() if " | " in line}
    assert rows["| early"].startswith("| early | 10.0% | 10.0% | 0.470 ± 0.020 | -0.030 |")
    assert rows["| even"].startswith("| even | 10.0% | 10.0% | 0.410 ± 0.010 | -0.090 |")
    to_uncut, to_first = rows["| early"].split(" | ")[-4:-2]
    assert to_uncut == "-0.060 (-0.060 to -0.060)"  # the only common seed
    low, high = (float(bound) for bound in to_first.removeprefix("+0.060 (").removesuffix(")").split(" to "))
    assert 0.05 <= low < 0.06 < high <= 0.07  # seed by seed 0.05, 0.06 and 0.07
    assert rows["| even"].split(" | ")[-3] == ""  # a row is not compared with itself
    (tmp_path / "results" / f"{part.runs[0].name}.json").unlink()
    for run in part.runs[1:]:
        if run.shape == "even":
            (tmp_path / "results" / f"{run.name}.json").unlink()
    (other,) = modules["outcome"].collect_rows(part, tmp_path / "results")
    assert modules["outcome"].find_reference(other, [other], part) is None  # the reference is missing
    assert "How close does the best recipe come?" not in page  # a single run compares nothing
    assert (tmp_path / "plots" / "shape-three-seeds.png").stat().st_size > 10_000


def test_results_without_a_seed_in_common_are_not_compared(modules: dict[str, ModuleType]) -> None:
    ours, theirs = [make_result(0.4, 100, seed) for seed in (0, 1)], [make_result(0.3, 100, 2)]
    assert modules["outcome"].compare_results(ours, theirs, ["consep"]).text() == ""


def test_a_cut_of_the_longer_trained_model_is_compared_with_that_model(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, study = modules["tables"], modules["grid"].read_study(STUDY / "study.toml")
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    (part,) = (part for part in study.parts if part.name == "better baseline, short")
    dense, (from_dense, from_longer) = make_result(0.5, 1000), (part.runs[0], part.runs[4])
    assert (from_dense.start, from_longer.start) == ("dense", "longer")
    uncut = dataclasses.replace(study.defaults, start="longer", left=1.0).name
    for name, content in {
        "longer": make_result(0.6, 1000),
        uncut: make_result(0.61, 1000),
        from_dense.name: make_result(0.4, 100),
        from_longer.name: make_result(0.45, 100),
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    rows = list(modules["outcome"].collect_rows(part, tmp_path))
    page = [line for line in tables.write_section(part, rows, dense, study) if line.startswith(("| dense", "| longer"))]
    assert page[0].startswith("| dense | even | l2 | 10.0% | 10.0% | 0.400 | -0.100 | 0.400 | -0.100 |")
    assert page[1].startswith("| longer | even | l2 | 10.0% | 10.0% | 0.450 | -0.150 | 0.450 | -0.150 |")
    assert page[1].split(" | ")[-4:-2] == ["-0.160 (-0.160 to -0.160)", "+0.050 (+0.050 to +0.050)"]
