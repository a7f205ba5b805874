"""PanNuke: folds are found as published, converted on access and renumbered; bad ones are named."""

import logging
import re

import numpy as np
import pytest

from napari_pathprune.datasets.read_images import class_shares, pannuke_split, read_images, read_type_names
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE
from napari_pathprune.training.random_patches import RandomPatches

NAMES = ("background", "inflammatory", "neoplastic", "non-neoplastic epithelial")


def write_fold(folder, masks_folder=None, count=3, dtype=np.float64):
    """Write images whose red value is their number, each with two nuclei of the same id in two channels."""
    masks_folder = masks_folder or folder
    for path in {folder, masks_folder}:
        path.mkdir(parents=True, exist_ok=True)
    images = np.full((count, 32, 32, 3), 200.0)
    images[..., 0] = np.arange(count)[:, None, None]
    masks = np.zeros((count, 32, 32, 6))
    masks[:, 2:10, 2:10, 0] = 4  # neoplastic
    masks[:, 12:20, 2:10, 0] = 9
    masks[:, 8:16, 20:30, 1] = 4  # inflammatory
    masks[:, 2:10, 6:14, 4] = 4  # epithelial, half of it covered by the first
    masks[:, 25:30, 2:10, 3] = 1  # dead
    masks[..., 5] = masks[..., :5].sum(-1) == 0
    np.save(folder / "images.npy", images.astype(dtype))
    np.save(masks_folder / "masks.npy", masks)
    np.save(folder / "types.npy", np.array(["Colon", "Breast", "HeadNeck"][:count]))
    return folder


@pytest.fixture
def fold(tmp_path):
    return write_fold(tmp_path / "fold1")


@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_images_are_converted_on_access(tmp_path, dtype):
    images = read_images(write_fold(tmp_path / "fold1", dtype=dtype), NAMES, zoom=2.0, weight=6.0)
    assert [image.name for image in images] == ["fold1_000000", "fold1_000001", "fold1_000002"]
    image = images[1]
    assert (image.image.dtype, image.image[0, 0].tolist()) == (np.uint8, [1, 200, 200])
    assert (image.zoom, image.weight, image.tissue) == (2.0, 2.0, "Breast")
    assert image is not images[1], "images are not cached"
    assert images[-1].tissue == "HeadNeck"
    with pytest.raises(IndexError):
        images[3]


def test_nuclei_of_all_channels_are_distinct_and_have_their_type(fold):
    image = read_images(fold, NAMES)[0]
    found = image.types[image.instances]
    assert len(np.unique(image.instances)) == 6
    assert image.instances.dtype == np.int32
    assert (found[4, 4], found[14, 4]) == (2, 2)
    assert image.instances[4, 4] != image.instances[14, 4]
    assert (found[10, 25], found[4, 12], found[27, 4], found[0, 0]) == (1, 3, UNKNOWN_TYPE, 0)
    assert found[4, 7] == 2, "where channels overlap, the first one counts"
    assert read_images(fold)[0].types is None
    assert read_images(fold, ("background", "mitosis"))[0].types is None


@pytest.mark.parametrize(
    "names",
    [
        ("nolabe", "neopla", "inflam", "connec", "necros", "no-neo"),
        ("Background", "Neoplastic epithelial", "Inflammatory", "Connective", "Dead", "Non-Neoplastic_Epithelial"),
        ("bg", "Neoplastic cells", "Inflammatory", "Connective/Soft tissue cells", "Dead Cells", "Epithelial"),
    ],
)
def test_types_are_found_by_the_names_of_other_projects(fold, names):
    image = read_images(fold, names)[0]
    found = image.types[image.instances]
    assert (found[4, 4], found[10, 25], found[27, 4], found[4, 12]) == (1, 2, 4, 5)


def test_images_without_nuclei_have_types(fold):
    masks = np.load(fold / "masks.npy")
    masks[1, ..., :5] = 0
    np.save(fold / "masks.npy", masks)
    image = read_images(fold, NAMES)[1]
    assert image.types.tolist() == [0]
    assert not image.instances.any()


def test_the_published_nesting_is_found_for_one_fold_and_for_all(tmp_path):
    for number in (1, 2):
        root = tmp_path / f"Fold {number}"
        write_fold(root / "images" / f"fold{number}", root / "masks" / f"fold{number}", count=number)
    assert [i.name for i in read_images(tmp_path)] == ["fold1_000000", "fold2_000000", "fold2_000001"]
    assert [i.tissue for i in read_images(tmp_path / "Fold 2")] == ["Colon", "Breast"]
    only = read_images(tmp_path, only=["fold2_000001", "fold1_000000"], leave_out=["fold1_000000"])
    assert [(image.name, image.weight) for image in only] == [("fold2_000001", 1.0)]
    with pytest.raises(ValueError, match="no image 'fold3_000000'"):
        read_images(tmp_path, only=["fold3_000000"])


def test_type_names_follow_the_channels(fold):
    assert read_type_names(fold) == ("background", "neoplastic", "inflammatory", "connective", "dead", "epithelial")


