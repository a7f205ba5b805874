"""The matching of two instance maps."""

import numpy as np
import pytest
from drawn_maps import small_maps
from hypothesis import given, settings

from napari_pathprune.instances.matching import match


@settings(max_examples=60, deadline=None)
@given(small_maps, small_maps)
def test_every_instance_is_in_one_pair_or_unpaired(a, b):
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


def test_iou_of_one_half_is_not_a_pair():
    assert len(match(np.array([[1, 1]]), np.array([[1, 0]])).pairs) == 0


def test_pairs_are_above_the_threshold():
    a, b = np.array([[1, 1, 1, 1]]), np.array([[1, 1, 1, 0]])
    assert match(a, b, 0.5).iou.tolist() == [0.75]
    assert match(a, b, 0.75).only_a.tolist() == [1]
    with pytest.raises(ValueError, match=r"expected 0\.5 to below 1"):
        match(a, b, 0.4)
