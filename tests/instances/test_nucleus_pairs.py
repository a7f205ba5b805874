"""Pairs of nuclei and their types."""

import numpy as np
import pytest

from napari_pathprune.instances.nucleus_pairs import NucleusPairs
from napari_pathprune.instances.score_counts import PanopticCounts, TypeCounts

IDS = np.array([[1, 10], [2, 20], [3, 30]])
IOU = np.array([0.9, 0.7, 0.6])
FOUND_TYPES = np.zeros(50, int)
FOUND_TYPES[[10, 20, 30, 40]] = 1, 1, 2, 2


@pytest.fixture
def pairs():
    """Pair 1-10 (both type 1), 2-20 (types 2 and 1) and 3-30 (3 of unknown type); 4 and 40 (type 2) are unpaired."""
    return NucleusPairs.from_ids(IDS, IOU, np.array([4]), np.array([40]), np.array([0, 1, 2, -1, 2]), FOUND_TYPES)


def test_rows_are_pairs_and_unpaired_nuclei(pairs):
    assert pairs.truth_id.tolist() == [1, 2, 3, 4, 0]
    assert pairs.found_id.tolist() == [10, 20, 30, 0, 40]
    assert pairs.iou.tolist() == [0.9, 0.7, 0.6, 0.0, 0.0]
    assert pairs.truth_type.tolist() == [1, 2, -1, 2, 0]
    assert pairs.found_type.tolist() == [1, 1, 2, 0, 2]


def test_counts_by_type_of_an_example(pairs):
    assert pairs.panoptic_by_type(3) == (
        PanopticCounts(),
        PanopticCounts(tp=1, fp=1, fn=0, iou_sum=0.9),
        PanopticCounts(tp=0, fp=1, fn=2, iou_sum=0.0),  # 30 is left out since the type of its partner is unknown
    )
    assert pairs.classified_by_type(3) == (
        TypeCounts(),
        TypeCounts(tp=1, fp=1),
        TypeCounts(fn=1, fp_alone=1, fn_alone=1),
    )


def test_missing_types_are_unknown():
    pairs = NucleusPairs.from_ids(IDS, IOU, np.array([4]), np.array([40]), None, None)
    assert pairs.truth_type.tolist() == [-1, -1, -1, -1, 0]
    assert pairs.found_type.tolist() == [0] * 5


@pytest.mark.parametrize(
    ("types", "line"),
    [
        (
            np.array([0, 1, 2, 1]),
            r"shape \(4,\) .*; expected integers, one for every id from 0 .* to 4",
        ),
        (np.array([1, 1, 2, 1, 2]), "that start with 1"),
        (np.array([0.0, 1, 2, 1, 2]), "type float64"),
    ],
)
def test_types_that_do_not_fit_the_ids_are_rejected(types, line):
    with pytest.raises(ValueError, match=line):
        NucleusPairs.from_ids(IDS, IOU, np.array([4]), np.array([40]), types, FOUND_TYPES)


def test_types_out_of_range_are_rejected(pairs):
    with pytest.raises(ValueError, match="got a true nucleus of type 2; expected types from -1 to 1"):
        pairs.panoptic_by_type(2)
