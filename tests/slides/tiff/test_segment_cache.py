"""The cache of decoded segments."""

from __future__ import annotations

import numpy as np

from napari_pathprune.slides.tiff.segment_cache import SegmentCache

SEGMENT = np.zeros((5, 8), np.uint8)


def test_least_recently_used_segment_is_dropped():
    cache = SegmentCache(limit=2 * SEGMENT.nbytes)
    cache.put((0, 0), SEGMENT)
    cache.put((0, 1), SEGMENT)
    assert cache.get((0, 0)) is SEGMENT
    cache.put((0, 2), SEGMENT)
    assert cache.get((0, 1)) is None
    assert cache.get((0, 0)) is SEGMENT


def test_segment_larger_than_the_limit_is_kept_until_the_next():
    cache = SegmentCache(limit=1)
    cache.put((0, 0), SEGMENT)
    assert cache.get((0, 0)) is SEGMENT
    cache.put((0, 1), SEGMENT)
    assert cache.get((0, 0)) is None
    assert cache.get((0, 1)) is SEGMENT


def test_segment_added_twice_counts_once():
    cache = SegmentCache(limit=2 * SEGMENT.nbytes)
    for index in (0, 0, 1):
        cache.put((0, index), SEGMENT)
    assert cache.get((0, 0)) is SEGMENT
    assert cache.get((0, 1)) is SEGMENT


def test_segments_that_one_pixel_needs_are_kept_together():
    """Three colours in one strip each would otherwise be decoded anew for every region."""
    cache = SegmentCache(limit=1)
    cache.keep_together(3)
    for index in range(4):
        cache.put((0, index), SEGMENT)
    assert [cache.get((0, index)) is SEGMENT for index in range(4)] == [False, True, True, True]
