"""Stains: densities change by the given factor, and a look is transferred with the given strength."""

import numpy as np
import pytest
import torch

from napari_pathprune.datasets.patches.stain import jitter_stains, measure_look, restain


@pytest.fixture(scope="module")
def tissue():
    rng = np.random.default_rng(4)
    pink = np.array([215, 150, 190]) + rng.normal(0, 12, (48, 56, 3))
    pink[10:30, 12:40] = np.array([90, 60, 130]) + rng.normal(0, 12, (20, 28, 3))
    return np.clip(pink, 0, 255).astype(np.uint8)


def as_patch(image):
    return torch.from_numpy(image.transpose(2, 0, 1).copy()).float()


def test_restaining_transfers_the_look_with_a_strength(tissue):
    other = (tissue * 0.6 + 40).astype(np.uint8)
    patch, look = as_patch(tissue), measure_look(other)
    torch.testing.assert_close(restain(patch, look, 0.0), patch, atol=1.0, rtol=0)
    restained = restain(patch, look, 1.0).round().to(torch.uint8).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(measure_look(restained).mean, look.mean, atol=0.5)
    np.testing.assert_allclose(measure_look(restained).spread, look.spread, rtol=0.05)
    halfway = restain(patch, look, 0.5).mean((1, 2)).numpy()
    assert (np.abs(halfway - (tissue.mean((0, 1)) + other.mean((0, 1))) / 2) < 8).all()


def test_a_uniform_image_can_be_restained(tissue):
    white = np.full((8, 8, 3), 255, np.uint8)
    for image, other in ((white, tissue), (tissue, white)):
        assert restain(as_patch(image), measure_look(other), 1.0).isfinite().all()


def test_the_look_does_not_depend_on_the_size(tissue):
    small, large = measure_look(tissue), measure_look(tissue.repeat(20, axis=0).repeat(20, axis=1))
    np.testing.assert_allclose(large.mean, small.mean, atol=1.0)
    np.testing.assert_allclose(large.spread, small.spread, rtol=0.1)


def test_each_stain_changes_independently():
    stains = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
    for number in range(3):
        factors = np.ones(3)
        factors[number] = 1.5
        for other, amount in enumerate(stains):
            patch = torch.from_numpy(255.0 * np.exp(-0.8 * amount)).float()[:, None, None].expand(3, 4, 5)
            changed = jitter_stains(patch, factors)[:, 0, 0].numpy()
            factor = 1.5 if other == number else 1.0
            np.testing.assert_allclose(changed, 255.0 * np.exp(-0.8 * factor * amount), rtol=1e-3)


def test_white_and_black_stay_within_range():
    for grey in (0.0, 255.0):
        changed = jitter_stains(torch.full((3, 4, 4), grey), np.array([0.2, 1.8, 1.0]))
        assert changed.isfinite().all()
        assert 0 <= changed.min() <= changed.max() <= 255
