from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers import sample_data
from napari_pathprune.plugin.layers.sample_data import (
    load_nuclei,
    open_cmu_region,
    open_cmu_region_with_both,
    open_cmu_region_with_nuclei,
    save_nuclei,
)
from napari_pathprune.plugin.shelf.shelf import shelf_of


def test_the_packaged_slide_opens():
    [(data, attributes, kind)] = open_cmu_region()
    layer = Layer.create(data, attributes, kind)
    assert layer.rgb
    assert layer.data.shape == (2967, 2220, 3)
    np.testing.assert_allclose(layer.scale, 0.499)


@pytest.fixture
def saved(tmp_path):
    labels = np.zeros((40, 50), np.int32)
    labels[5:10, 5:10] = 3
    labels[20:30, 20:25] = 70000
    table = InstanceTable.from_instance_map(labels)
    table = replace(table, type=np.array([2, 1], np.int16), type_probability=np.array([0.5, 0.75], np.float32))
    path = tmp_path / "some.npz"
    save_nuclei(path, labels, table, ("background", "a", "b"))
    return path, labels


def test_saved_nuclei_are_loaded_unchanged(saved):
    path, labels = saved
    again, table, names = load_nuclei(path)
    np.testing.assert_array_equal(again, labels)
    assert again.dtype == np.int32
    assert table.id.tolist() == [3, 70000]
    assert table.type.tolist() == [2, 1]
    assert table.type_probability.tolist() == [0.5, 0.75]
    assert table.area.tolist() == [25, 50]
    assert names == ("background", "a", "b")
    assert [file.name for file in path.parent.iterdir()] == ["some.npz"]


def test_nuclei_are_not_saved_through_a_link_with_a_name_that_can_be_guessed(tmp_path, two_discs):
    precious = tmp_path / "precious"
    precious.write_text("mine", encoding="utf-8")
    path = tmp_path / "nuclei.npz"
    for link in (path, tmp_path / "nuclei.npz.part.npz"):
        link.symlink_to(precious)
    sample_data.save_nuclei(path, two_discs, InstanceTable.from_instance_map(two_discs), ())
    assert precious.read_text(encoding="utf-8") == "mine"
    assert not path.is_symlink()
    assert len(sample_data.load_nuclei(path)[1]) == 2


def test_a_missing_file_of_nuclei_is_an_error(monkeypatch):
    monkeypatch.setattr(sample_data, "NUCLEI", "nowhere.npz")
    with pytest.raises(ValueError, match=r"nowhere\.npz is missing; open the sample slide"):
        open_cmu_region_with_nuclei()


def check_nuclei(nuclei, slide):
    assert nuclei.data.shape == slide.data.shape[:2]
    np.testing.assert_allclose(nuclei.scale, slide.scale)
    assert nuclei.units == slide.units
    inside = np.asarray(slide.data)[nuclei.data > 0].mean()
    assert inside < np.asarray(slide.data)[nuclei.data == 0].mean() - 40  # nuclei are dark
    assert len(nuclei.features) > 500
    assert set(nuclei.features["index"]) - {-1} == set(np.unique(nuclei.data)) - {0}


def test_the_packaged_nuclei_are_aligned_with_the_slide():
    slide, nuclei = (Layer.create(*layer) for layer in open_cmu_region_with_nuclei())
    check_nuclei(nuclei, slide)


def test_slide_dense_and_compact_result_are_on_the_shelf():
    viewer = ViewerModel()
    slide, dense, compact = (viewer.add_layer(Layer.create(*layer)) for layer in open_cmu_region_with_both())
    check_nuclei(compact, slide)
    assert (dense.visible, compact.visible) == (False, True)
    first, second = shelf_of(viewer).results
    assert (first.layer, first.slide, first.model) == (dense, slide, "hovernet-s")
    assert (second.layer, second.slide, second.model) == (compact, slide, "hovernet-s-compact")
    assert first.region == second.region == (0, 0, 2967, 2220)
    assert second.type_names == ("background", "neoplastic", "inflammatory", "connective")