def test_patches_and_shares_of_a_fold_equal_those_of_a_list(fold):
    lazy = read_images(fold, NAMES)
    listed = list(lazy)
    for one, other in zip(class_shares(lazy, 4).values(), class_shares(listed, 4).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    patch = RandomPatches(lazy, 32, 16, length=4, seed=1)[2]
    again = RandomPatches(listed, 32, 16, length=4, seed=1)[2]
    assert all((patch[name] == again[name]).all() for name in again)


def overwrite(name, content):
    def change(fold):
        if content is None:
            (fold / name).unlink()
        elif isinstance(content, bytes):
            (fold / name).write_bytes(content)
        else:
            np.save(fold / name, content, allow_pickle=True)

    return change


BAD = {
    "missing": (overwrite("masks.npy", None), r"masks\.npy is missing"),
    "no array": (overwrite("images.npy", b"PK\x03\x04 no array"), r"images\.npy is not a readable array"),
    "empty": (overwrite("images.npy", b""), r"images\.npy is not a readable array"),
    "channels": (overwrite("masks.npy", np.zeros((3, 32, 32, 5))), r"masks\.npy is float64 \(3, 32, 32, 5\)"),
    "count": (
        overwrite("masks.npy", np.zeros((2, 32, 32, 6))),
        r"masks\.npy is \(2, 32, 32, 6\), which does not match",
    ),
    "pickle": (
        overwrite("types.npy", np.array(["a", "b", None], object)),
        r"types\.npy is not a readable array of names",
    ),
    "tissues": (overwrite("types.npy", np.array(["Colon"])), r"types\.npy is .*expected \(3,\)"),
    "range": (overwrite("images.npy", np.full((3, 32, 32, 3), 0.5)), r"images\.npy has values 0 to 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_fold_is_named_or_skipped(tmp_path, caplog, case):
    change, words = BAD[case]
    change(write_fold(tmp_path / "fold1"))
    write_fold(tmp_path / "fold2")
    with pytest.raises(ValueError, match=words):
        read_images(tmp_path)
    with caplog.at_level(logging.WARNING):
        images = read_images(tmp_path, bad_files="skip")
    assert {image.name[:5] for image in images} == {"fold2"}
    assert "fold1" in caplog.text
    with pytest.raises(ValueError, match=r"no fold of .* is readable"):
        read_images(tmp_path / "fold1", bad_files="skip")


def test_a_truncated_array_is_named(fold):
    path = fold / "masks.npy"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"masks\.npy is not a readable array"):
        read_images(fold)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("images.npy", 300.0, "values 1.0 to 300.0; expected 0 to 255"),
        ("images.npy", -1.0, "values -1.0 to 200.0; expected 0 to 255"),
        ("images.npy", np.nan, "values nan to nan; expected 0 to 255"),
        ("masks.npy", -2.0, "values -2.0 to 9.0; expected 0 to 2147483647"),
        ("masks.npy", np.inf, "values 0.0 to inf; expected 0 to 2147483647"),
    ],
)
def test_an_image_with_invalid_values_is_named_or_skipped(fold, caplog, name, value, found):
    array = np.load(fold / name)
    array[1, 0, 0, 0] = value
    np.save(fold / name, array)
    words = rf"image 1 of .*{re.escape(name)} has {re.escape(found)}; .* leave out 'fold1_000001'"
    with pytest.raises(ValueError, match=words):
        read_images(fold)
    with caplog.at_level(logging.WARNING):
        images = read_images(fold, NAMES, weight=6.0, bad_files="skip")
    assert re.search(words, caplog.text)
    assert [(image.name, image.weight) for image in images] == [("fold1_000000", 3.0), ("fold1_000002", 3.0)]
    assert [image.tissue for image in images] == ["Colon", "HeadNeck"]
    assert len(read_images(fold, leave_out=["fold1_000001"])) == 2, "only selected images are checked"
    with pytest.raises(ValueError, match=r"no image of .* is left"):
        read_images(fold, only=["fold1_000001"], bad_files="skip")


def test_the_background_channel_is_not_checked(fold):
    masks = np.load(fold / "masks.npy")
    masks[..., 5] = -1
    np.save(fold / "masks.npy", masks)
    assert len(read_images(fold)) == 3


def test_splits_use_every_fold_once():
    splits = [pannuke_split(number) for number in (1, 2, 3)]
    assert [(s.train, s.validation, s.test) for s in splits] == [(1, 2, 3), (2, 1, 3), (3, 2, 1)]
    with pytest.raises(ValueError, match="split 4"):
        pannuke_split(4)


def test_a_fold_is_surveyed_while_it_is_checked(fold):
    names = ("background", "inflammatory")
    images = read_images(fold, names)
    decoded = list(images)
    survey = images.survey
    assert survey.has_nuclei.tolist() == [image.instances.any() for image in decoded]
    assert survey.has_types.tolist() == [bool((image.types > 0).any()) for image in decoded]
    assert all(np.array_equal(survey.read_pixels(index), image.image) for index, image in enumerate(decoded))
    part = images[1:]
    assert part.survey.has_nuclei.tolist() == survey.has_nuclei.tolist()[1:]
    assert np.array_equal(part.survey.read_pixels(0), decoded[1].image)
