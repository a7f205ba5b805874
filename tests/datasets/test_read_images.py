"""Annotated images on disk: read as they are, refused with a clear line; patches depend on their index alone."""

import logging

import cv2
import numpy as np
import pytest
import tifffile
import torch

from napari_pathprune.datasets.read_images import AnnotatedImage, class_shares, read_images, read_type_names
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE
from napari_pathprune.training.random_patches import RandomPatches

NAMES = ("background", "neoplastic", "inflammatory")


@pytest.fixture
def folder(tmp_path, two_discs):
    for part in ("images", "labels", "classes"):
        (tmp_path / part).mkdir()
    for number, name in enumerate(("b", "a", "c")):
        image = np.zeros((64, 80, 3), np.uint8)
        image[..., 0], image[..., 2] = 200, number  # red; blue counts
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), image[..., ::-1])
        tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", two_discs.astype(np.uint16))
    (tmp_path / "classes" / "a.csv").write_text("label,class_id,class_name\n3,2,inflammatory\n7,9,mitosis\n")
    (tmp_path / "classes" / "b.csv").write_text("label,class_id,class_name\n3,1,neoplastic\n")
    return tmp_path


def test_images_come_in_the_order_of_their_names_as_rgb(folder, two_discs):
    images = read_images(folder, NAMES, zoom=2.0, weight=6.0)
    assert [image.name for image in images] == ["a", "b", "c"]
    assert [image.image[0, 0].tolist() for image in images] == [[200, 0, 1], [200, 0, 0], [200, 0, 2]]
    for image in images:
        np.testing.assert_array_equal(image.instances, two_discs)
        assert (image.zoom, image.weight) == (2.0, 2.0)


def test_types_are_numbered_as_the_model_names_them(folder):
    a, b, c = read_images(folder, NAMES)
    assert (a.types[0], a.types[3], a.types[7]) == (0, 2, UNKNOWN_TYPE)  # mitosis is no type of this model
    assert (b.types[0], b.types[3], b.types[7]) == (0, 1, UNKNOWN_TYPE)  # nothing is said of nucleus 7
    assert c.types is None  # no csv
    assert [image.types for image in read_images(folder)] == [None] * 3
    assert read_images(folder, ("background", "mitosis"), only=["b"])[0].types is None


def test_images_can_be_left_out_or_chosen(folder):
    assert [image.name for image in read_images(folder, leave_out=["b"])] == ["a", "c"]
    assert [image.name for image in read_images(folder, only=["c", "a"], leave_out=["a"])] == ["c"]


def test_names_are_those_of_the_tables_in_the_order_of_their_ids(folder):
    assert read_type_names(folder) == ("background", "neoplastic", "inflammatory", "mitosis")
    for path in (folder / "classes").iterdir():
        path.write_text("label,class_id,class_name\n1,5,\n")
    assert read_type_names(folder) == ()


def test_a_row_that_ends_early_has_no_class(folder):
    (folder / "classes" / "c.csv").write_text("label,class_id,class_name\n3,1,neoplastic\n7,1\n")
    assert read_images(folder, NAMES, only=["c"])[0].types[[3, 7]].tolist() == [1, UNKNOWN_TYPE]


def test_a_class_that_is_spelt_in_two_ways_is_one(folder):
    rows = "label,class_id,class_name\n3,1,NEOPLASTIC\n7,4,Cell_in-mitosis\n4,0,Background\n"
    (folder / "classes" / "c.csv").write_text(rows)
    names = read_type_names(folder)
    assert [name.lower() for name in names] == [
        "background",
        "neoplastic",
        "inflammatory",
        "cell_in-mitosis",
        "mitosis",
    ]
    image = read_images(folder, ("background", "cell in mitosis", "neoplastic"), only=["c"])[0]
    assert image.types.tolist() == [0, -1, -1, 2, 0, -1, -1, 1]


@pytest.mark.parametrize("choice", [{"leave_out": ["z"]}, {"only": ["z"]}])
def test_a_name_that_does_not_exist_is_told(folder, choice):
    with pytest.raises(ValueError, match="no image 'z'"):
        read_images(folder, **choice)


