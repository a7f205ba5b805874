"""Cuts that lead to a plan: exactly, or to its widths only; and plans that are refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from napari_pathprune.pruning import ChannelGraph, PrunePlan, Target, choose, importance, trace
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.compress import compress_setup, compress_stage
from napari_pathprune.workflows.compress.compress import compress
from napari_pathprune.workflows.compress.compress_setup import find_stages
from napari_pathprune.workflows.compress.planned_cuts import cut_to_plan, measure_plan, read_plan
from napari_pathprune.workflows.compress.stage_folder import PLAN
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.train_config import TrainConfig
from napari_pathprune.workflows.prune.prune import make_example

ChangeSettings = Callable[..., TrainConfig]


@pytest.fixture
def model(simple_checkpoint: Checkpoint) -> nn.Module:
    return simple_checkpoint.model()


@pytest.fixture
def graph(model: nn.Module) -> ChannelGraph:
    return trace(model, make_example(model))


@pytest.fixture
def plan(model: nn.Module, graph: ChannelGraph) -> PrunePlan:
    """A plan by another criterion than the scorer's, so that the two differ."""
    return choose(graph, importance(model, graph, "random", seed=3), ratio=0.5, criterion="random")


def score(model: nn.Module, graph: ChannelGraph) -> dict[str, torch.Tensor]:
    return importance(model, graph, "l2")


@pytest.mark.parametrize("steps", [1, 3])
def test_a_plan_with_a_criterion_is_followed_exactly(
    model: nn.Module, graph: ChannelGraph, plan: PrunePlan, steps: int
) -> None:
    found = list(cut_to_plan(plan, model, graph, CompressSettings(steps=steps), score))
    assert dict(found[-1].plan.keep) == dict(plan.keep)
    assert [step.number for step in found] == list(range(1, steps + 1))
    kept = [step.target.keep for step in found]
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] == pytest.approx(0.5)
    assert found[-1].plan.criterion == "random"


def test_of_a_plan_without_a_criterion_only_the_widths_count(
    model: nn.Module, graph: ChannelGraph, plan: PrunePlan
) -> None:
    widths = dataclasses.replace(plan, criterion="")
    (step,) = cut_to_plan(widths, model, graph, CompressSettings(), score)
    best = choose(graph, score(model, graph), ratio=0.5)
    assert dict(step.plan.keep) == dict(best.keep) != dict(plan.keep)
    assert step.plan.criterion == "score"


def test_a_file_that_is_no_plan_for_the_model_is_refused(graph: ChannelGraph, plan: PrunePlan, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    with pytest.raises(ValueError, match=r"plan\.json is not readable"):
        read_plan(path, graph)
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"plan\.json: got JSON that is not a prune plan"):
        read_plan(path, graph)
    path.write_text(json.dumps(json.loads(plan.to_json()) | {"graph": "0000"}))
    with pytest.raises(ValueError, match="got a plan for channel graph 0000"):
        read_plan(path, graph)
    path.write_text(PrunePlan({}, graph.fingerprint()).to_json())
    with pytest.raises(ValueError, match="keeps every channel"):
        read_plan(path, graph)
    path.write_text(plan.to_json())
    assert read_plan(path, graph) == plan


def test_a_compression_by_a_plan_has_its_widths_and_knows_it_again(
    change: ChangeSettings, plan: PrunePlan, simple_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "plan.json").write_text(plan.to_json())
    config, out = change(plan="plan.json", steps=1), tmp_path / "small.safetensors"
    (*_, done) = compress(str(simple_file), dataclasses.replace(config, base=tmp_path), out)
    (cut,) = (step for step in load(out).lineage if step["step"] == "pruned")
    assert {name: tuple(stay) for name, stay in cut["plan"]["keep"].items()} == dict(plan.keep)
    assert done.report.settings["plan"] == "plan.json"  # type: ignore[union-attr]
    assert "keep" not in done.report.settings  # type: ignore[union-attr]
    (tmp_path / "plan.json").write_text(dataclasses.replace(plan, criterion="").to_json())
    with pytest.raises(ValueError, match=r"was left by a run with compress\.plan"):
        list(compress(str(simple_file), dataclasses.replace(config, base=tmp_path), out))


def test_a_latency_is_measured_once(
    change: ChangeSettings,
    graph: ChannelGraph,
    plan: PrunePlan,
    simple_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = []

    def measure(*_: object) -> PrunePlan:
        measured.append(1)
        return dataclasses.replace(plan, criterion="")

    monkeypatch.setattr(compress_setup, "measure_plan", measure)
    monkeypatch.setattr(compress_stage, "seconds_of", lambda models, _: tuple(map(count_seconds, models)))
    config, out = change(target=Target.from_speedup(2.0), steps=1), tmp_path / "small.safetensors"
    for _ in range(2):
        (*_, done) = compress(str(simple_file), config, out)
    assert measured == [1]
    assert read_plan(find_stages(out) / PLAN, graph).criterion == ""
    report = done.report  # type: ignore[union-attr]
    assert report.settings["measure"] == "latency"
    found = report.dense.params / report.compact.params
    assert report.compact.speedup == pytest.approx(found, rel=0.01)  # as it is, not as asked
    words = f"measured {report.compact.speedup:.3g} times faster on this device, 2 asked for"
    assert words in report.summary()
    assert f"It was {words}." in out.with_name("small.report.html").read_text(encoding="utf-8")
    assert report.to_dict()["stages"][-1]["speedup"] == report.compact.speedup


def count_seconds(model: nn.Module) -> float:
    """Let a model take a second for each of its parameters."""
    return float(sum(parameter.numel() for parameter in model.parameters()))


def test_a_latency_that_is_out_of_reach_leaves_nothing_behind(
    change: ChangeSettings, simple_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "small.safetensors"
    with pytest.raises(ValueError, match="times faster, but these limits allow at most"):
        list(compress(str(simple_file), change(target=Target.from_speedup(1e6)), out))
    assert not find_stages(out).exists()


def test_measured_widths_follow_the_limits(model: nn.Module, graph: ChannelGraph) -> None:
    settings = CompressSettings(Target.from_speedup(1.0001), criterion="taylor")
    found = measure_plan(model, graph, settings, "cpu")
    assert found.criterion == ""
    assert 0 < sum(map(len, found.keep.values())) <= sum(group.width for group in graph.prunable)
