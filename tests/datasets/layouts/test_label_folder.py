"""The project's own layout: files are read as they are, and bad ones are named."""

import logging

import cv2
import numpy as np
import pytest
import tifffile

from napari_pathprune.datasets.read_images import read_images, read_type_names
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE

NAMES = ("background", "neoplastic", "inflammatory")


@pytest.fixture
def folder(tmp_path, two_discs):
    for part in ("images", "labels", "classes"):
        (tmp_path / part).mkdir()
    for number, name in enumerate(("b", "a", "c")):
        image = np.zeros((64, 80, 3), np.uint8)
        image[..., 0], image[..., 2] = 200, number  # blue is the number of the image
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), image[..., ::-1])
        tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", two_discs.astype(np.uint16))
    (tmp_path / "classes" / "a.csv").write_text("label,class_id,class_name\n3,2,inflammatory\n7,9,mitosis\n")
    (tmp_path / "classes" / "b.csv").write_text("label,class_id,class_name\n3,1,neoplastic\n")
    return tmp_path


def test_images_are_rgb_and_ordered_by_name(folder, two_discs):
    images = read_images(folder, NAMES, zoom=2.0, weight=6.0)
    assert [image.name for image in images] == ["a", "b", "c"]
    assert [image.image[0, 0].tolist() for image in images] == [[200, 0, 1], [200, 0, 0], [200, 0, 2]]
    for image in images:
        np.testing.assert_array_equal(image.instances, two_discs)
        assert (image.zoom, image.weight) == (2.0, 2.0)


def test_types_are_numbered_in_the_order_of_the_model(folder):
    a, b, c = read_images(folder, NAMES)
    assert (a.types[0], a.types[3], a.types[7]) == (0, 2, UNKNOWN_TYPE)  # the model has no type "mitosis"
    assert (b.types[0], b.types[3], b.types[7]) == (0, 1, UNKNOWN_TYPE)  # the table has no row for nucleus 7
    assert c.types is None  # no csv
    assert [image.types for image in read_images(folder)] == [None] * 3
    assert read_images(folder, ("background", "mitosis"), only=["b"])[0].types is None


def test_images_can_be_left_out_or_selected(folder):
    assert [image.name for image in read_images(folder, leave_out=["b"])] == ["a", "c"]
    assert [image.name for image in read_images(folder, only=["c", "a"], leave_out=["a"])] == ["c"]


def test_type_names_are_ordered_by_class_id(folder):
    assert read_type_names(folder) == ("background", "neoplastic", "inflammatory", "mitosis")
    for path in (folder / "classes").iterdir():
        path.write_text("label,class_id,class_name\n1,5,\n")
    assert read_type_names(folder) == ()


def test_an_incomplete_row_has_no_class(folder):
    (folder / "classes" / "c.csv").write_text("label,class_id,class_name\n3,1,neoplastic\n7,1\n")
    assert read_images(folder, NAMES, only=["c"])[0].types[[3, 7]].tolist() == [1, UNKNOWN_TYPE]


def test_two_spellings_of_a_class_count_as_one(folder):
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
def test_an_unknown_image_is_named(folder, choice):
    with pytest.raises(ValueError, match="no image 'z'"):
        read_images(folder, **choice)


def test_a_folder_without_images_is_refused_with_the_expected_layout(tmp_path):
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
    ("dtype", "value", "words"),
    [
        (np.uint32, 2**31 + 5, r"ids 0 to 2147483653; expected 0 .background. to 2147483647"),
        (np.int32, -1, r"ids -1 to 7; expected 0"),
        (np.float32, 2.5, "is float32; expected whole numbers"),
        (np.float32, np.nan, "is float32; expected whole numbers"),
    ],
)
def test_a_label_map_with_invalid_ids_is_named_or_skipped(folder, two_discs, caplog, dtype, value, words):
    labels = two_discs.astype(dtype)
    labels[0, 0] = value
    tifffile.imwrite(folder / "labels" / "b.tif", labels)
    with pytest.raises(ValueError, match=rf"b\.tif .*{words}"):
        read_images(folder)
    assert [image.name for image in read_images(folder, bad_files="skip")] == ["a", "c"]
    assert "b.tif" in caplog.text


def test_an_image_without_nuclei_has_types_if_it_has_a_table(folder):
    for name in ("a", "c"):
        tifffile.imwrite(folder / "labels" / f"{name}.tif", np.zeros((64, 80), np.uint16))
    (folder / "classes" / "a.csv").write_text("label,class_id,class_name\n")
    a, _, c = read_images(folder, NAMES)
    assert a.types.tolist() == [0]
    assert c.types is None, "it has no table"
    assert read_images(folder)[0].types is None


def test_an_unreadable_image_is_named(folder):
    (folder / "images" / "b.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"b\.png is not a readable image"):
        read_images(folder)


def test_bad_files_can_be_skipped_with_a_warning(folder, caplog):
    (folder / "images" / "b.png").write_bytes(b"not a picture")
    labels = folder / "labels" / "c.tif"
    labels.write_bytes(labels.read_bytes()[:200])
    with caplog.at_level(logging.WARNING):
        (image,) = read_images(folder, weight=6.0, bad_files="skip")
    assert (image.name, image.weight) == ("a", 6.0), "the remaining images share the weight"
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
def test_a_table_that_does_not_match_its_map_is_named(folder, table, words):
    (folder / "classes" / "b.csv").write_text(table, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ValueError, match=rf"b\.csv .*{words}"):
        read_images(folder, NAMES)


@pytest.mark.parametrize("table", ["label,class_name\n3,neoplastic\n", "label,class_id,class_name\n3,one,neoplastic\n"])
def test_a_table_without_class_ids_has_no_type_names(folder, table):
    (folder / "classes" / "b.csv").write_text(table)
    with pytest.raises(ValueError, match=r"b\.csv .*class_id"):
        read_type_names(folder)
