"""Scores against direct implementations of their definitions."""

import numpy as np
import pytest
from drawn_maps import small_maps
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from napari_pathprune.instances.matching import match
from napari_pathprune.instances.metrics import (
    aggregated_jaccard_index,
    aggregated_jaccard_index_plus,
    detection_score,
    dice,
    panoptic_quality,
    panoptic_quality_from_matching,
)

MAP_SCORES = (
    lambda t, p: panoptic_quality(t, p).pq,
    aggregated_jaccard_index,
    aggregated_jaccard_index_plus,
    dice,
)


def make_masks(instances):
    return [instances == id_ for id_ in np.unique(instances[instances > 0])]


def make_iou_table(truth, prediction):
    return np.array([[(t & p).sum() / (t | p).sum() for p in prediction] for t in truth]).reshape(
        len(truth), len(prediction)
    )


@settings(max_examples=60, deadline=None)
@given(small_maps, small_maps)
def test_pq_follows_its_definition(truth, prediction):
    iou = make_iou_table(make_masks(truth), make_masks(prediction))
    matched = iou[iou > 0.5]
    tp, fn, fp = len(matched), iou.shape[0] - len(matched), iou.shape[1] - len(matched)
    score = panoptic_quality(truth, prediction)
    assert (score.tp, score.fp, score.fn) == (tp, fp, fn)
    if tp:
        assert score.sq == pytest.approx(matched.mean())
        assert score.pq == pytest.approx(matched.sum() / (tp + fp / 2 + fn / 2))


@settings(max_examples=60, deadline=None)
@given(small_maps, small_maps, st.booleans())
def test_aji_follows_its_definition(truth, prediction, plus):
    true, predicted = make_masks(truth), make_masks(prediction)
    iou = make_iou_table(true, predicted)
    if plus:
        pairs = [(i, j) for i, j in zip(*linear_sum_assignment(-iou), strict=True) if iou[i, j] > 0]
    else:
        pairs = [(i, int(iou[i].argmax())) for i in range(len(true)) if predicted and iou[i].max() > 0]
    above = sum((true[i] & predicted[j]).sum() for i, j in pairs)
    below = sum((true[i] | predicted[j]).sum() for i, j in pairs)
    below += sum(mask.sum() for i, mask in enumerate(true) if i not in {p[0] for p in pairs})
    below += sum(mask.sum() for j, mask in enumerate(predicted) if j not in {p[1] for p in pairs})
    score = aggregated_jaccard_index_plus if plus else aggregated_jaccard_index
    if below:
        expected = above / below
        # several assignments may have the same sum of IoU but different AJI+
        close = score(truth, prediction) == pytest.approx(expected)
        assert close or (plus and _has_ties(iou))


def _has_ties(iou):
    values = iou[iou > 0]
    return len(np.unique(values.round(9))) < len(values)


@settings(max_examples=30, deadline=None)
@given(small_maps)
def test_map_agrees_perfectly_with_itself(instances):
    assert [score(instances, instances) for score in MAP_SCORES] == [1.0] * 4


@settings(max_examples=30, deadline=None)
@given(small_maps, small_maps, st.permutations(range(1, 7)))
def test_ids_do_not_matter(truth, prediction, names):
    renamed = np.array([0, *names], np.int32)[prediction] * 3
    scores = panoptic_quality(truth, renamed), panoptic_quality(truth, prediction)
    assert scores[0].pq == pytest.approx(scores[1].pq)
    assert scores[0].tp == scores[1].tp
    assert dice(truth, renamed) == dice(truth, prediction)


def test_empty_maps_score_one_or_zero():
    empty, full = np.zeros((4, 4), int), np.eye(4, dtype=int)
    for score in MAP_SCORES:
        assert score(empty, empty) == 1.0
        assert score(empty, full) == score(full, empty) == 0.0
    no, one = np.zeros((0, 2)), np.zeros((1, 2))
    assert detection_score(no, no).f1 == 1.0
    assert (detection_score(no, one).f1, detection_score(one, no).f1) == (0.0, 0.0)
    assert (detection_score(one, no).precision, detection_score(no, one).recall) == (0.0, 0.0)


def test_scores_of_an_example():
    truth = np.array([[1, 1, 1, 1, 0, 2, 2, 0, 3]])
    prediction = np.array([[1, 1, 1, 0, 0, 2, 0, 4, 0]])
    score = panoptic_quality(truth, prediction)
    assert (score.tp, score.fp, score.fn) == (1, 2, 2)  # the IoU of 2 is 1/2, which is not above 1/2
    assert (score.dq, score.sq, score.pq) == pytest.approx((1 / 3, 3 / 4, 1 / 4))
    assert aggregated_jaccard_index(truth, prediction) == pytest.approx((3 + 1) / (4 + 2 + 1 + 1))
    assert dice(truth, prediction) == pytest.approx(2 * 4 / (7 + 5))
    assert panoptic_quality_from_matching(match(truth, prediction)) == score


def test_aji_pairs_a_prediction_twice_and_aji_plus_does_not():
    truth, prediction = np.array([[1, 1, 2, 2]]), np.array([[1, 1, 1, 1]])
    assert aggregated_jaccard_index(truth, prediction) == pytest.approx((2 + 2) / (4 + 4))
    assert aggregated_jaccard_index_plus(truth, prediction) == pytest.approx(2 / (4 + 2))


def test_detection_has_as_many_pairs_as_possible():
    truth, prediction = np.array([[0.0, 0.0], [0.0, 10.0]]), np.array([[0.0, 9.0], [0.0, 21.0]])
    # pairing the nearest first (10 with 9) would leave 0 and 21 unpaired
    score = detection_score(truth, prediction, radius_px=12)
    assert (score.tp, score.fp, score.fn, score.f1) == (2, 0, 0, 1.0)
    assert detection_score(truth, prediction, radius_px=5).tp == 1


def test_detection_rejects_bad_arguments():
    with pytest.raises(ValueError, match="radius of 0 px"):
        detection_score(np.zeros((1, 2)), np.zeros((1, 2)), radius_px=0)
    with pytest.raises(ValueError, match=r"expected \(N, 2\)"):
        detection_score(np.zeros((1, 3)), np.zeros((1, 2)))


def test_dice_rejects_maps_of_different_shapes():
    with pytest.raises(ValueError, match="expected two maps of one image"):
        dice(np.zeros((2, 3), int), np.zeros((3, 2), int))
