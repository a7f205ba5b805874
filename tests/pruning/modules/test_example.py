"""Example inputs: arguments, shapes, and inputs made from them."""

import pytest
import torch

from napari_pathprune.pruning.modules.example import (
    TensorSpec,
    describe_arguments,
    make_example,
    map_tensors,
    read_arguments,
)

X = torch.zeros(1, 3)


@pytest.mark.parametrize(
    ("given", "args", "kwargs"),
    [
        (X, (X,), {}),
        ((X, 2), (X, 2), {}),
        ([X], (X,), {}),
        ({"x": X, "n": 2}, (), {"x": X, "n": 2}),
        (None, (None,), {}),
    ],
    ids=["tensor", "tuple", "list", "mapping", "none"],
)
def test_arguments_by_position_and_by_name(given, args, kwargs):
    found_args, found_kwargs = read_arguments(given)
    assert [a is b for a, b in zip(found_args, args, strict=True)] == [True] * len(args)
    assert found_kwargs.keys() == kwargs.keys()


def test_tensors_are_mapped_in_nested_containers():
    found = map_tensors(lambda tensor: tuple(tensor.shape), {"a": [X, (X, "text")], "b": 3})
    assert found == {"a": [(1, 3), ((1, 3), "text")], "b": 3}


def test_a_random_example_has_the_recorded_shapes_and_the_type_of_the_model():
    example = describe_arguments(((X, torch.zeros(2, dtype=torch.int64)), {"flag": True}))
    assert example == ((TensorSpec((1, 3), torch.float32), TensorSpec((2,), torch.int64)), {"flag": True})
    (first, numbers), kwargs = make_example(example, torch.zeros(1, dtype=torch.float64))
    assert (first.shape, first.dtype) == ((1, 3), torch.float64)
    assert numbers.dtype == torch.int64
    assert set(numbers.tolist()) <= {0, 1}
    assert kwargs == {"flag": True}
    again, _ = make_example(example, torch.zeros(1, dtype=torch.float64))
    assert torch.equal(first, again[0])
    other, _ = make_example(example, torch.zeros(1, dtype=torch.float64), seed=1)
    assert not torch.equal(first, other[0])
