"""Polynomials in the widths of channel groups."""

import numpy as np

from napari_pathprune.pruning.sizes import Sizes, build_polynomial


def test_a_polynomial_is_a_sum_of_products_of_lengths():
    first, second = (0, ((0, 1),)), (1, ((0, 2), (1, 1)))  # w0, and 1 + 2 w0 + w1
    size = build_polynomial([(3.0, (first, second)), (5.0, ((4, ()),)), (7.0, ())], groups=2)
    w0, w1 = 6.0, 10.0
    assert size.at(np.array([w0, w1])) == 3 * w0 * (1 + 2 * w0 + w1) + 5 * 4 + 7


def test_equal_terms_are_merged():
    axis = (0, ((0, 1),))
    size = build_polynomial([(2.0, (axis,)), (3.0, (axis,))], groups=1)
    assert size.coefficients.tolist() == [5.0]


def test_widths_are_put_in_the_order_of_the_groups():
    size = build_polynomial([], groups=2)
    assert Sizes(("b", "a"), size, size, size).widths({"a": 1, "b": 2, "c": 3}).tolist() == [2.0, 1.0]
    assert size.at(np.array([2.0, 1.0])) == 0.0
