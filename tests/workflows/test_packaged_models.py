"""The cards of the packaged models are true, on the unseen images that are available."""

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
"""Tolerance: processors round differently, and one of the forty nuclei of the patch may appear or disappear."""
SCORES = ("pq", "dq", "sq", "aji", "dice", "f1_detection")
SHIPPABLE = os.environ.get("PATHPRUNE_PACKAGED_DATA", "")
"""Folder of dsb2018_brightfield, if available; benchmarks/packaged_models names its source."""
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
    left_out = read_left_out(CONFIGS[-1])["dsb2018_brightfield"]
    (score,) = evaluate_models([name], Path(SHIPPABLE, "dsb2018_brightfield"), only=left_out)
    card, found = load(name).card["scores on dsb2018_brightfield"], score.to_dict()
    assert (found["images"], card["unseen images"]) == (22, 22)
    assert {key: found[key] for key in SCORES} == pytest.approx({key: card[key] for key in SCORES}, abs=0.003)


def test_the_scored_images_are_in_no_training_set() -> None:
    assert [config.name for config in CONFIGS] == [
        "all.toml",
        "all_kept.toml",
        "all_longer.toml",
        "compact.toml",
        "compact_longer.toml",
        "longer.toml",
        "more.toml",
        "train.toml",
    ]
    left_out = [read_left_out(config) for config in CONFIGS]
    packaged = left_out[-1]
    assert len(packaged["dsb2018_brightfield"]) == 22
    assert packaged["cellseg_models_patches"] == ["patch3"]
    assert all(one[folder] == names for one in left_out for folder, names in packaged.items())
    for one in left_out[:3]:  # validation and test images, by patient and by slide
        assert {name.split("_")[1] for name in one["tnbc_naylor"]} == {"06", "07", "08"}
        assert len(one["tnbc_naylor"]) == 3 + 7
        assert len(one["nuinsseg"]) == 36 + 27


def read_left_out(config: Path) -> dict[str, list[str]]:
    """Return the names of the images that a training leaves out, by folder."""
    data = tomllib.loads(config.read_text(encoding="utf-8"))["data"]
    return {Path(one["folder"]).name: one.get("leave_out", []) for one in data}


def test_both_are_small_enough_to_be_installed() -> None:
    assert set(packaged_models()) == {"hovernet-s", "hovernet-s-compact"}
    assert sum(path.stat().st_size for path in packaged_models().values()) < 12e6
