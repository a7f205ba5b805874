"""Models that hide their operations or weights are refused."""

import pytest
import torch
from torch import nn

from napari_pathprune.pruning.modules.kinds import check_kind


class Compiled(nn.Module):
    """The wrapper of ``torch.compile``, without the compiler."""

    def __init__(self, module):
        super().__init__()
        self._orig_mod = module


class Quantised(nn.Linear):
    """A stand-in for the layers of torch's quantisation."""


Quantised.__module__ = "torch.ao.nn.quantized.dynamic.modules.linear"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Compiled(nn.Linear(3, 4)), r"the model compiled; give the original module \('\._orig_mod'\)"),
        (nn.Sequential(Quantised(3, 4)), "part '0' of the model quantised.*cut the float model"),
        (nn.Sequential(nn.LazyConv2d(4, 3)), "lazy.*run the model once"),
        (torch.relu, "expected an nn.Module"),
    ],
    ids=["compiled", "quantised", "lazy", "function"],
)
def test_models_that_hide_their_weights_are_refused(model, words):
    with pytest.raises(ValueError, match=words):
        check_kind(model)


def test_plain_modules_are_accepted():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    check_kind(model)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
