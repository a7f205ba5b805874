"""A model that predicts the annotation scores nearly one, and one that finds nothing scores zero."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from torch import nn

from napari_pathprune.base.score_names import UNKNOWN
from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.inference import predict
from napari_pathprune.slides.view import View
from napari_pathprune.workflows.checkpoint import Checkpoint, save
from napari_pathprune.workflows.evaluate.evaluate import (
    evaluate,
    evaluate_models,
    predict_instances,
    predict_typed_instances,
    score_model,
)
from napari_pathprune.workflows.evaluate.score import COLUMNS, ImageScored, ModelScored

MPQ_PLUS = COLUMNS.index("mPQ+")


@pytest.fixture
def painted_folder(disc_field, tmp_path: Path) -> Path:
    """Return two pictures in which the oracle finds all nuclei; it calls each neoplastic, and every third one is."""
    folder = tmp_path / "painted"
    for part in ("images", "labels", "classes"):
        (folder / part).mkdir(parents=True)
    truth, picture = disc_field((200, 220))
    rows = [f"{i},{2 if i % 3 else 1},{'inflammatory' if i % 3 else 'neoplastic'}" for i in range(1, truth.max() + 1)]
    for name in ("one", "two"):
        cv2.imwrite(str(folder / "images" / f"{name}.png"), picture[..., ::-1])
        tifffile.imwrite(folder / "labels" / f"{name}.tif", truth.astype("uint16"))
        (folder / "classes" / f"{name}.csv").write_text("\n".join(["label,class_id,class_name", *rows]) + "\n", "utf-8")
    return folder


@pytest.fixture
def sees_all(oracle: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the oracle the model of every checkpoint."""
    monkeypatch.setattr(Checkpoint, "model", lambda _: oracle)


@pytest.fixture
def painted(disc_field: Callable[..., tuple[np.ndarray, np.ndarray]]) -> AnnotatedImage:
    truth, picture = disc_field((150, 160))
    return AnnotatedImage("painted", picture, truth, np.minimum(np.arange(truth.max() + 1), 1))


@pytest.mark.usefixtures("sees_all")
def test_a_model_that_predicts_the_annotation_scores_nearly_one(painted_folder: Path, model_file: Path) -> None:
    (score,) = evaluate_models([str(model_file)], painted_folder)
    shown = score.to_dict()
    assert shown["images"] == 2
    assert min(shown[name] for name in ("pq", "aji", "aji_plus", "dice", "f1_detection")) > 0.95
    assert shown["pq"] == pytest.approx(shown["dq"] * shown["sq"], abs=0.01)
    assert shown["per_image"] == {"one": pytest.approx(shown["pq"]), "two": pytest.approx(shown["pq"])}
    assert len(score.row()) == len(COLUMNS)


@pytest.mark.usefixtures("sees_all")
def test_types_are_scored_by_name(painted_folder: Path, model_file: Path) -> None:
    (score,) = evaluate_models([str(model_file)], painted_folder)
    shown = json.loads(json.dumps(score.to_dict(), allow_nan=False))
    neoplastic, inflammatory = shown["types"]["neoplastic"], shown["types"]["inflammatory"]
    assert neoplastic["found"] == neoplastic["truth"] + inflammatory["truth"]
    assert inflammatory == {"pq_plus": 0.0, "f1": 0.0, "truth": inflammatory["truth"], "found": 0}
    right, wrong = neoplastic["truth"], inflammatory["truth"]
    assert neoplastic["f1"] == pytest.approx(2 * right / (2 * right + 2 * wrong), abs=0.02)
    assert shown["mpq_plus"] == pytest.approx(neoplastic["pq_plus"] / 2)
    assert score.row()[MPQ_PLUS] == f"{shown['mpq_plus']:.3f}"


@pytest.mark.usefixtures("sees_all")
def test_a_model_of_other_types_is_scored_without_them(
    painted_folder: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    path = tmp_path / "other.safetensors"
    save(replace(checkpoint, type_names=("background", "stroma", "fat")), path)
    (score,) = evaluate_models([str(path)], painted_folder)
    shown = score.to_dict()
    assert shown["pq"] > 0.95
    assert (shown["mpq"], shown["mpq_plus"], shown["types"]) == (None, None, {})
    assert score.row()[MPQ_PLUS] == UNKNOWN


@pytest.mark.usefixtures("sees_all")
def test_types_without_a_name_in_the_data_count_in_no_score(
    painted_folder: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    path = tmp_path / "other.safetensors"
    save(replace(checkpoint, type_names=("background", "fat", "inflammatory")), path)  # finds fat alone
    (score,) = evaluate_models([str(path)], painted_folder)
    shown = score.to_dict()["types"]
    assert shown["fat"]["found"] > 0
    assert (shown["fat"]["pq_plus"], shown["fat"]["f1"]) == (None, None)
    assert shown["inflammatory"]["pq_plus"] == score.to_dict()["mpq_plus"] == 0.0
    assert shown["inflammatory"]["truth"] > 0


@pytest.mark.parametrize("memory_px", [300, 5000])
def test_tiles_do_not_depend_on_the_free_memory(
    oracle: nn.Module, checkpoint: Checkpoint, memory_px: int, disc_field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "choose_tile_px", lambda *_: memory_px)
    truth, picture = disc_field((600, 100))
    seen: list[tuple[int, ...]] = []
    oracle.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[2:])))
    score = score_model(oracle, checkpoint, [AnnotatedImage("tall", picture, truth)])
    assert score.pq > 0.95
    assert len(seen) == 2  # maps of 312 and 320 px, and what the network loses around them
    assert sorted(height for height, _ in seen) == [408, 416]


