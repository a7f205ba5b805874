"""Executed operations: names, arguments, multipliers."""

import pytest
import torch

from napari_pathprune.pruning.tracing.call import Call, find_inputs, name_operation

X = torch.zeros(2, 3)


def call(func, *args, **kwargs) -> Call:
    name, in_place = name_operation(func)
    return Call(name, in_place, func, args, kwargs, tuple(find_inputs(args)), ())


def test_names_have_no_namespace_and_no_underscore():
    assert name_operation(torch.ops.aten.relu_.default) == ("relu", True)
    assert name_operation(torch.ops.aten.relu.default) == ("relu", False)
    assert name_operation(torch.ops.aten.add.Tensor) == ("add", False)


def test_arguments_are_found_by_name_position_and_default():
    softmax = torch.ops.aten.softmax.int
    assert call(softmax, X, 1).get("dim") == 1
    assert call(softmax, X, dim=1).get("dim") == 1
    assert call(torch.ops.aten.flatten.using_ints, X).get("end_dim") == -1
    assert call(softmax, X, 1).get("nothing", 7) == 7


@pytest.mark.parametrize(
    ("func", "number", "multiplier"),
    [
        (torch.ops.aten.mul.Tensor, 0.5, 0.5),
        (torch.ops.aten.div.Tensor, 4.0, 0.25),
        (torch.ops.aten.div.Tensor, 0.0, None),
        (torch.ops.aten.mul.Tensor, X, None),
        (torch.ops.aten.add.Tensor, 0.5, None),
    ],
)
def test_only_numbers_that_multiply_are_multipliers(func, number, multiplier):
    assert call(func, X, number).multiplier == multiplier


def test_pointwise_operations_are_marked_by_torch():
    assert call(torch.ops.aten.relu.default, X).is_pointwise
    assert not call(torch.ops.aten.mm.default, X, X.T).is_pointwise


def test_inputs_are_found_in_nested_lists():
    assert [tensor is X for tensor in find_inputs((X, [X, (X, 3)], None))] == [True] * 3
