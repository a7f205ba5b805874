"""What the packaged models' cards say is true, on the unseen images that are at hand."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from napari_pathprune.base.packaged_file import packaged_models
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.evaluate.evaluate import evaluate_models
from napari_pathprune.workflows.prune.prune import compute_patch_cost

UNSEEN = Path(__file__).parent / "unseen_patch"
ONE_NUCLEUS = 0.03
"""Processors round differently, and one of the patch's forty nuclei may come or go."""
SCORES = ("pq", "dq", "sq", "aji", "dice", "f1_detection")
SHIPPABLE = os.environ.get("PATHPRUNE_PACKAGED_DATA", "")
"""Where dsb2018_brightfield lies, for whom has it; benchmarks/packaged_models tells where it comes from."""
CONFIGS = sorted((Path(__file__).parents[2] / "benchmarks" / "packaged_models").glob("*.toml"))


@pytest.mark.parametrize("name", ["hovernet-s", "hovernet-s-compact"])
def test_the_card_is_true(name: str) -> None:
    checkpoint = load(name)
    card = checkpoint.card["scores on cellseg_models_patches"]
    (score,) = evaluate_models([name], UNSEEN)
    found = score.to_dict()
    assert found["images"] == card["unseen images"]
    assert {key: found[key] for key in SCORES} == pytest.approx({key: card[key] for key in SCORES}, abs=ONE_NUCLEUS)
    assert float(checkpoint.card["MACs per megapixel"]) == pytest.approx(
        compute_patch_cost(checkpoint).macs_per_megapixel, rel=0.01
    )
    assert checkpoint.card["megabytes"] == pytest.approx(packaged_models()[name].stat().st_size / 1e6, abs=0.06)


@pytest.mark.skipif(not SHIPPABLE, reason="PATHPRUNE_PACKAGED_DATA does not name the folder of dsb2018_brightfield")
@pytest.mark.parametrize("name", ["hovernet-s", "hovernet-s-compact"])
def test_the_card_is_true_of_the_brightfield_images(name: str) -> None:
    left_out = left_out_of(CONFIGS[-1])["dsb2018_brightfield"]
    (score,) = evaluate_models([name], Path(SHIPPABLE, "dsb2018_brightfield"), only=left_out)
    card, found = load(name).card["scores on dsb2018_brightfield"], score.to_dict()
    assert (found["images"], card["unseen images"]) == (22, 22)
    assert {key: found[key] for key in SCORES} == pytest.approx({key: card[key] for key in SCORES}, abs=0.003)


def test_no_step_learnt_from_the_images_that_are_scored() -> None:
    assert [config.name for config in CONFIGS] == [
        "compact.toml",
        "compact_longer.toml",
        "longer.toml",
        "more.toml",
        "train.toml",
    ]
    told = [left_out_of(config) for config in CONFIGS]
    assert len(told[0]["dsb2018_brightfield"]) == 22
    assert told[0]["cellseg_models_patches"] == ["patch3"]
    assert all(one == told[0] for one in told)


def left_out_of(config: Path) -> dict[str, list[str]]:
    """Give the names that a training leaves out, by folder."""
    data = tomllib.loads(config.read_text(encoding="utf-8"))["data"]
    return {Path(one["folder"]).name: one.get("leave_out", []) for one in data}


def test_both_are_small_enough_to_be_installed() -> None:
    assert set(packaged_models()) == {"hovernet-s", "hovernet-s-compact"}
    assert sum(path.stat().st_size for path in packaged_models().values()) < 12e6
