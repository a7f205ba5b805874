"""The network that stands in for HoVer-Net in slow tests has HoVer-Net's interface."""

import numpy as np
import pytest
import torch
from two_convolutions import random_two_convolutions

from napari_pathprune.inference.predict import Predictor
from napari_pathprune.models import build, list_architectures
from napari_pathprune.pruning import choose, compact, importance, trace
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save


def test_maps_and_sizes_are_those_of_the_interface(two_convolutions):
    model = build(two_convolutions, num_types=5, width=0.25).eval()
    assert model.nearest_sizes(30) == (24, 32)
    maps = model(torch.zeros(2, 3, 32, 40))
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        "tp": (2, 5, 28, 36),
        "np": (2, 2, 28, 36),
        "hv": (2, 2, 28, 36),
    }
    assert model.output_shape(32, 40) == (28, 36)
    assert {name: layer.out_channels for name, layer in model.output_layers().items()} == {"tp": 5, "np": 2, "hv": 2}
    with pytest.raises(ValueError, match="got 30 px"):
        model(torch.zeros(1, 3, 30, 32))


def test_it_is_registered_in_tests_that_ask_for_it_alone():
    assert "two-convolutions" not in list_architectures()


def test_it_can_stand_in_for_hovernet(two_convolutions_as_hovernet):  # noqa: ARG001 - registers the network
    assert type(build("hovernet", mode="fast", num_types=3, width=0.25)).__name__ == "TwoConvolutions"


def test_it_is_cut_saved_and_loaded(two_convolutions, tmp_path):
    model = random_two_convolutions()
    example = torch.rand(1, 3, 32, 32)
    graph = trace(model, example)
    small = compact(model, graph, choose(graph, importance(model, graph), ratio=0.5))
    config = {"mode": "fast", "num_types": 4, "width": 0.125}
    types = ("background", "a", "b", "c")
    save(Checkpoint(two_convolutions, config, small.state_dict(), type_names=types), tmp_path / "small.safetensors")
    again = load(tmp_path / "small.safetensors").model()
    assert again.features.first.out_channels == again.features.second.out_channels == 4
    assert all(torch.equal(m, small(example)[name]) for name, m in again(example).items())


def test_it_predicts_images_of_any_size():
    prediction = Predictor(random_two_convolutions(), device="cpu").predict(np.zeros((37, 50, 3), np.uint8))
    assert prediction.maps.nuclear.shape == (33, 46)