def test_a_folder_without_images_says_what_was_expected(tmp_path):
    with pytest.raises(ValueError, match=r"images/\*\.png and labels/\*\.tif"):
        read_images(tmp_path)


def test_a_missing_label_map_is_named(folder):
    (folder / "labels" / "b.tif").unlink()
    with pytest.raises(ValueError, match=r"b\.tif is missing"):
        read_images(folder)


def test_a_label_map_of_another_shape_is_named_with_both_shapes(folder):
    tifffile.imwrite(folder / "labels" / "b.tif", np.zeros((64, 81), np.uint16))
    with pytest.raises(ValueError, match=r"b\.tif is \(64, 81\), but its image is \(64, 80\)"):
        read_images(folder)


@pytest.mark.parametrize(
    ("dtype", "spoilt", "words"),
    [
        (np.uint32, 2**31 + 5, r"ids 0 to 2147483653; expected 0, the background, to 2147483647"),
        (np.int32, -1, r"ids -1 to 7; expected 0"),
        (np.float32, 2.5, "is float32; expected whole numbers"),
        (np.float32, np.nan, "is float32; expected whole numbers"),
    ],
)
def test_a_label_map_of_other_numbers_is_named_or_skipped(folder, two_discs, caplog, dtype, spoilt, words):
    labels = two_discs.astype(dtype)
    labels[0, 0] = spoilt
    tifffile.imwrite(folder / "labels" / "b.tif", labels)
    with pytest.raises(ValueError, match=rf"b\.tif .*{words}"):
        read_images(folder)
    assert [image.name for image in read_images(folder, bad_files="skip")] == ["a", "c"]
    assert "b.tif" in caplog.text


def test_an_image_without_nuclei_is_known_to_be_background_if_it_has_a_table(folder):
    for name in ("a", "c"):
        tifffile.imwrite(folder / "labels" / f"{name}.tif", np.zeros((64, 80), np.uint16))
    (folder / "classes" / "a.csv").write_text("label,class_id,class_name\n")
    a, _, c = read_images(folder, NAMES)
    assert a.types.tolist() == [0]
    assert c.types is None, "it has no table"
    assert read_images(folder)[0].types is None


def test_an_image_that_is_none_is_named(folder):
    (folder / "images" / "b.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"b\.png is not a readable image"):
        read_images(folder)


def test_bad_files_can_be_skipped_and_are_named(folder, caplog):
    (folder / "images" / "b.png").write_bytes(b"not a picture")
    labels = folder / "labels" / "c.tif"
    labels.write_bytes(labels.read_bytes()[:200])
    with caplog.at_level(logging.WARNING):
        (image,) = read_images(folder, weight=6.0, bad_files="skip")
    assert (image.name, image.weight) == ("a", 6.0), "those that are left share the weight"
    assert [part in caplog.text for part in ("b.png", "c.tif")] == [True, True]
    with pytest.raises(ValueError, match=r"c\.tif is not a readable TIFF"):
        read_images(folder, only=["c"])
    with pytest.raises(ValueError, match=r"no image .* is left"):
        read_images(folder, only=["b"], bad_files="skip")
    with pytest.raises(ValueError, match="bad_files = 'ask'"):
        read_images(folder, bad_files="ask")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("number,kind\n3,neoplastic\n", "expected columns"),
        ("label,class_id,class_name\nthree,1,neoplastic\n", "expected columns"),
        ("label,class_id,class_name\n8,1,neoplastic\n", "nucleus 8 .* 1 to 7"),
        ("label,class_id,class_name\n0,1,neoplastic\n", "nucleus 0 "),
        ("label,class_id,class_name\n-1,1,neoplastic\n", "nucleus -1 "),
        ("label,class_id,class_name\n3,1,\udcff\n", "expected columns"),
    ],
)
def test_a_table_that_does_not_fit_is_named(folder, table, words):
    (folder / "classes" / "b.csv").write_text(table, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ValueError, match=rf"b\.csv .*{words}"):
        read_images(folder, NAMES)


