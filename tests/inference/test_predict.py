"""Prediction of network maps."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from napari_pathprune.inference.predict import Predictor, predict
from napari_pathprune.models import build


def test_maps_are_those_of_the_network(colour_network, image):
    prediction = Predictor(colour_network, "cpu").predict(image)
    middle = image[6:-6, 6:-6] / np.float32(255)
    maps = prediction.maps
    assert prediction.margin_px == 6
    np.testing.assert_allclose(maps.nuclear, middle[..., 0], atol=1e-5)
    np.testing.assert_allclose(maps.horizontal, middle[..., 1], atol=1e-6)
    np.testing.assert_allclose(maps.vertical, middle[..., 2], atol=1e-6)
    np.testing.assert_allclose(maps.types.sum(0), 1, atol=1e-5)
    blue = middle[..., 2] > middle[..., 1] + 1e-3
    assert (maps.types.argmax(0)[blue] == 1).all()
    assert {m.dtype for m in (maps.nuclear, maps.horizontal, maps.vertical, maps.types)} == {np.dtype(np.float32)}


def test_untyped_network_has_no_types(untyped_colour_network, image):
    assert predict(untyped_colour_network, image, "cpu").types is None


@pytest.mark.parametrize(("height", "width"), [(13, 13), (61, 64), (64, 79), (62, 75)])
def test_images_of_any_size_are_accepted(colour_network, image, height, width):
    maps = predict(colour_network, image[:height, :width], "cpu")
    assert maps.shape == (height - 12, width - 12)
    np.testing.assert_allclose(maps.horizontal, image[6 : height - 6, 6 : width - 6, 1] / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (np.zeros((12, 64, 3), np.uint8), "needs 13 x 13 or more"),
        (np.zeros((64, 64), np.uint8), "expected .* uint8 RGB"),
        (np.zeros((64, 64, 4), np.uint8), "expected .* uint8 RGB"),
        (np.zeros((64, 64, 3), np.float32), "expected .* uint8 RGB"),
    ],
)
def test_other_arrays_are_rejected(colour_network, wrong, line):
    with pytest.raises(ValueError, match=line):
        predict(colour_network, wrong, "cpu")


@pytest.mark.parametrize("largest_px", [64 * 80 - 1, 1500, 700])
def test_quarters_give_the_same_maps_when_memory_runs_out(colour_network, image, caplog, largest_px):
    whole = predict(colour_network, image, "cpu")
    colour_network.largest_px = largest_px
    predictor = Predictor(colour_network, "cpu")
    with caplog.at_level(logging.WARNING):
        first, second = (predictor.predict(image).maps for _ in range(2))
    for maps in (first, second):
        for name in ("nuclear", "horizontal", "vertical", "types"):
            np.testing.assert_array_equal(getattr(maps, name), getattr(whole, name))
    assert [record.message for record in caplog.records] == [
        "not enough memory on cpu for a tile of 64 x 80 px; predicting it in quarters"
    ]
    assert colour_network.shapes.count((64, 80)) == 2, "a tile that is known to be too large is not tried again"


def test_prediction_continues_on_the_cpu_if_the_gpu_is_too_small(colour_network, image, caplog):
    whole = predict(colour_network, image, "cpu")
    predictor = Predictor(colour_network, "cpu")
    predictor.device = torch.device("meta")  # stands in for a GPU without memory
    with caplog.at_level(logging.WARNING):
        colour_network.largest_px = 0
        colour_network.register_forward_pre_hook(
            lambda module, args: setattr(module, "largest_px", 0 if args[0].is_meta else 1e9)
        )
        maps = predictor.predict(image).maps
    np.testing.assert_array_equal(maps.nuclear, whole.nuclear)
    assert predictor.device.type == "cpu"
    assert caplog.records[-1].message == "the memory of meta is too small for this network; continuing on the CPU"


def test_a_cpu_uses_the_form_of_the_network(colour_network, inverted_form, image):
    colour_network.prepare_for_cpu = lambda: inverted_form(colour_network)
    maps = predict(colour_network, image, "cpu")
    np.testing.assert_allclose(maps.horizontal, (255 - image[6:-6, 6:-6, 1]) / 255, atol=1e-6)
    colour_network.prepare_for_cpu = lambda: None
    maps = predict(colour_network, image, "cpu")
    np.testing.assert_allclose(maps.horizontal, image[6:-6, 6:-6, 1] / 255, atol=1e-6)


def test_other_devices_use_the_network_until_the_cpu_takes_over(colour_network, inverted_form, image):
    predictor = Predictor(colour_network, "cpu")
    colour_network.prepare_for_cpu = lambda: inverted_form(colour_network)
    predictor.device = torch.device("meta")
    with pytest.raises(RuntimeError, match="meta"):  # its values cannot be read
        predictor.predict(image)
    colour_network.largest_px = 0
    colour_network.register_forward_pre_hook(
        lambda module, args: setattr(module, "largest_px", 0 if args[0].is_meta else 1e9)
    )
    maps = predictor.predict(image).maps
    np.testing.assert_allclose(maps.vertical, (255 - image[6:-6, 6:-6, 2]) / 255, atol=1e-6)


@pytest.mark.parametrize("num_types", [None, 3])
def test_the_form_of_hovernet_gives_its_maps(image, num_types):
    torch.manual_seed(0)
    model = build("hovernet", mode="fast", num_types=num_types, width=0.0625).eval()
    image = np.tile(image, (2, 2, 1))[:120, :112]
    maps = predict(model, image, "cpu")
    model.prepare_for_cpu = lambda: None
    expected = predict(model, image, "cpu")
    assert np.abs(maps.vertical - expected.vertical).max() > 0, "both were made by the module"
    for name in ("nuclear", "horizontal", "vertical", "types")[: 4 if num_types else 3]:
        # the logits of random weights are so large that their rounding is seen in the probabilities
        np.testing.assert_allclose(getattr(maps, name), getattr(expected, name), atol=1e-3, rtol=1e-3)


def test_too_little_memory_on_the_cpu_is_reported(colour_network, image):
    colour_network.largest_px = 0
    with pytest.raises(MemoryError, match="not enough memory: a tile of"):
        predict(colour_network, image, "cpu")


def test_other_errors_of_the_network_are_not_hidden(colour_network, image):
    colour_network.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("size mismatch")))
    with pytest.raises(RuntimeError, match="size mismatch"):
        predict(colour_network, image, "cpu")


def test_batch_norms_are_in_evaluation_mode(image):
    torch.manual_seed(0)
    model = build("hovernet", mode="fast", num_types=None, width=0.125).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    predictor = Predictor(model, "cpu")
    small = np.tile(image, (2, 2, 1))[:112, :104]
    first = predictor.predict(small).maps
    np.testing.assert_array_equal(predictor.predict(small).maps.nuclear, first.nuclear)
    assert first.shape == (20, 12)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_network_without_sizes_is_rejected():
    with pytest.raises(
        ValueError,
        match="Conv2d, which does not state its input sizes; pass a network with margin_px, nearest_sizes, stride_px",
    ):
        Predictor(nn.Conv2d(3, 3, 1))
