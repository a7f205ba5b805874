"""Instances are those of the reference post-processing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes, gaussian_filter

from napari_pathprune.inference.maps import NetworkMaps
from napari_pathprune.inference.postprocess import (
    _fill_holes,
    _fill_small_holes,
    _label_blobs,
    instances_from_maps,
    separate_nuclei,
)
from napari_pathprune.instances.metrics import panoptic_quality

# The maps were generated (touching ellipses with true distance maps; the same blurred and noisy; smoothed noise;
# constant distances; empty) and are stored as float16. The instances are the output of TIAToolbox 2.1.3 for them
# (HoVerNet._proc_np_hv, with scikit-image 0.26 and opencv 5.0).
REFERENCE = np.load(Path(__file__).with_name("postprocess_reference.npz"))


def load_maps(case):
    names = ("nuclear", "horizontal", "vertical")
    return NetworkMaps(*(REFERENCE[f"{case}/{name}"].astype(np.float32) for name in names))


@pytest.mark.parametrize("case", ["touching", "noisy", "random", "flat_hv", "empty"])
def test_instances_equal_the_reference(case):
    found = instances_from_maps(load_maps(case), "reference")
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, REFERENCE[f"{case}/instances"])


def crop(maps, y0, x0, y1, x1):
    window = slice(y0, y1), slice(x0, x1)
    return NetworkMaps(maps.nuclear[window], maps.horizontal[window], maps.vertical[window])


@pytest.mark.parametrize("case", ["touching", "noisy", "random"])
@settings(max_examples=25)
@given(
    corner=st.tuples(st.integers(0, 90), st.integers(0, 90)), size=st.tuples(st.integers(70, 160), st.integers(70, 160))
)
def test_nuclei_of_a_part_that_are_not_doubtful_are_those_of_the_whole(case, corner, size):
    whole_maps = load_maps(case)
    whole = instances_from_maps(whole_maps)
    y0, x0 = corner
    y1, x1 = min(y0 + size[0], whole.shape[0]), min(x0 + size[1], whole.shape[1])
    framed = np.ones((y1 - y0 + 2, x1 - x0 + 2), bool)
    framed[0], framed[-1] = y0 == 0, y1 == whole.shape[0]
    framed[1:-1, 0], framed[1:-1, -1] = x0 == 0, x1 == whole.shape[1]
    found = separate_nuclei(crop(whole_maps, y0, x0, y1, x1), framed, corner)
    for id_ in np.setdiff1d(np.unique(found.instances), [0, *found.doubtful]):
        rows, columns = np.nonzero(found.instances == id_)
        same = whole[rows[0] + y0, columns[0] + x0]
        assert same > 0
        assert np.array_equal(np.argwhere(whole == same), np.stack([rows + y0, columns + x0], axis=1))


def test_doubt_is_limited_to_the_edges():
    maps = load_maps("touching")
    height, width = maps.shape
    found = separate_nuclei(maps, np.pad(np.ones(maps.shape, bool), 1))
    ids = np.unique(found.instances[80 : height - 80, 80 : width - 80])
    assert len(np.intersect1d(ids, found.doubtful)) <= 0.1 * len(ids)
    assert len(found.doubtful) > 10
    assert not len(separate_nuclei(maps, np.ones((height + 2, width + 2), bool)).doubtful)


def test_fixed_scaling_separates_touching_nuclei_as_the_reference_does():
    fixed, reference = (instances_from_maps(load_maps("touching"), scaling) for scaling in ("fixed", "reference"))
    assert panoptic_quality(reference, fixed).pq > 0.9


def test_unknown_scaling_is_rejected():
    with pytest.raises(ValueError, match="got scaling='tile'"):
        instances_from_maps(load_maps("empty"), "tile")


def test_only_small_holes_that_do_not_touch_the_edge_are_filled():
    mask = np.ones((60, 60), bool)
    mask[10:26, 10:26] = False  # 16 px
    mask[30:33, 30:47] = False  # 17 px wide
    mask[:3, 50:53] = False
    filled = _fill_small_holes(mask) > 0
    mask[10:26, 10:26] = True
    np.testing.assert_array_equal(filled, mask)


def test_reference_has_many_touching_nuclei():
    assert len(np.unique(REFERENCE["touching/instances"])) > 100


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 3))
def test_instances_have_nuclear_pixels_only(seed, blur_px):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(3, 40, 31)), (0, blur_px, blur_px))
    nuclear, horizontal, vertical = (noise / np.abs(noise).max()).astype(np.float32)
    for scaling in ("fixed", "reference"):
        found = instances_from_maps(NetworkMaps(nuclear, horizontal, vertical), scaling)
        assert found.min() >= 0
        assert not found[nuclear < 0.5].any()


def test_blobs_below_ten_pixels_are_dropped():
    mask = np.zeros((20, 20), np.uint8)
    mask[1:4, 1:4] = 1  # 9 px
    mask[4:6, 4:9] = 1  # 10 px; the two touch diagonally, which does not connect them
    kept = _label_blobs(mask)
    assert kept.sum() == 10 * kept.max()
    np.testing.assert_array_equal(kept > 0, np.pad(np.ones((2, 5), bool), ((4, 14), (4, 11))))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.8))
def test_holes_are_filled_as_in_scipy(seed, density):
    mask = np.random.default_rng(seed).random((15, 17)) < density
    np.testing.assert_array_equal(_fill_holes(mask) > 0, binary_fill_holes(mask))


def test_maps_of_a_diverged_network_are_rejected():
    flat = np.zeros((20, 20), np.float32)
    with pytest.raises(ValueError, match="np map holds NaN"):
        instances_from_maps(NetworkMaps(flat * np.nan, flat, flat))
    with pytest.raises(ValueError, match="hv map holds NaN"):
        instances_from_maps(NetworkMaps(flat, flat, flat + np.inf))
