"""CoNSeP: types are merged as in HoVer-Net, or kept if the model names them."""

import logging

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from napari_pathprune.datasets.read_images import read_images, read_type_names
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE


@pytest.fixture
def folder(tmp_path):
    """Return two images with a nucleus of each original type, with ids 3, 6, ..., 21; the last has no type."""
    instances, types = np.zeros((40, 64)), np.zeros((40, 64))
    for number in range(1, 8):
        nucleus = (slice(4, 30), slice(8 * number - 6, 8 * number))
        instances[nucleus], types[nucleus] = 3 * number, number if number < 7 else 0
        types[4:8, nucleus[1]] = 1  # a minority of the pixels has another type
    types[:, 50:] = 0
    (tmp_path / "Images").mkdir()
    (tmp_path / "Labels").mkdir()
    for name in ("train_1", "train_2"):
        image = np.full((40, 64, 3), (1, 2, 200), np.uint8)
        cv2.imwrite(str(tmp_path / "Images" / f"{name}.png"), image)
        path = tmp_path / "Labels" / f"{name}.mat"
        savemat(path, {"inst_map": instances, "type_map": types, "inst_type": np.ones((7, 1))})
    return tmp_path


def test_types_are_merged_as_in_hovernet(folder):
    names = read_type_names(folder)
    assert names == ("background", "miscellaneous", "inflammatory", "epithelial", "spindle")
    images = read_images(folder, names, weight=3.0)
    assert [(image.name, image.weight) for image in images] == [("train_1", 1.5), ("train_2", 1.5)]
    image = images[0]
    assert image.image[0, 0].tolist() == [200, 2, 1]
    assert image.types[[0, 3, 6, 9, 12, 15, 18, 21]].tolist() == [0, 1, 2, 3, 3, 4, 4, UNKNOWN_TYPE]
    assert set(np.unique(image.instances)) == {0, 3, 6, 9, 12, 15, 18, 21}


def test_original_types_are_kept_if_the_model_names_them(folder):
    image = read_images(folder, ("background", "malignant epithelial", "epithelial", "muscle"), only=["train_2"])[0]
    expected = [UNKNOWN_TYPE, UNKNOWN_TYPE, 2, 1, UNKNOWN_TYPE, 3]
    assert image.types[[3, 6, 9, 12, 15, 18]].tolist() == expected
    assert read_images(folder)[0].types is None
    assert read_images(folder, ("background", "mitosis"))[0].types is None


def test_spelling_does_not_matter(folder):
    names = ("Background", "Epithelial", "Inflammatory", "Spindle_Shaped", "Miscellaneous")
    assert read_images(folder, names)[0].types[[0, 3, 6, 9, 12, 15, 18]].tolist() == [0, 4, 2, 1, 1, 3, 3]


def write_wrong_map(key, value):
    content = {"inst_map": np.ones((40, 64)), "type_map": np.ones((40, 64))}
    if value is None:
        del content[key]
    else:
        content[key] = value
    return lambda folder: savemat(folder / "Labels" / "train_1.mat", content)


BAD = {
    "no image": (lambda folder: (folder / "Images" / "train_1.png").unlink(), r"train_1\.png"),
    "no file": (lambda folder: (folder / "Labels" / "train_1.mat").write_bytes(b"x" * 300), "not a readable MATLAB"),
    "truncated": (
        lambda folder: (p := folder / "Labels" / "train_1.mat").write_bytes(p.read_bytes()[:400]),
        r"train_1\.mat is not a readable MATLAB",
    ),
    "no map": (write_wrong_map("type_map", None), r"train_1\.mat has no type_map"),
    "shape": (write_wrong_map("inst_map", np.ones((40, 63))), r"inst_map of .*train_1\.mat is \(40, 63\)"),
    "types": (write_wrong_map("type_map", np.full((40, 64), 8)), r"type_map of .*train_1\.mat has values 8 to 8"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_named_or_skipped(folder, caplog, case):
    change, words = BAD[case]
    change(folder)
    with pytest.raises(ValueError, match=words):
        read_images(folder)
    with caplog.at_level(logging.WARNING):
        images = read_images(folder, bad_files="skip")
    assert [image.name for image in images] == ["train_2"]
    assert "train_1" in caplog.text
