"""Resampled pixels depend on their position alone, not on the range that is read."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slide_files import paint

from napari_pathprune.slides.resample import compute_taps, resample

ratios = st.floats(0.02, 8.0)


@given(ratios, st.integers(-500, 10**6), st.integers(1, 60), st.integers(0, 59), st.integers(1, 60))
def test_taps_do_not_depend_on_their_range(ratio, first, count, skip, length):
    skip = min(skip, count - 1)
    whole, part = (
        compute_taps(first, first + count, ratio),
        compute_taps(first + skip, min(first + skip + length, first + count), ratio),
    )
    dense = whole.weights.toarray()[skip : skip + part.weights.shape[0]]
    offset = part.start - whole.start
    assert offset >= 0
    assert np.array_equal(dense[:, offset : offset + part.stop - part.start], part.weights.toarray())


@given(ratios, st.integers(-10, 10**6))
def test_uniform_colour_does_not_change(ratio, first):
    taps = compute_taps(first, first + 7, ratio)
    flat = np.full((taps.stop - taps.start,) * 2 + (3,), (255, 0, 131), np.uint8)
    assert np.array_equal(resample(flat, taps, taps), np.full((7, 7, 3), (255, 0, 131), np.uint8))


@pytest.mark.parametrize("factor", [2, 3, 8])
def test_reduction_by_integer_factors_is_the_mean(factor):
    image = paint(48, 72)
    small = resample(image, *(_drop_outside(compute_taps(0, n // factor, 1 / factor), n) for n in image.shape[:2]))
    mean = image.reshape(48 // factor, factor, 72 // factor, factor, 3).mean(axis=(1, 3))
    assert np.abs(small - mean).max() <= 0.6


def test_enlargement_is_close_to_opencv():
    image = paint(60, 60)
    rows = compute_taps(8, 100, 2.0)
    large = resample(image[rows.start : rows.stop, rows.start : rows.stop], rows, rows)
    reference = cv2.resize(image, (120, 120), interpolation=cv2.INTER_LINEAR)[8:100, 8:100]
    assert np.abs(large.astype(int) - reference).mean() < 3
    assert large.shape == (92, 92, 3)


def test_ramp_stays_a_ramp():
    """Keys' cubic reproduces linear functions, so pixels are not shifted."""
    ramp = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[:, None, None], 20, axis=1).repeat(3, axis=2)
    rows, columns = compute_taps(10, 90, 2.0), compute_taps(8, 12, 1.0)
    large = resample(ramp[rows.start : rows.stop, columns.start : columns.stop], rows, columns)
    expected = ((np.arange(10, 90) + 0.5) / 2 - 0.5) * 4
    assert np.abs(large[:, 0, 0] - expected).max() <= 0.51


def _drop_outside(taps, size):
    """Drop the source pixels outside 0..size, whose weights are 0."""
    keep = slice(max(0, -taps.start), min(taps.stop, size) - taps.start)
    assert (
        taps.weights[:, [i for i in range(taps.stop - taps.start) if i not in range(*keep.indices(10**6))]].sum() == 0
    )
    return type(taps)(max(taps.start, 0), min(taps.stop, size), taps.weights[:, keep])