def test_models_of_different_pixel_sizes_are_not_scored_with_one_zoom(
    painted_folder: Path, checkpoint: Checkpoint, model_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "coarse.safetensors"
    save(replace(checkpoint, mpp=0.5), path)
    with pytest.raises(ValueError, match=r"different pixel sizes, in um: 0\.25 .*, 0\.5 .*score each alone"):
        evaluate_models([str(model_file), str(path)], painted_folder)


def test_a_random_model_scores_low_on_the_selected_images(painted_folder: Path, model_file: Path) -> None:
    (score,) = evaluate_models([str(model_file)], painted_folder, only=("two",))
    assert score.images == 1
    assert score.pq < 0.5
    assert score.to_dict()["model"] == str(model_file)


def test_a_folder_without_images_is_named(model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no images in"):
        evaluate_models([str(model_file)], tmp_path)


def test_every_predicted_nucleus_has_a_type(painted: AnnotatedImage, oracle: nn.Module) -> None:
    labels, types = predict_typed_instances(painted, oracle, mpp=0.25)
    assert len(np.unique(labels)) == len(np.unique(painted.instances))
    assert types[0] == 0
    assert set(types[labels[labels > 0]].tolist()) == {1}
    np.testing.assert_array_equal(labels, predict_instances(painted, oracle, mpp=0.25))


def test_images_are_scored_by_tissue_and_numbered_if_names_repeat(
    painted: AnnotatedImage, oracle: nn.Module, checkpoint: Checkpoint
) -> None:
    three = replace(checkpoint, type_names=("background", "round", "long"))
    missed = np.zeros_like(painted.image)  # black: the oracle finds nothing
    colon = [replace(painted, tissue="colon")] * 2
    score = score_model(oracle, three, [*colon, replace(painted, image=missed, tissue="breast")])
    shown = score.to_dict()
    assert list(shown["per_image"]) == ["painted", "painted (2)", "painted (3)"]
    assert shown["per_image"]["painted (3)"] == 0.0
    assert shown["bpq"] == pytest.approx(shown["per_image"]["painted"] / 2)
    assert shown["pq"] == pytest.approx(shown["per_image"]["painted"] * 2 / 3)
    assert list(shown["types"]) == ["round", "long"]
    assert shown["types"]["long"] == {"pq_plus": None, "f1": None, "truth": 0, "found": 0}


def test_no_images_are_refused(oracle: nn.Module, checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match="no images to score"):
        score_model(oracle, checkpoint, [])


@pytest.mark.usefixtures("sees_all")
def test_every_image_has_an_event(painted_folder: Path, model_file: Path) -> None:
    first, second, last = evaluate([str(model_file)], painted_folder)
    assert isinstance(last, ModelScored)
    assert isinstance(first, ImageScored)
    assert isinstance(second, ImageScored)
    assert (first.image, first.done, first.total) == ("one", 1, 2)
    assert (second.image, second.done, second.total) == ("two", 2, 2)
    assert first.pq == last.score.to_dict()["per_image"]["one"]


@pytest.mark.usefixtures("sees_all")
def test_maps_can_be_averaged_over_phases(
    painted_folder: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[tuple[int, int]] = []
    read = View.read
    monkeypatch.setattr(View, "read", lambda view, box: starts.append((box[0] % 8, box[1] % 8)) or read(view, box))
    (score,) = evaluate_models([str(model_file)], painted_folder, only=["one"])
    assert set(starts) == {(0, 0)}
    events = evaluate([str(model_file)], painted_folder, only=["one"], phases=4)
    (averaged,) = (event.score for event in events if isinstance(event, ModelScored))
    assert set(starts) == {(0, 0), (0, 4), (4, 0), (4, 4)}
    assert averaged.pq == pytest.approx(score.pq, abs=0.02)  # the oracle has no stride of its own
    with pytest.raises(ValueError, match="got phases=3; expected 1 or 4"):
        next(evaluate([str(model_file)], painted_folder, phases=3))
