"""HoVer-Net has the published sizes and keys, takes any valid input and refuses others with a clear message."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_pathprune.models.hovernet.hovernet import HoVerNet

TINY = 0.0625


@pytest.fixture(scope="module", params=["fast", "original"])
def tiny(request):
    torch.manual_seed(1)
    return HoVerNet(mode=request.param, num_types=3, width=TINY).eval()


@pytest.fixture
def without_initialisation(monkeypatch):
    """Skip the initialisation of large networks where only shapes count."""
    for name in ("kaiming_normal_", "kaiming_uniform_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, **_: tensor)


def run(model, height, width):
    with torch.inference_mode():
        return model(torch.rand(1, 3, height, width) * 255)


@pytest.mark.usefixtures("without_initialisation")
@pytest.mark.parametrize(
    ("mode", "num_types", "params"),
    [("fast", 6, 37_639_626), ("original", 6, 54_744_522), ("fast", None, 33_625_412), ("original", None, 45_028_676)],
)
def test_parameter_counts_are_the_published_ones(mode, num_types, params):
    model = HoVerNet(mode=mode, num_types=num_types)
    assert sum(p.numel() for p in model.parameters()) == params


@pytest.mark.parametrize(("mode", "inputs", "outputs"), [("fast", 256, 164), ("original", 270, 80)])
@pytest.mark.parametrize("num_types", [None, 2, 6])
def test_published_patch_sizes_and_branches(mode, inputs, outputs, num_types):
    model = HoVerNet(mode=mode, num_types=num_types, width=TINY).eval()
    maps = run(model, inputs, inputs)
    channels = {"tp": num_types, "np": 2, "hv": 2} if num_types else {"np": 2, "hv": 2}
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        name: (1, c, outputs, outputs) for name, c in channels.items()
    }
    assert model.output_shape(inputs, inputs) == (outputs, outputs)
    assert model.margin_px == (inputs - outputs) // 2


@settings(max_examples=6, deadline=None)
@given(height=st.integers(0, 8), width=st.integers(0, 8))
def test_any_valid_size_gives_maps_of_the_predicted_shape(tiny, height, width):
    smallest = tiny.nearest_sizes(0)[0]
    sizes = smallest + 8 * height, smallest + 8 * width
    shapes = {tuple(m.shape[2:]) for m in run(tiny, *sizes).values()}
    assert shapes == {tiny.output_shape(*sizes)}
    assert min(next(iter(shapes))) > 0


def test_nothing_below_the_smallest_size_is_valid(tiny):
    """The maps of the smallest size are at most 8 px wide, and 8 px less would leave nothing."""
    smallest, _ = tiny.nearest_sizes(0)
    assert 0 < tiny.output_shape(smallest, smallest)[0] <= 8


@given(size_px=st.integers(-5, 2000))
def test_nearest_sizes_enclose_the_length_and_differ_by_8_px(tiny, size_px):
    below, above = tiny.nearest_sizes(size_px)
    tiny.output_shape(below, above)
    if size_px >= below:
        assert below <= size_px <= above
        assert above - below == (0 if size_px == below else 8)
    else:
        assert below == above == tiny.nearest_sizes(0)[0]


@pytest.mark.parametrize("size", [(1, 1), (257, 256), (256, 100), (129, 130), (3, 512)])
def test_an_invalid_size_is_reported_with_valid_ones(tiny, size):
    with pytest.raises(ValueError, match=f"{size[0]} x {size[1]} px") as caught:
        tiny(torch.zeros(1, 3, *size))
    named = re.search(r"make (\d+) px (\d+)(?: or (\d+))? px", str(caught.value))
    assert int(named[1]) in size
    for fits in filter(None, named.groups()[1:]):
        assert run(tiny, int(fits), int(fits))["np"].shape[2] > 0


@pytest.mark.parametrize("size", [(252, 252), (260, 256), (256, 268)])
def test_sizes_that_break_the_skip_connections_are_refused(tiny, size):
    with pytest.raises(ValueError, match="cannot take"):
        tiny(torch.zeros(1, 3, *size))


def test_maps_do_not_depend_on_where_the_input_was_cut(tiny_hovernet):
    """Maps are the same up to a shift, apart from the border that zero padding reaches.

    The encoder's padding reaches 3 (stem) + 3 (d0) + 7 (d1) + 22 (d2) + 20 (d3) px inwards. The decoder pads only its
    last convolution, and its first pixel sees exactly to the border. The test uses double precision, because the
    choice of a float32 convolution, and with it the rounding, depends on the size and the machine.
    """
    torch.manual_seed(2)
    image = torch.rand(1, 3, 336, 320, dtype=torch.float64) * 255
    tiny_hovernet.double()
    dy, dx = 64, 40
    with torch.inference_mode():
        whole = tiny_hovernet(image)
        part = tiny_hovernet(image[:, :, dy : dy + 256, dx : dx + 256])
    for name, maps in part.items():
        same = whole[name][:, :, dy : dy + 164, dx : dx + 164]
        inner = (..., slice(56, -56), slice(56, -56))
        torch.testing.assert_close(maps[inner], same[inner], rtol=0, atol=1e-9)
        assert not torch.allclose(maps, same, rtol=0, atol=1e-3), "padding should change the border"


def test_pixels_are_divided_by_255_inside(tiny_hovernet):
    seen = []
    handle = tiny_hovernet.conv0.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        tiny_hovernet(torch.full((1, 3, 96, 96), 255, dtype=torch.uint8))
    handle.remove()
    assert torch.equal(seen[0], torch.ones(1, 3, 96, 96))


def test_images_of_a_batch_are_independent(tiny_hovernet):
    tiny_hovernet.double()
    images = torch.rand(2, 3, 104, 96, dtype=torch.float64) * 255
    with torch.inference_mode():
        both, one = tiny_hovernet(images), tiny_hovernet(images[1:])
    for name in one:
        torch.testing.assert_close(both[name][1:], one[name], rtol=1e-9, atol=1e-9)


def test_every_parameter_is_used(tiny_hovernet):
    maps = tiny_hovernet.train()(torch.rand(2, 3, 104, 104) * 255)
    torch.stack([m.square().sum() for m in maps.values()]).sum().backward()
    unused = [name for name, p in tiny_hovernet.named_parameters() if p.grad is None or not p.grad.any()]
    assert unused == []


def test_transposed_weights_and_images_give_transposed_maps(tiny_hovernet):
    """The network itself has no preferred axis."""
    tiny_hovernet.double()
    image = torch.rand(1, 3, 104, 112, dtype=torch.float64) * 255
    with torch.inference_mode():
        straight = tiny_hovernet(image)
        for parameter in tiny_hovernet.parameters():
            if parameter.ndim == 4:
                parameter.copy_(parameter.transpose(2, 3).clone())
        turned = tiny_hovernet(image.transpose(2, 3))
    for name in straight:
        torch.testing.assert_close(turned[name].transpose(2, 3), straight[name], rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("without_initialisation")
@pytest.mark.parametrize("width", [0.01, 0.0625, 0.25, 0.3, 1.5])
def test_width_scales_channels_in_multiples_of_the_splits(width):
    model = HoVerNet(width=width, num_types=5)
    heads = model.output_layers()
    assert {name: head.out_channels for name, head in heads.items()} == {"tp": 5, "np": 2, "hv": 2}
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module not in heads.values():
            assert module.out_channels % 4 == 0
    assert model.conv0[1].out_channels == max(4, round(64 * width / 4) * 4)
    assert model.conv_bot.in_channels == max(4, round(2048 * width / 4) * 4)


# Some keys of the original implementation's checkpoints; its variables_tf2pytorch.csv lists all of them.
PUBLISHED = {
    "conv0./.weight": (64, 3, 7, 7),
    "conv0.bn.weight": (64,),
    "conv0.bn.running_var": (64,),
    "conv0.bn.num_batches_tracked": (),
    "d0.units.0.conv1.weight": (64, 64, 1, 1),
    "d0.units.0.conv1/bn.bias": (64,),
    "d0.units.0.conv2.weight": (64, 64, 3, 3),
    "d0.units.0.conv2/bn.running_mean": (64,),
    "d0.units.0.conv3.weight": (256, 64, 1, 1),
    "d0.units.2.preact/bn.weight": (256,),
    "d0.shortcut.weight": (256, 64, 1, 1),
    "d0.blk_bna.bn.running_mean": (256,),
    "d1.units.3.preact/bn.running_var": (512,),
    "d1.units.3.conv2.weight": (128, 128, 3, 3),
    "d1.shortcut.weight": (512, 256, 1, 1),
    "d2.units.5.conv3.weight": (1024, 256, 1, 1),
    "d2.shortcut.weight": (1024, 512, 1, 1),
    "d3.units.0.conv1.weight": (512, 1024, 1, 1),
    "d3.units.2.conv3.weight": (2048, 512, 1, 1),
    "d3.blk_bna.bn.bias": (2048,),
    "conv_bot.weight": (1024, 2048, 1, 1),
    "decoder.tp.u3.conva.weight": (256, 1024, 3, 3),
    "decoder.tp.u3.dense.units.0.preact_bna/bn.weight": (256,),
    "decoder.tp.u3.dense.units.7.conv1.weight": (128, 480, 1, 1),
    "decoder.np.u3.dense.units.7.conv1/bn.weight": (128,),
    "decoder.np.u3.dense.units.7.conv2.weight": (32, 32, 3, 3),
    "decoder.np.u3.dense.blk_bna.bn.running_var": (512,),
    "decoder.np.u3.convf.weight": (512, 512, 1, 1),
    "decoder.hv.u2.conva.weight": (128, 512, 3, 3),
    "decoder.hv.u2.dense.units.3.conv2.weight": (32, 32, 3, 3),
    "decoder.hv.u2.dense.blk_bna.bn.weight": (256,),
    "decoder.hv.u2.convf.weight": (256, 256, 1, 1),
    "decoder.hv.u1.conva.weight": (64, 256, 3, 3),
    "decoder.hv.u0.bn.weight": (64,),
    "decoder.hv.u0.conv.weight": (2, 64, 1, 1),
    "decoder.np.u0.conv.bias": (2,),
    "decoder.tp.u0.conv.weight": (6, 64, 1, 1),
}


@pytest.mark.usefixtures("without_initialisation")
def test_keys_and_shapes_are_those_of_the_published_checkpoints():
    ours = {name: tuple(t.shape) for name, t in HoVerNet(mode="fast", num_types=6).state_dict().items()}
    assert {name: ours.get(name) for name in PUBLISHED} == PUBLISHED
    absent = {
        "d0.units.0.preact/bn.weight",  # first units have no pre-activation
        "conv_bot.bias",
        "decoder.np.u3.convf.bias",
        "decoder.np.u1.dense.blk_bna.bn.weight",
        "upsample2x.unpool_mat",  # interpolation needs no weight
    }
    assert not absent & set(ours)


@pytest.mark.usefixtures("without_initialisation")
def test_original_mode_has_decoder_kernels_of_five():
    ours = HoVerNet(mode="original").state_dict()
    assert tuple(ours["decoder.np.u3.conva.weight"].shape) == (256, 1024, 5, 5)
    assert tuple(ours["decoder.hv.u2.dense.units.0.conv2.weight"].shape) == (32, 32, 5, 5)
    assert tuple(ours["decoder.hv.u1.conva.weight"].shape) == (64, 256, 5, 5)
    assert not any(name.startswith("decoder.tp") for name in ours)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"mode": "slow"}, "mode='slow'; expected 'fast' or 'original'"),
        ({"num_types": 1}, "counts the background"),
        ({"num_types": -3}, "counts the background"),
        ({"width": 0.0}, "above 0"),
        ({"width": -1.0}, "above 0"),
        ({"width": float("nan")}, "above 0"),
        ({"width": 64.0}, "at most 4"),
    ],
)
def test_settings_out_of_range_are_refused(config, words):
    with pytest.raises(ValueError, match=words):
        HoVerNet(**config)
