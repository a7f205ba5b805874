"""Tiles to network maps."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from napari_pathprune.inference.predict import Predictor, device_named, predict
from napari_pathprune.models import build


def test_maps_are_those_of_the_network(colours, image):
    prediction = Predictor(colours, "cpu").predict(image)
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


def test_an_untyped_network_gives_no_types(untyped_colours, image):
    assert predict(untyped_colours, image, "cpu").types is None


@pytest.mark.parametrize(("height", "width"), [(13, 13), (61, 64), (64, 79), (62, 75)])
def test_any_size_is_taken(colours, image, height, width):
    maps = predict(colours, image[:height, :width], "cpu")
    assert maps.shape == (height - 12, width - 12)
    np.testing.assert_allclose(maps.horizontal, image[6 : height - 6, 6 : width - 6, 1] / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (np.zeros((12, 64, 3), np.uint8), "needs at least 13 x 13"),
        (np.zeros((64, 64), np.uint8), "uint8 RGB"),
        (np.zeros((64, 64, 4), np.uint8), "uint8 RGB"),
        (np.zeros((64, 64, 3), np.float32), "uint8 RGB"),
    ],
)
def test_what_is_no_image_is_refused(colours, wrong, line):
    with pytest.raises(ValueError, match=line):
        predict(colours, wrong, "cpu")


@pytest.mark.parametrize("most_px", [64 * 80 - 1, 1500, 700])
def test_without_memory_quarters_give_the_same_maps(colours, image, caplog, most_px):
    whole = predict(colours, image, "cpu")
    colours.most_px = most_px
    predictor = Predictor(colours, "cpu")
    with caplog.at_level(logging.WARNING):
        first, second = (predictor.predict(image).maps for _ in range(2))
    for maps in (first, second):
        for name in ("nuclear", "horizontal", "vertical", "types"):
            np.testing.assert_array_equal(getattr(maps, name), getattr(whole, name))
    assert [record.message for record in caplog.records] == [
        "not enough memory on cpu for a tile of 64 x 80 px: predicting it in quarters"
    ]
    assert colours.seen.count((64, 80)) == 2, "a tile known to be too large is not tried again"


def test_a_graphics_card_too_small_hands_over_to_the_cpu(colours, image, caplog):
    whole = predict(colours, image, "cpu")
    predictor = Predictor(colours, "cpu")
    predictor.device = torch.device("meta")  # a device on which nothing fits
    with caplog.at_level(logging.WARNING):
        colours.most_px = 0
        colours.register_forward_pre_hook(
            lambda module, args: setattr(module, "most_px", 0 if args[0].is_meta else 1e9)
        )
        maps = predictor.predict(image).maps
    np.testing.assert_array_equal(maps.nuclear, whole.nuclear)
    assert predictor.device.type == "cpu"
    assert caplog.records[-1].message == "the memory of meta is too small for this network; going on on the CPU"


def test_a_computer_too_small_says_so(colours, image):
    colours.most_px = 0
    with pytest.raises(MemoryError, match="not enough memory for a tile of"):
        predict(colours, image, "cpu")


def test_other_errors_of_the_network_are_not_taken_for_a_lack_of_memory(colours, image):
    colours.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("size mismatch")))
    with pytest.raises(RuntimeError, match="size mismatch"):
        predict(colours, image, "cpu")


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


def test_a_network_without_sizes_is_refused():
    with pytest.raises(ValueError, match="Conv2d, which does not tell its sizes"):
        Predictor(nn.Conv2d(3, 3, 1))


def test_devices_by_name():
    assert device_named("auto").type in ("cpu", "cuda", "mps")
    assert device_named("cpu") == torch.device("cpu")
    for wrong in ("gpu", "cpu:1", "cuda:x", ""):
        with pytest.raises(ValueError, match="choose one of auto, cpu, cuda, mps"):
            device_named(wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"no device 'cuda'; choose auto or one of: .*cpu"):
        device_named("cuda")
