"""Twins share arrays and show nuclei in one colour."""

import numpy as np
import pytest
import zarr
from napari.layers import Image, Labels

from napari_pathprune.plugin.layers.comparison.twin_layers import copy_nuclei, copy_slide


@pytest.fixture
def slide(tissue):
    return Image(tissue, rgb=True, name="slide", scale=(0.5, 0.5), translate=(9, 4), units=("um", "um"), gamma=0.8)


def make_nuclei(slide, data):
    is_multiscale = isinstance(data, list)
    return Labels(data, multiscale=is_multiscale, scale=slide.scale, translate=slide.translate, units=slide.units)


def test_the_twin_of_a_slide_shares_its_pixels(slide):
    twin = copy_slide(slide, "twin")
    assert twin.data is slide.data
    assert (twin.name, twin.visible, twin.gamma) == ("twin", False, 0.8)


def test_the_twin_of_labels_in_memory_is_an_editable_part_of_them(slide):
    nuclei = make_nuclei(slide, np.arange(120 * 160, dtype=np.int32).reshape(120, 160))
    twin = copy_nuclei(nuclei, slide, (20, 30, 50, 90), (255, 0, 0))
    assert np.shares_memory(twin.data, nuclei.data)
    assert twin.editable
    np.testing.assert_array_equal(twin.data, nuclei.data[20:50, 30:90])
    np.testing.assert_allclose(twin.data_to_world((0, 0)), nuclei.data_to_world((20, 30)))
    np.testing.assert_allclose(twin.get_color(77), (1, 0, 0, 1))


def test_a_small_part_of_stored_labels_is_read_and_not_editable(slide):
    stored = zarr.array(np.ones((120, 160), np.int32), chunks=(64, 64))
    twin = copy_nuclei(make_nuclei(slide, [stored, stored[::2, ::2]]), slide, (0, 0, 50, 90), (255, 0, 0))
    assert isinstance(twin.data, np.ndarray)
    assert twin.data.shape == (50, 90)
    assert not twin.editable


def test_a_large_part_of_stored_labels_is_shown_whole(slide, monkeypatch):
    monkeypatch.setattr("napari_pathprune.plugin.layers.comparison.twin_layers.OUTLINED_PX", 100)
    stored = zarr.array(np.ones((120, 160), np.int32), chunks=(64, 64))
    nuclei = make_nuclei(slide, [stored, stored[::2, ::2]])
    twin = copy_nuclei(nuclei, slide, (0, 0, 50, 90), (255, 0, 0))
    assert twin.multiscale
    assert twin.data[0].shape == (120, 160)
    np.testing.assert_allclose(twin.data_to_world((3, 4)), nuclei.data_to_world((3, 4)))
