"""Geometry: picture and instance map are transformed alike, and mirrored beyond the image."""

import numpy as np
import pytest
import torch

from napari_pathprune.datasets.patches.geometry import View, cut, random_view


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)


def as_image(patch):
    return patch.permute(1, 2, 0).round().numpy().astype(np.uint8)


@pytest.mark.parametrize("patch_px", [20, 21])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarter_turns_are_exact(image, patch_px, mirrored, quarters):
    instances = image[..., 0].astype(np.int32) * 70_000  # ids beyond 16 bits
    patch, moved = cut(image, instances, patch_px, View((19, 25), 1.0, 90.0 * quarters, mirrored))
    y, x = 19 - patch_px // 2, 25 - patch_px // 2
    expected = np.rot90(image[y : y + patch_px, x : x + patch_px], -quarters)
    expected = expected[:, ::-1] if mirrored else expected
    np.testing.assert_array_equal(as_image(patch), expected)
    np.testing.assert_array_equal(moved.numpy(), expected[..., 0].astype(np.int32) * 70_000)


@pytest.mark.parametrize("first", [2**24, 2**31 - 4])
def test_large_consecutive_ids_stay_distinct(image, first):
    instances = np.zeros((40, 50), np.int32)
    instances[:20, :25], instances[:20, 25:], instances[20:, :25] = first + 1, first + 2, first + 3
    _, moved = cut(image, instances, 30, View((20, 25), 1.3, 20.0))
    assert moved.dtype == torch.int32
    assert moved.unique().tolist() == [0, first + 1, first + 2, first + 3]


def test_the_image_is_mirrored_repeatedly_beyond_its_edges(image):
    patch, moved = cut(image, image[..., 1].astype(np.int32), 150, View((20, 25)))
    expected = np.pad(image, ((55, 55), (50, 50), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(as_image(patch), expected)
    np.testing.assert_array_equal(moved.numpy(), expected[..., 1])


def test_any_view_fills_the_patch():
    white = np.full((30, 40, 3), 255, np.uint8)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        view = random_view((30, 40), 33, 1.0, (0.4, 2.5), rng)
        patch, moved = cut(white, np.ones((30, 40), np.int32), 33, view)
        assert patch.min() > 254.9, view
        assert torch.equal(moved, torch.ones(33, 33, dtype=torch.int32)), view


def test_views_cover_the_image_and_the_ranges():
    views = [random_view((100, 300), 40, 2.0, (0.5, 2.0), np.random.default_rng(seed)) for seed in range(300)]
    ys, xs = (np.array([view.centre[axis] for view in views]) for axis in (0, 1))
    assert (ys.min(), xs.min()) >= (5, 5)
    assert ys.max() < 95
    assert 250 < xs.max() < 295
    scales = [view.scale for view in views]
    assert 1.0 <= min(scales) < 1.1
    assert 3.7 < max(scales) <= 4.0
    assert 100 < sum(view.mirrored for view in views) < 200
    assert np.histogram([view.degrees % 360 for view in views], 4, (0, 360))[0].min() > 40
