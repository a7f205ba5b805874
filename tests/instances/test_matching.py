"""The matching of two instance maps."""

import time

import numpy as np
import pytest
from drawn_maps import draw_discs, small_maps
from hypothesis import given, settings

from napari_pathprune.instances.matching import match


@settings(max_examples=60, deadline=None)
@given(small_maps, small_maps)
def test_every_instance_is_in_one_pair_or_alone(a, b):
    matching = match(a, b)
    for side, only, full in ((0, matching.only_a, a), (1, matching.only_b, b)):
        both = sorted([*matching.pairs[:, side].tolist(), *only.tolist()])
        assert both == np.unique(full[full > 0]).tolist()
    assert (matching.iou > 0.5).all()


@settings(max_examples=30, deadline=None)
@given(small_maps, small_maps)
def test_matching_is_symmetric(a, b):
    there, back = match(a, b), match(b, a)
    assert {tuple(p) for p in there.pairs.tolist()} == {tuple(p)[::-1] for p in back.pairs.tolist()}
    assert there.only_a.tolist() == back.only_b.tolist()


def test_half_is_not_enough():
    assert len(match(np.array([[1, 1]]), np.array([[1, 0]])).pairs) == 0


def test_a_higher_threshold_wants_more():
    a, b = np.array([[1, 1, 1, 1]]), np.array([[1, 1, 1, 0]])
    assert match(a, b, 0.5).iou.tolist() == [0.75]
    assert match(a, b, 0.75).only_a.tolist() == [1]
    with pytest.raises(ValueError, match="pairs are unique from"):
        match(a, b, 0.4)


def test_1500_nuclei_are_matched_fast():
    small = draw_discs((125, 125), 30, seed=5, radius_px=(4, 8))
    place = np.kron(np.arange(64, dtype=np.int32).reshape(8, 8), np.ones_like(small))
    a = np.where(np.tile(small, (8, 8)) > 0, np.tile(small, (8, 8)) + 50 * place, 0)
    b = np.roll(a, (1, 1), (0, 1))
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        matching = match(a, b)
        seconds.append(time.process_time() - begin)
    assert len(matching.pairs) > 1000
    assert min(seconds) < 0.05, "0.03 s on a quiet 2-core machine"
