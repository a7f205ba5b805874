"""The network in strips computes the maps of the module, for any widths and sizes, whatever the strips."""

import copy

import pytest
import torch
from torch import nn

from napari_pathprune.models.hovernet.hovernet import HoVerNet
from napari_pathprune.models.hovernet.strips import fused_convolution, strip_rows
from napari_pathprune.pruning import Limits, choose, compact, importance, mask, trace
from napari_pathprune.workflows.checkpoint import load

LARGEST_DIFFERENCE = 1e-4


def assert_same_maps(model, *shapes, batch=1):
    strips = model.prepare_for_cpu()
    for height, width in shapes:
        images = torch.rand(batch, 3, height, width) * 255
        with torch.inference_mode():
            expected, found = model(images), strips(images)
        assert list(found) == list(expected)
        for name, maps in expected.items():
            assert found[name].shape == maps.shape
            largest = max(1.0, maps.abs().max().item())  # random networks have larger maps than trained ones
            assert (found[name] - maps).abs().max().item() <= LARGEST_DIFFERENCE * largest, name


@pytest.fixture(scope="module", params=["fast", "original"])
def mode(request):
    return request.param


SHAPES = {"fast": [(104, 104), (112, 152), (168, 120)], "original": [(198, 198), (206, 262)]}


@pytest.mark.parametrize("num_types", [None, 3])
@pytest.mark.parametrize("negative", [False, True], ids=["positive scales", "negative scales"])
def test_maps_are_those_of_the_module(randomise_norms, mode, num_types, negative):
    model = HoVerNet(mode=mode, num_types=num_types, width=0.0625)
    assert_same_maps(randomise_norms(model, negative=negative), *SHAPES[mode])


@pytest.mark.parametrize("name", ["hovernet-s", "hovernet-s-compact"])
def test_maps_of_packaged_models_are_those_of_the_module(name):
    assert_same_maps(load(name).model(), (192, 232))


@pytest.mark.parametrize("ratio", [0.3, 0.7, 0.99])
def test_maps_of_pruned_models_are_those_of_the_module(randomise_norms, mode, ratio):
    model = randomise_norms(HoVerNet(mode=mode, num_types=3, width=0.125))
    graph = trace(model, torch.zeros(1, 3, *SHAPES[mode][0]))
    plan = choose(graph, importance(model, graph, criterion="random"), ratio=ratio, limits=Limits(min_channels=1))
    small = compact(model, graph, plan, verify=False)
    assert_same_maps(small, SHAPES[mode][1])
    if mode == "fast":
        assert_same_maps(mask(model, graph, plan), SHAPES[mode][1])


def test_batches_are_accepted(randomise_norms):
    assert_same_maps(randomise_norms(HoVerNet(num_types=None, width=0.0625)), (104, 128), batch=3)


@pytest.mark.parametrize("fused", [True, False])
def test_maps_do_not_depend_on_the_strips(monkeypatch, randomise_norms, fused):
    monkeypatch.setattr(fused_convolution, "HAS_FUSED", fused and fused_convolution.HAS_FUSED)
    model = randomise_norms(HoVerNet(num_types=None, width=0.0625))
    image = torch.rand(1, 3, 176, 160) * 255
    strips = model.prepare_for_cpu()
    first = strips(image)
    for size in (1, 70_000):
        monkeypatch.setattr(strip_rows, "STRIP_BYTES", size)
        for name, maps in strips(image).items():
            torch.testing.assert_close(maps, first[name], rtol=1e-4, atol=1e-4)


def test_the_part_of_a_larger_image_has_the_same_maps(randomise_norms):
    model = randomise_norms(HoVerNet(num_types=None, width=0.0625))
    image = torch.rand(1, 3, 416, 440) * 255
    strips, lost = model.prepare_for_cpu(), model.padding_px
    whole, part = strips(image)["hv"], strips(image[:, :, 16:336, 32:392])["hv"]
    inner = part[:, :, lost:-lost, lost:-lost]
    torch.testing.assert_close(
        inner, whole[:, :, 16 + lost :, 32 + lost :][:, :, : inner.shape[2], : inner.shape[3]], rtol=1e-4, atol=1e-4
    )


def test_invalid_sizes_are_refused():
    strips = HoVerNet(num_types=None, width=0.0625).eval().prepare_for_cpu()
    with pytest.raises(ValueError, match="make 105 px 104 or 112 px"):
        strips(torch.zeros(1, 3, 105, 112))


def test_weights_of_the_module_do_not_change(randomise_norms):
    model = randomise_norms(HoVerNet(num_types=None, width=0.0625))
    before = copy.deepcopy(model.state_dict())
    model.prepare_for_cpu()(torch.zeros(1, 3, 104, 104))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


class OtherNetwork(HoVerNet):
    """A network that might compute anything."""


def train(model):
    model.train()


def add_hook(model):
    model.d0.units[1].register_forward_hook(lambda _module, _inputs, output: output * 2)


def replace_norm(model):
    model.d1.blk_bna.bn = nn.Identity()


def replace_layer(model):
    model.conv_bot = nn.Sequential(model.conv_bot, nn.Sigmoid())


@pytest.mark.parametrize("change", [train, add_hook, replace_norm, replace_layer, HoVerNet.double, HoVerNet.half])
def test_other_networks_have_no_such_form(change):
    model = HoVerNet(num_types=None, width=0.0625).eval()
    assert model.prepare_for_cpu() is not None
    change(model)
    assert model.prepare_for_cpu() is None


def test_subclasses_and_other_devices_have_no_such_form():
    assert OtherNetwork(num_types=None, width=0.0625).eval().prepare_for_cpu() is None
    with torch.device("meta"):
        assert HoVerNet(num_types=None, width=0.0625).eval().prepare_for_cpu() is None


def test_memory_grows_with_the_widths():
    narrow, wide = (HoVerNet(num_types=None, width=width).eval().prepare_for_cpu() for width in (0.0625, 0.25))
    assert 3 < wide.bytes_per_px / narrow.bytes_per_px < 4
