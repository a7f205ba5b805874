"""The rows of weights that activations were made by."""

import numpy as np
import torch

from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.facts import FactsTable
from napari_pathprune.pruning.tracing.origins import Use, are_compensated, carry_rows, rows_of

WEIGHT, X = torch.zeros(6, 4), torch.zeros(2, 5, 4)


def call(name, inputs, output, **kwargs) -> Call:
    return Call(name, False, None, tuple(inputs), kwargs, tuple(inputs), (output,))


def table_after_linear() -> tuple[FactsTable, torch.Tensor]:
    table, made = FactsTable({"qk.weight": WEIGHT}), torch.zeros(2, 5, 6)
    carry_rows(table, call("linear", (X, WEIGHT), made), 0, [])
    return table, made


def test_a_parameter_has_its_own_rows():
    ((name, positions),) = rows_of(FactsTable({"qk.weight": WEIGHT}), WEIGHT)
    assert (name, positions.shape, positions.ravel().tolist()) == ("qk.weight", (6, 1), list(range(6)))


def test_a_linear_layer_makes_its_last_axis_from_rows():
    table, made = table_after_linear()
    ((name, positions),) = rows_of(table, made)
    assert (name, positions.shape) == ("qk.weight", (1, 1, 6))


def test_rows_move_with_views_and_permutations():
    table, made = table_after_linear()
    heads, turned = torch.zeros(2, 5, 3, 2), torch.zeros(2, 3, 5, 2)
    carry_rows(table, call("view", (made,), heads), 0, [])
    carry_rows(table, call("transpose", (heads,), turned, dim0=1, dim1=2), 0, [])
    ((_, positions),) = rows_of(table, turned)
    assert np.array_equal(positions[0, :, 0], np.arange(6).reshape(3, 2))


def test_rows_of_a_slice_are_those_in_the_slice():
    table, made = table_after_linear()
    part = torch.zeros(2, 5, 2)
    carry_rows(table, call("slice", (made,), part, dim=2, start=3, end=5, step=1), 0, [])
    assert rows_of(table, part)[0][1].ravel().tolist() == [3, 4]


def test_other_operations_end_the_rows():
    table, made = table_after_linear()
    active = torch.zeros(2, 5, 6)
    carry_rows(table, call("relu", (made,), active), 0, [])
    assert rows_of(table, active) == ()


def test_rows_that_end_elsewhere_too_cannot_compensate():
    rows = (("qk.weight", np.arange(6)),)
    scaled, other = Use(rows, (3,)), Use((("qk.weight", np.array([5])),), ())
    assert are_compensated(rows, {3}, [scaled])
    assert not are_compensated(rows, {3}, [scaled, other])
    assert are_compensated(rows, {3}, [scaled, Use((("v.weight", np.arange(6)),), ())])


def test_a_product_is_linear_in_the_rows_of_its_first_factor():
    table, made = table_after_linear()
    table.note(made, factors=(np.arange(6).reshape(1, 1, 6),))
    scores, uses = torch.zeros(2, 5, 5), []
    carry_rows(table, call("matmul", (made, torch.zeros(2, 6, 5)), scores), 0, uses)
    assert table.of(scores).width.tolist() == list(range(6))
    assert not uses
