"""Target maps: the vectorised hv maps equal a slow reference and stay in range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pathprune.datasets.type_names import UNKNOWN_TYPE
from napari_pathprune.training.targets import SMALLEST_PX, compute_targets, hv_maps


def slow_hv_maps(instances):
    """Compute hv maps pixel by pixel."""
    maps = np.zeros((2, *instances.shape))
    for number in set(instances.ravel().tolist()) - {0}:
        ys, xs = np.nonzero(instances == number)
        if len(ys) < SMALLEST_PX:
            continue
        for target, values in zip(maps, (xs, ys), strict=True):
            centre = sum(values.tolist()) / len(values)
            low, high = centre - values.min(), values.max() - centre
            for y, x, value in zip(ys, xs, values, strict=True):
                distance = value - centre
                target[y, x] = distance / low if distance < 0 else distance / high if distance > 0 else 0.0
    return maps


blobs = arrays(np.int32, (6, 7), elements=st.sampled_from([0, 0, 2, 5, 900])).map(
    lambda small: small.repeat(4, axis=0).repeat(
        3, axis=1
    )  # blocks of 12 px, so that nuclei lie above and below the limit
)


@settings(max_examples=20, deadline=None)
@given(blobs)
def test_hv_maps_equal_the_slow_reference(instances):
    np.testing.assert_allclose(hv_maps(instances), slow_hv_maps(instances), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(blobs)
def test_hv_maps_run_from_minus_one_to_one_in_each_large_nucleus(instances):
    maps = hv_maps(instances)
    assert maps.dtype == np.float32
    assert not maps[:, instances == 0].any()
    for number in np.unique(instances[instances > 0]):
        inside = instances == number
        for target, axis in zip(maps, (1, 0), strict=True):
            values = target[inside]
            if inside.sum() < SMALLEST_PX:
                assert not values.any()
            elif len(np.unique(np.nonzero(inside)[axis])) > 1:
                assert (values.min(), values.max()) == (-1.0, 1.0)


def test_horizontal_grows_to_the_right_and_vertical_downwards(two_discs):
    horizontal, vertical = hv_maps(two_discs)
    assert (np.diff(horizontal[20, 13:32]) > 0).all()
    assert (np.diff(vertical[11:30, 22]) > 0).all()
    for y, x in ((20, 22), (40, 55)):
        assert (horizontal[y, x], vertical[y, x]) == (0, 0)
    assert horizontal[20, 13] == -1
    assert vertical[52, 55] == 1


def test_distances_of_a_transposed_map_are_swapped(two_discs):
    horizontal, vertical = hv_maps(two_discs)
    turned = hv_maps(two_discs.T)
    np.testing.assert_allclose(turned, np.stack([vertical.T, horizontal.T]), atol=1e-6)


@pytest.mark.parametrize(("pixels", "has_distances"), [(SMALLEST_PX - 1, False), (SMALLEST_PX, True)])
def test_small_nuclei_have_no_distances_but_are_nuclear(pixels, has_distances):
    instances = np.zeros((12, 12), np.int32)
    places = [(2 + i // 6, 2 + i % 6) for i in range(pixels)]
    for place in places:
        instances[place] = 4
    targets = compute_targets(instances, None, (12, 12))
    assert targets.hv.any() == has_distances
    assert targets.nuclear.sum() == pixels


def test_a_nucleus_of_one_column_has_vertical_distances_only():
    instances = np.zeros((40, 5), np.int32)
    instances[2:38, 2] = 1
    horizontal, vertical = hv_maps(instances)
    assert not horizontal.any()
    assert (vertical[2, 2], vertical[37, 2]) == (-1, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_ids_of_any_integer_type_give_the_same_maps(two_discs, dtype):
    np.testing.assert_array_equal(hv_maps(two_discs.astype(dtype)), hv_maps(two_discs))


def test_an_empty_map_has_empty_targets():
    assert not hv_maps(np.zeros((5, 6), np.int32)).any()
    targets = compute_targets(np.zeros((5, 6), np.int32), None, (3, 2))
    assert (targets.nuclear.shape, targets.hv.shape, targets.types.shape) == ((3, 2), (2, 3, 2), (3, 2))
    assert (targets.types == UNKNOWN_TYPE).all()
    assert not compute_targets(np.zeros((5, 6), np.int32), np.zeros(1, np.int64), (3, 2)).types.any()


def test_targets_are_cropped_to_the_centre(two_discs):
    targets = compute_targets(two_discs, np.arange(8), (20, 30))
    centre = (slice(22, 42), slice(25, 55))
    np.testing.assert_array_equal(targets.nuclear, two_discs[centre] > 0)
    np.testing.assert_array_equal(targets.hv, hv_maps(two_discs)[(slice(None), *centre)])  # computed from whole nuclei
    assert targets.nuclear.dtype == targets.types.dtype == np.int64


def test_types_belong_to_the_ids(two_discs):
    types = np.array([0, 1, 1, 2, 1, 1, 1, 5])
    targets = compute_targets(two_discs, types, two_discs.shape)
    assert (targets.types[20, 22], targets.types[40, 55], targets.types[0, 0]) == (2, 5, 0)


def test_unknown_types_are_marked(two_discs):
    untyped = compute_targets(two_discs, None, two_discs.shape)
    assert (untyped.types == UNKNOWN_TYPE).all()
    short = compute_targets(two_discs, np.array([0, 1, 1, 2]), two_discs.shape)  # without nucleus 7
    assert (short.types[20, 22], short.types[40, 55], short.types[0, 0]) == (2, UNKNOWN_TYPE, 0)
    longer = compute_targets(two_discs, np.full(99, 3) * (np.arange(99) > 0), two_discs.shape)
    np.testing.assert_array_equal(longer.types, np.where(two_discs > 0, 3, 0))
