"""Who is whose partner, by type."""

import numpy as np
import pytest

from napari_pathprune.instances.pairs import NucleusPairs
from napari_pathprune.instances.tallies import PanopticCounts, TypeCounts

IDS = np.array([[1, 10], [2, 20], [3, 30]])
IOU = np.array([0.9, 0.7, 0.6])
FOUND_TYPES = np.zeros(50, int)
FOUND_TYPES[[10, 20, 30, 40]] = 1, 1, 2, 2


@pytest.fixture
def pairs():
    """1-10 agree on type 1, 2-20 do not (2 and 1), 3 is of unknown type; 4 (type 2) and 40 (type 2) are alone."""
    return NucleusPairs.of(IDS, IOU, np.array([4]), np.array([40]), np.array([0, 1, 2, -1, 2]), FOUND_TYPES)


def test_a_row_for_each_pair_and_each_nucleus_alone(pairs):
    assert pairs.truth_id.tolist() == [1, 2, 3, 4, 0]
    assert pairs.found_id.tolist() == [10, 20, 30, 0, 40]
    assert pairs.iou.tolist() == [0.9, 0.7, 0.6, 0.0, 0.0]
    assert pairs.truth_type.tolist() == [1, 2, -1, 2, 0]
    assert pairs.found_type.tolist() == [1, 1, 2, 0, 2]


def test_worked_counts_by_type(pairs):
    assert pairs.panoptic_by_type(3) == (
        PanopticCounts(),
        PanopticCounts(tp=1, fp=1, fn=0, iou_sum=0.9),
        PanopticCounts(tp=0, fp=1, fn=2, iou_sum=0.0),  # 30 is left out: its partner's type is not known
    )
    assert pairs.classified_by_type(3) == (
        TypeCounts(),
        TypeCounts(tp=1, fp=1),
        TypeCounts(fn=1, fp_alone=1, fn_alone=1),
    )


def test_without_types_all_is_unknown():
    pairs = NucleusPairs.of(IDS, IOU, np.array([4]), np.array([40]), None, None)
    assert pairs.truth_type.tolist() == [-1, -1, -1, -1, 0]
    assert pairs.found_type.tolist() == [0] * 5


@pytest.mark.parametrize(
    ("types", "line"),
    [
        (np.array([0, 1, 2, 1]), r"one for every id from 0 \(whose type is 0\) to 4; got \(4,\)"),
        (np.array([1, 1, 2, 1, 2]), "that begin with 1"),
        (np.array([0.0, 1, 2, 1, 2]), "whole numbers"),
    ],
)
def test_types_that_do_not_fit_the_ids_are_refused(types, line):
    with pytest.raises(ValueError, match=line):
        NucleusPairs.of(IDS, IOU, np.array([4]), np.array([40]), types, FOUND_TYPES)


def test_types_without_a_number_are_refused(pairs):
    with pytest.raises(ValueError, match="a true nucleus has type 2; types go from -1 to 1"):
        pairs.panoptic_by_type(2)
