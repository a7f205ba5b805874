"""Instances are those of the reference post-processing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes, gaussian_filter

from napari_pathprune.inference.maps import NetworkMaps
from napari_pathprune.inference.postprocess import _fill_holes, _label_blobs, instances_from_maps

# The maps were generated (touching ellipses with true distance maps; the same blurred and noisy; smoothed noise;
# constant distances; empty) and are stored as float16. The instances are the output of TIAToolbox 2.1.3 for them
# (HoVerNet._proc_np_hv, with scikit-image 0.26 and opencv 5.0).
REFERENCE = np.load(Path(__file__).with_name("postprocess_reference.npz"))


def load_maps(case):
    names = ("nuclear", "horizontal", "vertical")
    return NetworkMaps(*(REFERENCE[f"{case}/{name}"].astype(np.float32) for name in names))


@pytest.mark.parametrize("case", ["touching", "noisy", "random", "flat_hv", "empty"])
def test_instances_equal_the_reference(case):
    found = instances_from_maps(load_maps(case))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, REFERENCE[f"{case}/instances"])


def test_reference_has_many_touching_nuclei():
    assert len(np.unique(REFERENCE["touching/instances"])) > 100


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 3))
def test_instances_have_nuclear_pixels_only(seed, blur_px):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(3, 40, 31)), (0, blur_px, blur_px))
    nuclear, horizontal, vertical = (noise / np.abs(noise).max()).astype(np.float32)
    found = instances_from_maps(NetworkMaps(nuclear, horizontal, vertical))
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
