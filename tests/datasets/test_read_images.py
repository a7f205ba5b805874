"""The layout of a folder is detected, and each layout reads with the same arguments."""

import cv2
import numpy as np
import pytest
import tifffile
from scipy.io import savemat

from napari_pathprune.datasets.read_images import LazyImages, read_class_names, read_images, read_type_names

SIDE_PX = 32


@pytest.fixture
def label_folder(tmp_path):
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.full((SIDE_PX, SIDE_PX, 3), 9, np.uint8))
    tifffile.imwrite(tmp_path / "labels" / "a.tif", np.ones((SIDE_PX, SIDE_PX), np.uint16))
    return tmp_path


@pytest.fixture
def consep_folder(label_folder):
    """Return a folder that has labelled pictures as well."""
    for part in ("Images", "Labels"):
        (label_folder / part).mkdir(exist_ok=True)
    cv2.imwrite(str(label_folder / "Images" / "train_1.png"), np.full((SIDE_PX, SIDE_PX, 3), 9, np.uint8))
    ones = np.ones((SIDE_PX, SIDE_PX))
    savemat(label_folder / "Labels" / "train_1.mat", {"inst_map": ones, "type_map": ones})
    return label_folder


@pytest.fixture
def pannuke_folder(consep_folder):
    """Return a folder that has all layouts."""
    np.save(consep_folder / "images.npy", np.full((1, SIDE_PX, SIDE_PX, 3), 200, np.uint8))
    np.save(consep_folder / "masks.npy", np.zeros((1, SIDE_PX, SIDE_PX, 6)))
    return consep_folder


def read_names(folder):
    return [image.name for image in read_images(folder)]


def test_labelled_pictures_are_read_where_there_is_nothing_else(label_folder):
    assert read_names(label_folder) == ["a"]
    assert read_class_names(label_folder) == read_type_names(label_folder) == ()


def test_consep_comes_before_labelled_pictures(consep_folder):
    assert read_names(consep_folder) == ["train_1"]
    assert read_type_names(consep_folder) == (
        "background",
        "miscellaneous",
        "inflammatory",
        "epithelial",
        "spindle",
    )
    assert len(read_class_names(consep_folder)) == 7


def test_pannuke_comes_first_and_stays_on_disk(pannuke_folder):
    images = read_images(pannuke_folder)
    assert isinstance(images, LazyImages)
    assert images.names[0].endswith("_000000")
    assert read_type_names(pannuke_folder)[1:] == ("neoplastic", "inflammatory", "connective", "dead", "epithelial")


@pytest.mark.parametrize("layout", ["label_folder", "consep_folder", "pannuke_folder"])
def test_every_layout_takes_the_same_arguments(layout, request):
    folder = request.getfixturevalue(layout)
    (image,) = read_images(folder, ("background", "neoplastic"), zoom=2.0, weight=3.0)
    assert (image.zoom, image.weight, image.instances.dtype) == (2.0, 3.0, np.int32)
    with pytest.raises(ValueError, match="no image 'z'"):
        read_images(folder, only=["z"])
    with pytest.raises(ValueError, match="bad_files = 'ask'"):
        read_images(folder, bad_files="ask")


def test_a_missing_folder_is_refused_with_the_expected_layout(tmp_path):
    with pytest.raises(ValueError, match=r"there is no folder .*none; expected a folder with images/\*\.png"):
        read_images(tmp_path / "none")
