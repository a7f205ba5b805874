"""Instances equal those of the reference post-processing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes, gaussian_filter

from napari_pathprune.inference.maps import NetworkMaps
from napari_pathprune.inference.postprocess import _without_holes, _without_small, instances_from_maps

# Made with TIAToolbox 2.1.3 (HoVerNet._proc_np_hv, scikit-image 0.26, opencv 5.0): the maps are ours (ellipses that
# touch, with true distance maps; the same blurred, with noise; smoothed noise; constant distances; nothing), stored as
# float16, and the instances are what that function returns for them.
REFERENCE = np.load(Path(__file__).with_name("postprocess_reference.npz"))


def reference_maps(case):
    names = ("nuclear", "horizontal", "vertical")
    return NetworkMaps(*(REFERENCE[f"{case}/{name}"].astype(np.float32) for name in names))


@pytest.mark.parametrize("case", ["touching", "noisy", "random", "flat_hv", "empty"])
def test_instances_are_those_of_the_reference(case):
    found = instances_from_maps(reference_maps(case))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, REFERENCE[f"{case}/instances"])


def test_touching_nuclei_of_the_golden_file_are_many():
    assert len(np.unique(REFERENCE["touching/instances"])) > 100


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 3))
def test_instances_lie_on_nuclear_pixels_only(seed, blur_px):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(3, 40, 31)), (0, blur_px, blur_px))
    nuclear, horizontal, vertical = (noise / np.abs(noise).max()).astype(np.float32)
    found = instances_from_maps(NetworkMaps(nuclear, horizontal, vertical))
    assert found.min() >= 0
    assert not found[nuclear < 0.5].any()


def test_blobs_below_ten_pixels_are_dropped():
    mask = np.zeros((20, 20), np.uint8)
    mask[1:4, 1:4] = 1  # 9 px
    mask[4:6, 4:9] = 1  # 10 px, diagonal to the other: not connected
    kept = _without_small(mask)
    assert kept.sum() == 10 * kept.max()
    np.testing.assert_array_equal(kept > 0, np.pad(np.ones((2, 5), bool), ((4, 14), (4, 11))))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.8))
def test_holes_are_filled_as_scipy_fills_them(seed, density):
    mask = np.random.default_rng(seed).random((15, 17)) < density
    np.testing.assert_array_equal(_without_holes(mask) > 0, binary_fill_holes(mask))


def test_values_of_a_diverged_network_are_refused():
    flat = np.zeros((20, 20), np.float32)
    with pytest.raises(ValueError, match="np map holds NaN"):
        instances_from_maps(NetworkMaps(flat * np.nan, flat, flat))
    with pytest.raises(ValueError, match="hv map holds NaN"):
        instances_from_maps(NetworkMaps(flat, flat, flat + np.inf))
