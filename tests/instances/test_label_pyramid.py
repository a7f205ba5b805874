"""The label pyramid, written tile by tile."""

import errno

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from napari_pathprune.instances import label_pyramid
from napari_pathprune.instances.label_pyramid import LabelsWriter, open_levels
from napari_pathprune.instances.palette import type_colours
from napari_pathprune.instances.table import InstanceTable


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(label_pyramid, "CHUNK_PX", 64)
    monkeypatch.setattr(label_pyramid, "OVERVIEW_PX", 64)


def read_levels(path):
    return [np.asarray(level) for level in open_levels(path)]


@pytest.mark.usefixtures("small_chunks")
def test_tiles_are_written_as_a_pyramid(tmp_path, discs):
    with LabelsWriter(tmp_path / "labels.ome.zarr", discs.shape, (0.25, 0.5)) as writer:
        for y0 in range(-10, 200, 70):
            for x0 in range(-20, 240, 90):  # boxes reach outside the slide
                tile = np.pad(discs, 100)[y0 + 100 : y0 + 170, x0 + 100 : x0 + 190]
                writer.paint((y0, x0, y0 + 70, x0 + 90), tile)
    levels = read_levels(tmp_path / "labels.ome.zarr")
    assert [level.shape for level in levels] == [(200, 240), (100, 120), (50, 60)]
    for level, step in zip(levels, (1, 2, 4), strict=True):
        assert level.dtype == np.int32
        np.testing.assert_array_equal(level, discs[::step, ::step])
    assert [p.name for p in tmp_path.iterdir()] == ["labels.ome.zarr"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-20, 150)] * 2, *[st.integers(1, 120)] * 2), max_size=5))
def test_first_nucleus_on_a_pixel_stays(tmp_path_factory, boxes):
    path = tmp_path_factory.mktemp("labels") / "labels.ome.zarr"
    expected = np.zeros((130, 140), np.int32)
    with LabelsWriter(path, (130, 140), None) as writer:
        for id_, (y, x, height, width) in enumerate(boxes, start=1):
            labels = np.full((height, width), id_)
            labels[::2, ::3] = 0
            writer.paint((y, x, y + height, x + width), labels)
            rows, columns = slice(max(y, 0), max(y + height, 0)), slice(max(x, 0), max(x + width, 0))
            target = expected[rows, columns]
            inside = labels[max(-y, 0) :, max(-x, 0) :][: target.shape[0], : target.shape[1]]
            target[...] = np.where(target == 0, inside, target)
    np.testing.assert_array_equal(read_levels(path)[0], expected)


@pytest.mark.usefixtures("small_chunks")
def test_chunks_without_nuclei_are_not_stored(tmp_path):
    with LabelsWriter(tmp_path / "a.ome.zarr", (640, 640), None) as writer:
        writer.paint((0, 0, 640, 640), np.zeros((640, 640), int))
        writer.paint((70, 70, 72, 72), np.ones((2, 2), int))
    chunks = [p for p in (tmp_path / "a.ome.zarr" / "0").rglob("*") if p.is_file() and p.name != "zarr.json"]
    assert [p.relative_to(tmp_path / "a.ome.zarr" / "0" / "c").as_posix() for p in chunks] == ["1/1"]


@pytest.mark.usefixtures("small_chunks")
def test_ome_zarr_reads_labels_scale_and_types(tmp_path, discs, types_of_discs):
    table = InstanceTable.from_instance_map(discs, types_of_discs)
    names = ("background", "neoplastic", "inflammatory", "connective")
    with LabelsWriter(tmp_path / "labels.ome.zarr", discs.shape, (0.25, 0.5)) as writer:
        writer.paint((0, 0, *discs.shape), discs)
        writer.describe(table, names)
    (node,) = Reader(parse_url(str(tmp_path / "labels.ome.zarr")))()
    np.testing.assert_array_equal(np.asarray(node.data[0]), discs)
    assert [t[0]["scale"] for t in node.metadata["coordinateTransformations"]] == [[0.25, 0.5], [0.5, 1.0], [1.0, 2.0]]
    assert {axis["unit"] for axis in node.metadata["axes"]} == {"micrometer"}
    first = int(table.id[0])
    assert node.metadata["properties"][first]["type"] == names[table.type[0]]
    about = zarr.open_group(tmp_path / "labels.ome.zarr", mode="r").attrs["ome"]
    assert about["version"] == "0.5"
    assert len(about["image-label"]["properties"]) == len(table)
    colours = {entry["label-value"]: tuple(entry["rgba"]) for entry in about["image-label"]["colors"]}
    assert colours[first] == (*type_colours(names)[table.type[0]], 255)
    assert len(colours) == len(table)


def test_metadata_do_not_list_many_nuclei(tmp_path, monkeypatch, discs):
    monkeypatch.setattr(label_pyramid, "_NUCLEI_IN_METADATA", 5)
    with LabelsWriter(tmp_path / "a.ome.zarr", discs.shape, None) as writer:
        writer.describe(InstanceTable.from_instance_map(discs), ("nucleus",))
    assert "properties" not in zarr.open_group(tmp_path / "a.ome.zarr", mode="r").attrs["ome"]["image-label"]


def interrupt_after_painting(path):
    with LabelsWriter(path, (40, 40), None) as writer:
        writer.paint((0, 0, 2, 2), np.full((2, 2), 3))
        raise KeyboardInterrupt


def test_interrupted_run_leaves_the_earlier_pyramid_alone(tmp_path):
    path = tmp_path / "a.ome.zarr"
    with pytest.raises(KeyboardInterrupt):
        interrupt_after_painting(path)
    assert list(tmp_path.iterdir()) == []
    with LabelsWriter(path, (40, 40), None) as writer:
        writer.paint((1, 1, 3, 3), np.full((2, 2), 4))
    with pytest.raises(KeyboardInterrupt):
        interrupt_after_painting(path)
    assert read_levels(path)[0][:3, :3].tolist() == [[0, 0, 0], [0, 4, 4], [0, 4, 4]]
    assert [p.name for p in tmp_path.iterdir()] == ["a.ome.zarr"]


def test_other_folder_is_not_replaced(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    with pytest.raises(ValueError, match="is not a label pyramid"):
        LabelsWriter(tmp_path / "precious", (4, 4), None)
    assert (tmp_path / "precious" / "file").read_text() == "mine"


def test_full_disk_is_reported(tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = LabelsWriter(tmp_path / "a.ome.zarr", (40, 40), None)
    monkeypatch.setattr(zarr.Array, "__setitem__", full)
    with pytest.raises(OSError, match=r"disk full while writing; free some space and write again: .*a\.ome\.zarr"):
        writer.paint((0, 0, 2, 2), np.ones((2, 2), int))
    assert not (tmp_path / "a.ome.zarr").exists()


def test_labels_of_another_shape_than_their_box_are_rejected(tmp_path):
    writer = LabelsWriter(tmp_path / "a.ome.zarr", (40, 40), None)
    with pytest.raises(ValueError, match="expected the shape of the box"):
        writer.paint((0, 0, 2, 3), np.ones((2, 2), int))
    with pytest.raises(ValueError, match="expected at least one"):
        LabelsWriter(tmp_path / "b.ome.zarr", (0, 40), None)


def test_a_pyramid_that_does_not_exist_is_not_created(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_levels(tmp_path / "labels.ome.zarr")
    assert not (tmp_path / "labels.ome.zarr").exists()
