"""Instances equal those of the reference post-processing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_pathprune.inference.maps import NetworkMaps
from napari_pathprune.inference.postprocess import instances_from_maps

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


def test_a_blob_below_ten_pixels_is_no_nucleus():
    nuclear = np.zeros((30, 30), np.float32)
    nuclear[4:7, 4:7] = 1  # 9 px
    flat = np.zeros_like(nuclear)
    assert not instances_from_maps(NetworkMaps(nuclear, flat, flat)).any()


def test_a_hole_does_not_split_a_marker():
    # steep pixels inside a nucleus leave a hole in its marker; unfilled, the opening would tear it apart
    y, x = np.mgrid[:41, :41].astype(np.float32) - 20
    disc = (y**2 + x**2 <= 15**2).astype(np.float32)
    horizontal, vertical = disc * x / 15, disc * y / 15
    horizontal[18:23, 18:23] *= -1
    found = instances_from_maps(NetworkMaps(disc, horizontal, vertical))
    assert set(np.unique(found)) == {0, 1}


def test_values_of_a_diverged_network_are_refused():
    flat = np.zeros((20, 20), np.float32)
    with pytest.raises(ValueError, match="np map holds NaN"):
        instances_from_maps(NetworkMaps(flat * np.nan, flat, flat))
    with pytest.raises(ValueError, match="hv map holds NaN"):
        instances_from_maps(NetworkMaps(flat, flat, flat + np.inf))
