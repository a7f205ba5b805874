"""Pruning a file: targets are met, the cut is told, and can be repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_pathprune.pruning import Limits
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.info.model_info import describe
from napari_pathprune.workflows.prune.prune import PruneTarget, cut_as, prune_checkpoint


@pytest.mark.parametrize(("kind", "share"), [("params", 0.5), ("macs", 0.5)])
def test_shares_are_met(model_file: Path, tmp_path: Path, kind: str, share: float) -> None:
    out = tmp_path / "small.safetensors"
    report = prune_checkpoint(str(model_file), out, PruneTarget(kind, share))  # type: ignore[arg-type]
    before, after = getattr(report.before.cost, kind), getattr(report.after.cost, kind)
    assert after / before == pytest.approx(share, abs=0.08)  # its layers have four channels: steps are coarse
    assert load(out).params == report.after.cost.params


def test_a_ratio_halves_every_group_and_info_tells(model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    prune_checkpoint(str(model_file), out, PruneTarget("ratio", 0.5))
    description = describe(str(out))
    rows = {row[0]: row for row in description.group_rows()}
    assert rows
    assert all(int(row[2]) == int(row[3]) // 2 for row in rows.values() if int(row[3]) >= 8)
    facts = dict(description.facts())
    assert facts["step 1"].startswith("pruned by l2: ")
    assert description.to_dict()["groups"][0]["dense width"]


def test_the_compact_file_rebuilds_the_same_network(model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    prune_checkpoint(str(model_file), out, PruneTarget("ratio", 0.5), limits=Limits(round_to=2))
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)) * 255
    with torch.inference_mode():
        first, second = load(out).model()(image), load(out).model()(image)
        assert set(first) == {"tp", "np", "hv"}
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_cut_can_be_repeated_on_the_dense_model(model_file: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    prune_checkpoint(str(model_file), out, PruneTarget("ratio", 0.5))
    small = load(out)
    again, plan = cut_as(checkpoint, small)
    assert plan.criterion == "l2"
    assert all(torch.equal(again.weights[name], tensor) for name, tensor in small.weights.items())
    with pytest.raises(ValueError, match="pruned 0 times"):
        cut_as(checkpoint, checkpoint)


def test_limits_and_deciders_reach_the_engine(model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    prune_checkpoint(
        str(model_file),
        out,
        PruneTarget("ratio", 0.75),
        decider="convolved",
        limits=Limits(keep=["d0.*"], caps={"d1.*": 0.5}),
    )
    small = load(out)
    for name, (before, after) in small.lineage[-1]["widths"].items():
        least = 1.0 if name.startswith("d0.") else 0.5 if name.startswith("d1.") else 0.0
        assert before * least <= after <= before, name
    assert dict(describe(str(out)).facts())["step 1"].startswith("pruned by l2 (convolved): ")


def test_a_speed_is_measured_and_told(model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    report = prune_checkpoint(str(model_file), out, PruneTarget("faster", 1.01))
    assert report.after.cost.macs < report.before.cost.macs
    assert report.seconds is not None
    assert report.to_dict()["seconds"] == list(report.seconds)
    assert "times faster" in report.summary()


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({}, "give one of"),
        ({"ratio": 0.5, "params": 0.5}, "give one of"),
        ({"ratio": 1.0}, "got a ratio of 1.0"),
        ({"ratio": -0.1}, "got a ratio of -0.1"),
        ({"params": 0.0}, "got --params 0.0"),
        ({"macs": 1.5}, "got --macs 1.5"),
        ({"faster": 1.0}, "got --faster 1.0"),
        ({"faster": 2.0, "macs": 0.5}, "give one of"),
    ],
)
def test_wrong_targets_are_refused(shares: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PruneTarget.from_shares(**{"ratio": None, "params": None, "macs": None, **shares})
