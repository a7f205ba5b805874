"""Copies of modules, and the tensors in models and their outputs."""

import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from pruning_nets import Tied
from torch import Tensor, nn

from napari_pathprune.pruning.modules.replica import (
    copy_empty,
    copy_model,
    empty_like,
    find_tensors,
    replicate,
    split_name,
    state_of,
)


class Pair(NamedTuple):
    maps: Tensor
    score: Tensor


@dataclass
class Record:
    maps: Tensor
    rest: tuple[Tensor, None]


def test_tied_parameters_are_listed_once_and_stay_tied():
    model = Tied()
    assert "again.weight" not in state_of(model)
    twin = copy_model(model)
    assert twin.again.weight is twin.middle.weight is not model.middle.weight


def test_changes_reach_every_tensor_and_keep_requires_grad():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    model[0].weight.requires_grad_(False)
    twin = replicate(model, lambda name, tensor: torch.full_like(tensor, len(name)))
    assert float(twin[0].weight[0, 0]) == len("0.weight")
    assert int(twin[1].num_batches_tracked) == len("1.num_batches_tracked")
    assert not twin[0].weight.requires_grad
    assert twin[0].bias.requires_grad


def test_structure_settings_and_hooks_are_copied_as_by_deepcopy():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout(0.3)).eval()
    model.settings = {"a": [1, 2]}
    model[0].register_forward_hook(lambda *_: None)
    twin, deep = copy_model(model), copy.deepcopy(model)
    assert repr(twin) == repr(deep)
    assert twin.settings == deep.settings
    assert twin.settings["a"] is not model.settings["a"]
    assert len(twin[0]._forward_hooks) == 1
    assert not twin.training


def test_gradients_are_not_copied():
    model = nn.Linear(3, 2)
    model(torch.zeros(1, 3)).sum().backward()
    assert copy_model(model).weight.grad is None


def test_empty_copies_have_shapes_and_strides_but_no_values():
    model = nn.Linear(3, 2)
    model.weight.data = torch.zeros(3, 2).T
    empty = copy_empty(model)
    assert empty.weight.is_meta
    assert (empty.weight.shape, empty.weight.stride()) == ((2, 3), (1, 2))
    assert empty_like(torch.zeros(2, 2, dtype=torch.float16)).dtype == torch.float16


def test_names_are_split_at_the_last_dot():
    assert split_name("a.b.weight") == ("a.b", "weight")
    assert split_name("weight") == ("", "weight")


def test_tensors_are_found_in_every_kind_of_output():
    x, y = torch.zeros(1), torch.ones(2)
    for output in ({"maps": x, "more": [y, None]}, (x, (y, 3)), Record(x, (y, None)), Pair(x, y)):
        assert [tuple(tensor.shape) for tensor in find_tensors(output)] == [(1,), (2,)]
