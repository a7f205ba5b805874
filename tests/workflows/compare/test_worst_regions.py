"""Ranking of regions."""

import numpy as np

from napari_pathprune.workflows.compare.worst_regions import rank_regions


def test_regions_are_ranked_by_disagreements_and_do_not_overlap():
    rng = np.random.default_rng(3)
    wrong = np.concatenate([rng.uniform(100, 118, (9, 2)), rng.uniform(300, 318, (5, 2)), [[20.0, 380.0]]])
    worst = rank_regions(wrong, rng.uniform(0, 400, (50, 2)), (0, 0, 400, 400), side_px=40)
    assert [one.disagreements for one in worst] == [9, 5, 1]
    assert worst[0].box[0] <= 100
    assert worst[0].box[2] >= 118
    assert all(one.nuclei >= one.disagreements for one in worst)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        a, b = worst[first].box, worst[second].box
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_the_number_of_regions_is_limited_and_boxes_stay_inside():
    wrong = np.mgrid[0:100:5, 0:100:5].reshape(2, -1).T.astype(float)
    worst = rank_regions(wrong, np.zeros((0, 2)), (0, 0, 99, 95), side_px=16, most=5)
    assert len(worst) == 5
    assert all(one.box[2] <= 99 and one.box[3] <= 95 and one.share == 1.0 for one in worst)
