"""Pruning a file reaches its target, records the cut in the lineage, and can be repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_pathprune.pruning import Limits, Target
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.info.model_info import describe
from napari_pathprune.workflows.prune.prune import prune_checkpoint, repeat_cut


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "small.safetensors"


@pytest.mark.parametrize("measure", ["params", "macs"])
def test_the_share_to_keep_is_reached(model_file: Path, out: Path, measure: str) -> None:
    report = prune_checkpoint(str(model_file), out, Target(measure, 0.5))  # type: ignore[arg-type]
    before, after = getattr(report.before.cost, measure), getattr(report.after.cost, measure)
    assert after / before == pytest.approx(0.5, abs=0.08)  # its layers have four channels: steps are coarse
    assert load(out).params == report.after.cost.params
    assert report.to_dict()["target"] == {measure: 0.5}


def test_a_ratio_halves_every_group_and_info_shows_it(model_file: Path, out: Path) -> None:
    report = prune_checkpoint(str(model_file), out, Target.from_ratio(0.5))
    assert report.to_dict()["target"] == {"ratio": 0.5}
    description = describe(str(out))
    rows = {row[0]: row for row in description.group_rows()}
    assert rows
    assert all(int(row[2]) == int(row[3]) // 2 for row in rows.values() if int(row[3]) >= 8)
    facts = dict(description.facts())
    assert facts["step 1"].startswith("pruned by l2: ")
    assert description.to_dict()["groups"][0]["dense width"]


def test_the_compact_file_rebuilds_the_same_network(model_file: Path, out: Path) -> None:
    prune_checkpoint(str(model_file), out, Target.from_ratio(0.5), limits=Limits(round_to=2))
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)) * 255
    with torch.inference_mode():
        first, second = load(out).model()(image), load(out).model()(image)
        assert set(first) == {"tp", "np", "hv"}
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_cut_can_be_repeated_on_the_dense_model(simple_file: Path, simple_checkpoint: Checkpoint, out: Path) -> None:
    prune_checkpoint(str(simple_file), out, Target.from_ratio(0.5))
    small = load(out)
    again, plan = repeat_cut(simple_checkpoint, small)
    assert plan.criterion == "l2"
    assert all(torch.equal(again.weights[name], tensor) for name, tensor in small.weights.items())
    with pytest.raises(ValueError, match="pruned 0 times"):
        repeat_cut(simple_checkpoint, simple_checkpoint)


def test_limits_and_deciders_reach_the_engine(model_file: Path, out: Path) -> None:
    limits = Limits(keep=["d0.*"], caps={"d1.*": 0.5})
    prune_checkpoint(str(model_file), out, Target.from_ratio(0.75), decider="convolved", limits=limits)
    small = load(out)
    for name, (before, after) in small.lineage[-1]["widths"].items():
        least = 1.0 if name.startswith("d0.") else 0.5 if name.startswith("d1.") else 0.0
        assert before * least <= after <= before, name
    assert dict(describe(str(out)).facts())["step 1"].startswith("pruned by l2 (convolved): ")


def test_a_latency_target_is_measured(simple_file: Path, out: Path) -> None:
    report = prune_checkpoint(str(simple_file), out, Target.from_speedup(1.01))
    assert report.after.cost.macs < report.before.cost.macs
    assert report.seconds is not None
    assert report.to_dict()["seconds"] == list(report.seconds)
    assert report.to_dict()["target"] == {"faster": 1.01}
    assert "times faster, 1.01 asked for)" in report.summary()


def test_a_summary_states_that_nothing_was_cut(simple_file: Path, out: Path) -> None:
    report = prune_checkpoint(str(simple_file), out, Target.from_ratio(0.5), limits=Limits(keep=["*"]))
    assert report.summary().endswith("nothing was cut: under these limits and this target every layer stays whole")


def test_a_small_ratio_is_cut_as_asked_and_the_report_states_what_was_removed(model_file: Path, out: Path) -> None:
    report = prune_checkpoint(str(model_file), out, Target.from_ratio(0.05))
    assert report.channels is not None
    before, after = report.channels
    assert 1 - after / before == pytest.approx(0.05, abs=0.003)
    assert f"channels {before:,} -> {after:,} ({1 - after / before:.1%} removed, 5.0% asked for)" in report.summary()
    assert report.to_dict()["channels"] == [before, after]
