"""The description of a model holds its cost, its history and its channel groups."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from napari_pathprune.pruning import choose, importance, trace
from napari_pathprune.workflows.checkpoint import Checkpoint, save
from napari_pathprune.workflows.evaluate.ceiling import Ceiling
from napari_pathprune.workflows.info.model_info import Description, describe
from napari_pathprune.workflows.prune.prune import cut_checkpoint, make_example


@pytest.fixture(scope="module")
def description(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Description:
    """Return the description of a model that was trained and pruned."""
    dense = dataclasses.replace(checkpoint, lineage=({"step": "trained", "steps": 7},), card={"scores": {"PQ": 0.5}})
    model = dense.model()
    graph = trace(model, make_example(model))
    plan = choose(graph, importance(model, graph, "l1"), ratio=0.5, criterion="l1")
    path = tmp_path_factory.mktemp("info") / "small.safetensors"
    save(dataclasses.replace(cut_checkpoint(dense, model, graph, plan), card=dense.card), path)
    return describe(str(path))


def test_facts_are_in_words(description: Description, checkpoint: Checkpoint) -> None:
    facts = dict(description.facts())
    assert Path(facts["file"]).name == "small.safetensors"
    assert facts["types"] == "background, neoplastic, inflammatory"
    assert facts["pixel size"] == "0.25 um"
    assert facts["parameters"] == f"{description.checkpoint.params:,}"
    assert facts["step 1"] == "trained: steps 7"
    assert facts["step 2"].startswith("pruned by l1: ")
    assert facts["step 2"].endswith(f" channels cut, from {checkpoint.params:,} parameters")
    assert facts["card: scores"] == "PQ 0.5"
    advice = f"not measured: pathprune evaluate {description.file} --shift --to-card"
    assert facts["card: ceiling of agreement"] == advice


def test_the_ceiling_of_agreement_is_a_fact(checkpoint: Checkpoint, tmp_path: Path) -> None:
    card = Ceiling("tiny", {"pq": 0.87, "f1": 0.9, "dice": 0.93}, 5, 1, "a.svs").to_card()
    save(dataclasses.replace(checkpoint, card=card), tmp_path / "m.safetensors")
    fact = dict(describe(str(tmp_path / "m.safetensors")).facts())["card: ceiling of agreement"]
    assert fact == "PQ 0.87, F1 0.9, Dice 0.93, largest shift in px 5, on a.svs"


def test_groups_have_their_dense_width(description: Description) -> None:
    rows = [dict(zip(description.GROUP_COLUMNS, row, strict=True)) for row in description.group_rows()]
    assert {row["kind"] for row in rows} == {"skip", "internal"}
    assert any(int(row["width"]) < int(row["dense width"]) for row in rows)
    assert all(int(row["width"]) <= int(row["dense width"]) for row in rows)


def test_json_leaves_out_the_plan(description: Description) -> None:
    content = json.loads(json.dumps(description.to_dict()))
    assert content["params"] == description.checkpoint.params
    assert content["macs"] == description.cost.cost.macs
    assert content["output_px"] < content["input_px"]
    assert [sorted(step) for step in content["lineage"]] == [["step", "steps"], ["params_before", "step", "widths"]]
    assert len(content["groups"]) == len(description.graph.groups)


def test_a_missing_pixel_size_is_unknown(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save(dataclasses.replace(checkpoint, mpp=None, type_names=checkpoint.type_names), tmp_path / "m.safetensors")
    assert dict(describe(str(tmp_path / "m.safetensors")).facts())["pixel size"] == "unknown"
