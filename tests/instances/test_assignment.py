"""One-to-one assignment."""

import numpy as np
from drawn_maps import small_maps
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from napari_pathprune.instances.assignment import assign_overlaps, pair_nearest
from napari_pathprune.instances.overlaps import count_overlaps

points = st.integers(0, 9).flatmap(lambda n: arrays(np.float64, (n, 2), elements=st.floats(0, 20, width=16)))


@settings(max_examples=60, deadline=None)
@given(points, points)
def test_pairs_are_those_of_the_dense_assignment(a, b):
    pairs = pair_nearest(a, b, radius=4.0)
    distance = cdist(a, b)
    cost = np.where(distance <= 4.0, distance - 1e4, 0.0)
    rows, columns = linear_sum_assignment(cost)
    best = cost[rows, columns]
    assert len(pairs) == np.count_nonzero(best)
    found = distance[pairs[:, 0], pairs[:, 1]]
    assert (found <= 4.0).all()
    np.testing.assert_allclose(found.sum(), (best[best < 0] + 1e4).sum(), atol=1e-6)
    assert len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])) == len(pairs)


def test_points_at_distance_zero_and_at_the_radius_are_paired():
    assert pair_nearest(np.zeros((1, 2)), np.zeros((1, 2)), 12.0).tolist() == [[0, 0]]
    assert len(pair_nearest(np.zeros((1, 2)), np.array([[0.0, 12.0]]), 12.0)) == 1
    assert len(pair_nearest(np.zeros((1, 2)), np.array([[0.0, 12.1]]), 12.0)) == 0


@settings(max_examples=60, deadline=None)
@given(small_maps, small_maps)
def test_assigned_overlaps_have_the_largest_sum(a, b):
    overlaps = count_overlaps(a, b)
    chosen = assign_overlaps(overlaps)
    dense = np.zeros((len(overlaps.ids_a), len(overlaps.ids_b)))
    dense[overlaps.row_a, overlaps.row_b] = overlaps.iou
    greatest = dense[linear_sum_assignment(dense, maximize=True)].sum()
    np.testing.assert_allclose(overlaps.iou[chosen].sum(), greatest)
    assert len(np.unique(overlaps.row_a[chosen])) == len(np.unique(overlaps.row_b[chosen])) == len(chosen)
