"""All scores of one image, against slow reference implementations."""

import math

import numpy as np
import pytest
from drawn_maps import small_maps
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_scores import slow_centre_pairs, slow_iou, slow_panoptic

from napari_pathprune.instances.image_scores import score_image
from napari_pathprune.instances.metrics import (
    aggregated_jaccard_index,
    aggregated_jaccard_index_plus,
    dice,
    panoptic_quality,
)


def draw_types(lowest):
    """Draw the types of the ids 0 to 6 of a small map."""
    return st.lists(st.integers(lowest, 2), min_size=6, max_size=6).map(lambda types: np.array([0, *types]))


@settings(max_examples=80, deadline=None)
@given(small_maps, small_maps, draw_types(-1), draw_types(0))
def test_counts_follow_their_definition(truth, prediction, truth_types, found_types):
    scores = score_image(truth, prediction, truth_types, found_types, num_types=3)
    for counts, kind in ((scores.panoptic, None), *((scores.panoptic_by_type[c], c) for c in (1, 2))):
        tp, fp, fn, iou_sum = slow_panoptic(truth, prediction, truth_types, found_types, kind)
        assert (counts.tp, counts.fp, counts.fn) == (tp, fp, fn)
        assert counts.iou_sum == pytest.approx(iou_sum)
    pairs = len(slow_centre_pairs(truth, prediction, 12))
    assert (scores.detection.tp, scores.detection.tp + scores.detection.fn) == (pairs, scores.panoptic.truth)


@settings(max_examples=60, deadline=None)
@given(small_maps, small_maps, draw_types(1), draw_types(0))
def test_scores_of_a_type_are_those_of_maps_restricted_to_it(truth, prediction, truth_types, found_types):
    by_type = score_image(truth, prediction, truth_types, found_types, num_types=3).panoptic_by_type
    for kind in (1, 2):
        alone = panoptic_quality(
            np.where(truth_types[truth] == kind, truth, 0), np.where(found_types[prediction] == kind, prediction, 0)
        )
        assert (by_type[kind].tp, by_type[kind].fp, by_type[kind].fn) == (alone.tp, alone.fp, alone.fn)
        assert by_type[kind].pq == pytest.approx(alone.pq)


@settings(max_examples=40, deadline=None)
@given(small_maps, small_maps)
def test_scores_equal_those_of_each_metric(truth, prediction):
    scores = score_image(truth, prediction)
    assert scores.panoptic == panoptic_quality(truth, prediction)
    assert scores.aji == aggregated_jaccard_index(truth, prediction)
    assert scores.aji_plus == aggregated_jaccard_index_plus(truth, prediction)
    assert scores.dice == pytest.approx(dice(truth, prediction))
    assert scores.panoptic_by_type is None


@settings(max_examples=40, deadline=None)
@given(small_maps, small_maps)
def test_every_nucleus_is_listed_once(truth, prediction):
    nuclei = score_image(truth, prediction).nuclei
    for column, instances in ((nuclei.truth_id, truth), (nuclei.found_id, prediction)):
        assert sorted(column[column > 0].tolist()) == np.unique(instances[instances > 0]).tolist()
    iou = slow_iou(truth, prediction)
    for t, p, value in zip(nuclei.truth_id.tolist(), nuclei.found_id.tolist(), nuclei.iou.tolist(), strict=True):
        assert value == pytest.approx(iou[t, p] if t and p else 0.0)


def test_scores_by_type_of_an_example():
    truth = np.array([[1, 1, 1, 1, 0, 2, 2, 0, 3, 3]])
    prediction = np.array([[1, 1, 1, 0, 0, 2, 2, 0, 0, 0]])
    scores = score_image(truth, prediction, np.array([0, 1, 1, 2]), np.array([0, 1, 2]), num_types=4)
    _, one, two, three = scores.panoptic_by_type
    assert (one.tp, one.fp, one.fn, one.iou_sum) == (1, 0, 1, 0.75)
    assert (two.tp, two.fp, two.fn) == (0, 1, 1)
    assert (three.truth, three.found) == (0, 0)
    assert scores.mpq == pytest.approx((0.75 / 1.5 + 0.0) / 2)  # type 3 is not in the truth
    assert scores.bpq == scores.panoptic.pq == pytest.approx(1.75 / 2.5)


def test_centres_are_paired_within_3_um():
    truth, prediction = np.zeros((1, 40), int), np.zeros((1, 40), int)
    truth[0, 5], prediction[0, 15] = 1, 1  # 10 px apart
    assert score_image(truth, prediction, mpp=0.25).detection.tp == 1
    assert score_image(truth, prediction, mpp=0.5).detection.tp == 0
    with pytest.raises(ValueError, match=r"got 0 um/px"):
        score_image(truth, prediction, mpp=0)


def test_scores_that_pannuke_leaves_out_are_nan():
    empty, full, types = np.zeros((4, 4), int), np.eye(4, dtype=int), np.array([0, 1])
    no_truth = score_image(empty, full, types, types, num_types=2)
    assert math.isnan(no_truth.bpq)
    assert math.isnan(no_truth.mpq)
    assert no_truth.panoptic.pq == 0.0
    nothing_found = score_image(full, empty, types, types, num_types=2)
    assert (nothing_found.bpq, nothing_found.mpq) == (0.0, 0.0)
    assert math.isnan(score_image(full, empty).mpq)
