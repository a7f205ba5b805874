"""Types of model and data are matched by any name that the readers know; others are refused before training."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from napari_pathprune.datasets.type_names import UNKNOWN_TYPE
from napari_pathprune.models.hovernet.hovernet_foreign import default_type_names
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.workflows.config.train_config import DataSettings, TrainConfig, read_config
from napari_pathprune.workflows.train.image_sets import read_image_sets

NAMES = ("background", "neoplastic", "inflammatory")


@pytest.fixture
def config(annotated_folder: Path) -> TrainConfig:
    return dataclasses.replace(read_config(annotated_folder), hold_out=0)


def on(config: TrainConfig, folder: Path) -> TrainConfig:
    return dataclasses.replace(config, data=(DataSettings(str(folder)),))


def test_types_without_names_are_refused(config: TrainConfig) -> None:
    message = (
        r"no names yet \(background, type 1, type 2\), but the data have 'inflammatory', 'neoplastic': give "
        r'\[model\] type_names = \["background", \.\.\.\] in the config, 3 names'
    )
    with pytest.raises(ValueError, match=message):
        read_image_sets(config, default_type_names(3))


def test_types_without_names_are_accepted_for_data_without_types(config: TrainConfig, annotated_folder: Path) -> None:
    for table in (annotated_folder / "classes").iterdir():
        table.unlink()
    training, _ = read_image_sets(config, default_type_names(3))
    assert [image.types for image in training] == [None, None]


def test_another_name_is_refused(config: TrainConfig) -> None:
    with pytest.raises(ValueError, match=r"has the type 'tumour', .* have 'neoplastic', .* type_names in the config"):
        read_image_sets(config, ("background", "tumour", "inflammatory"))


def test_another_spelling_is_accepted(config: TrainConfig) -> None:
    training, _ = read_image_sets(config, ("Background", "Neoplastic", "INFLAMMATORY"))
    assert training[0].types is not None
    assert training[0].types[:4].tolist() == [0, 2, 1, 2]


def test_pannuke_types_have_the_names_of_the_literature(config: TrainConfig, tmp_path: Path) -> None:
    folder = tmp_path / "fold1"
    folder.mkdir()
    masks = np.zeros((1, 32, 32, 6))
    masks[0, 4:9, 4:9, 4], masks[0, 20:25, 20:25, 0] = 1, 2
    np.save(folder / "images.npy", np.full((1, 32, 32, 3), 200, np.uint8))
    np.save(folder / "masks.npy", masks)
    names = ("background", "Non-neoplastic epithelial", "neoplastic", "inflammatory", "connective")
    training, _ = read_image_sets(on(config, folder), names)
    assert training[0].types is not None
    assert sorted(training[0].types.tolist()) == [0, 1, 2]
    with pytest.raises(ValueError, match=r"has the type 'lymphocyte', .* have 'dead', 'inflammatory', which"):
        read_image_sets(on(config, folder), (*names[:3], "lymphocyte", names[4]))


def test_consep_types_have_their_original_names(config: TrainConfig, annotated_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "consep"
    (folder / "Labels").mkdir(parents=True)
    (annotated_folder / "images").rename(folder / "Images")
    maps = np.zeros((140, 150))
    maps[10:20, 10:20], maps[30:40, 30:40] = 4, 6
    savemat(folder / "Labels" / "one.mat", {"inst_map": maps, "type_map": maps})
    training, _ = read_image_sets(on(config, folder), ("background", "malignant epithelial", "healthy epithelial"))
    assert training[0].types is not None
    assert training[0].types[[0, 4, 6]].tolist() == [0, 1, UNKNOWN_TYPE]


def test_a_warning_names_images_of_both_sets(
    config: TrainConfig, annotated_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    both = dataclasses.replace(config, validation=(DataSettings(str(annotated_folder), only=("two",)),))
    read_image_sets(both, NAMES)
    assert "used both for training and for validation" in caplog.text
    assert caplog.text.rstrip().endswith("two")


def test_there_is_no_warning_if_the_sets_are_disjoint(
    config: TrainConfig, annotated_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    apart = dataclasses.replace(
        config,
        data=(DataSettings(str(annotated_folder), leave_out=("two",)),),
        validation=(DataSettings(str(annotated_folder), only=("two",)),),
    )
    picture = cv2.imread(str(annotated_folder / "images" / "two.png"))
    cv2.imwrite(str(annotated_folder / "images" / "two.png"), picture[::-1])
    read_image_sets(apart, NAMES)
    assert not caplog.records


def test_patience_without_validation_images_is_refused(config: TrainConfig) -> None:
    patient = dataclasses.replace(config, fit=(FitSettings(validate_every=1, patience=1),))
    with pytest.raises(ValueError, match="got patience, but no validation images"):
        read_image_sets(patient, NAMES)
    training, validation = read_image_sets(dataclasses.replace(patient, hold_out=2), NAMES)
    assert (len(training), len(validation)) == (1, 1)


def make_project(folder: Path, mpp: float) -> Path:
    (folder / "project.json").write_text(json.dumps({"format": 1, "mpp": mpp}))
    return folder


def test_images_of_a_project_are_rescaled_to_the_model(
    config: TrainConfig, annotated_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_project(annotated_folder, 0.5)
    training, _ = read_image_sets(config, NAMES, 0.25)
    assert [image.zoom for image in training] == [2.0, 2.0]
    assert "have 0.5 um/px, the model has 0.25: they are rescaled by 2" in caplog.text
    caplog.clear()
    training, _ = read_image_sets(config, NAMES, 0.501)
    assert [image.zoom for image in training] == [1.0, 1.0]
    assert "rescaled" not in caplog.text


def test_another_zoom_for_a_project_is_refused(config: TrainConfig, annotated_folder: Path) -> None:
    make_project(annotated_folder, 0.5)
    config = dataclasses.replace(config, data=(DataSettings(".", zoom=4.0),))
    with pytest.raises(ValueError, match=r"got zoom = 4 for the project .*: leave zoom out, it is 2"):
        read_image_sets(config, NAMES, 0.25)
