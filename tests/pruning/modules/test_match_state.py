"""The state of a model has to match its channel graph."""

import pytest
import torch
from torch import nn

from napari_pathprune.pruning import trace
from napari_pathprune.pruning.modules.match_state import match_state

X = torch.zeros(1, 4)


def test_the_state_of_a_matching_model_is_returned():
    graph = trace(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)), X)
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    assert match_state(model, graph)["0.weight"] is model[0].weight


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2)), r"shape \(5, 4\) at '0\.weight'.*has \(3, 4\)"),
        (nn.Sequential(nn.Linear(4, 3)), "no tensor at '1.weight'"),
    ],
)
def test_other_shapes_are_refused(model, words):
    graph = trace(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)), X)
    with pytest.raises(ValueError, match=f"{words}.*trace this model again"):
        match_state(model, graph)