@pytest.mark.parametrize("table", ["label,class_name\n3,neoplastic\n", "label,class_id,class_name\n3,one,neoplastic\n"])
def test_a_table_without_class_ids_gives_no_names(folder, table):
    (folder / "classes" / "b.csv").write_text(table)
    with pytest.raises(ValueError, match=r"b\.csv .*class_id"):
        read_type_names(folder)


@pytest.fixture
def images(two_discs):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (2, 64, 80, 3)).astype(np.uint8)
    types = np.array([0, -1, -1, 1, -1, -1, -1, 2])
    return [AnnotatedImage("typed", pixels[0], two_discs, types), AnnotatedImage("untyped", pixels[1], two_discs)]


def test_a_patch_depends_on_its_index_alone(images):
    forwards = RandomPatches(images, 64, 32, length=8, seed=5)
    first = [forwards[i] for i in range(8)]
    again = RandomPatches(images, 64, 32, length=100, seed=5)
    for i in (7, 2, 5):
        for name, value in again[i].items():
            assert torch.equal(value, first[i][name]), name
    other_seed = RandomPatches(images, 64, 32, length=8, seed=6)[2]
    assert not torch.equal(other_seed["image"], first[2]["image"])
    for i in range(8):
        assert not any(torch.equal(first[i]["image"], first[j]["image"]) for j in range(i))


def test_patches_have_what_the_losses_want(images):
    patch = RandomPatches(images, 96, 48, length=4, seed=1)[0]
    assert {name: (tuple(v.shape), v.dtype) for name, v in patch.items()} == {
        "image": ((3, 96, 96), torch.float32),
        "nuclear": ((48, 48), torch.int64),
        "hv": ((2, 48, 48), torch.float32),
        "types": ((48, 48), torch.int64),
    }
    assert 0 <= patch["image"].min() <= patch["image"].max() <= 255
    assert patch["image"].max() > 1, "images go to the network as 0 to 255"


def test_types_of_patches_are_those_of_their_image(images):
    seen = {"typed": set(), "untyped": set()}
    for image in images:
        patches = RandomPatches([image], 96, 96, length=6, seed=1)
        for i in range(6):
            patch = patches[i]
            seen[image.name] |= set(patch["types"].unique().tolist())
            if image.types is not None:
                assert torch.equal(patch["types"] != 0, patch["nuclear"] == 1)
    assert seen == {"typed": {0, 1, 2}, "untyped": {UNKNOWN_TYPE}}


def test_shares_of_classes_are_counted_by_weight(images, two_discs):
    typed, untyped = images
    nuclear = (two_discs > 0).mean()
    assert class_shares(images, None).keys() == {"np"}
    np.testing.assert_allclose(class_shares(images, None)["np"], [1 - nuclear, nuclear], rtol=1e-4)
    shares = class_shares(images, 3)["tp"]
    np.testing.assert_allclose(shares, np.bincount(typed.types[two_discs].ravel()) / two_discs.size, rtol=1e-3)
    full = AnnotatedImage("full", untyped.image, np.ones_like(two_discs), weight=3.0 * untyped.weight)
    assert class_shares([untyped, full], None)["np"][1] == pytest.approx((nuclear + 3.0) / 4.0, abs=1e-4)
    nothing = class_shares([untyped], 3)["tp"]
    assert (nothing > 0).all()  # types that no image shows still have a finite logarithm


def test_images_are_drawn_by_weight(images, two_discs):
    black = np.zeros((64, 80, 3), np.uint8)
    typed, untyped = (
        AnnotatedImage(image.name, black, two_discs, image.types, weight=weight)
        for image, weight in zip(images, (3.0, 1.0), strict=True)
    )
    patches = RandomPatches([typed, untyped], 64, 64, length=200, seed=2)
    without_types = sum(bool((patches[i]["types"] == UNKNOWN_TYPE).any()) for i in range(200))
    assert 30 < without_types < 70


def test_iteration_ends(images):
    assert len(list(RandomPatches(images, 32, 8, length=3, seed=1))) == 3
    with pytest.raises(IndexError, match="index 3 of 3"):
        RandomPatches(images, 32, 8, length=3, seed=1)[3]


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="no images"):
        RandomPatches([], 96, 48, length=4, seed=1)
