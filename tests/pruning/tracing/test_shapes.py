"""Results of operations without values equal those of torch."""

import pytest
import torch
import torch.nn.functional as F

from napari_pathprune.pruning.tracing.call import find_inputs
from napari_pathprune.pruning.tracing.shapes import make_empty_result

IMAGE = torch.empty(2, 4, 9, 8, device="meta")
TURNED = IMAGE.permute(0, 2, 3, 1)
FIRST, SECOND = torch.empty(6, 4, 3, 3, device="meta"), torch.empty(6, 2, 3, 3, device="meta")
LINEAR, BIAS = torch.empty(5, 8, device="meta"), torch.empty(5, device="meta")


@pytest.mark.parametrize(
    ("name", "args", "torchs"),
    [
        ("relu", (IMAGE,), torch.relu),
        ("relu", (TURNED,), torch.relu),
        ("add", (TURNED, TURNED), torch.add),
        ("mul", (IMAGE, 0.5), torch.mul),
        ("conv2d", (IMAGE, FIRST, None, (2,), (1,), (1,), 1), F.conv2d),
        ("conv2d", (IMAGE, SECOND, None, (1, 2), (0, 1), (2,), 2), F.conv2d),
        ("linear", (IMAGE, LINEAR, BIAS), F.linear),
        ("cat", ([IMAGE, IMAGE], 1), torch.cat),
        ("cat", ([IMAGE, IMAGE], -1), torch.cat),
        ("softmax", (TURNED, -1), torch.softmax),
    ],
)
def test_shapes_and_strides_are_those_of_torch(name, args, torchs):
    found = make_empty_result(name, args, {}, tuple(find_inputs(args)), in_place=False)
    expected = torchs(*args)
    assert (found.shape, found.stride(), found.dtype) == (expected.shape, expected.stride(), expected.dtype)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("conv2d", (IMAGE, SECOND)),  # needs two conv groups
        ("conv2d", (IMAGE, FIRST, None, (1,), "same")),
        ("linear", (IMAGE, LINEAR.T)),
        ("cat", ([IMAGE, TURNED], 0)),
        ("add", (IMAGE, IMAGE[:, :, :, :1])),
        ("fft_fft", (IMAGE,)),
        ("relu", (IMAGE.to(torch.int64),)),
    ],
)
def test_uncommon_cases_are_left_to_torch(name, args):
    assert make_empty_result(name, args, {}, tuple(find_inputs(args)), in_place=False) is None


def test_in_place_operations_return_their_input():
    assert make_empty_result("relu", (IMAGE,), {}, (IMAGE,), in_place=True) is IMAGE
