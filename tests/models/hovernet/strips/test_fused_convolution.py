"""Fused and usual convolutions give the same results."""

import pytest
import torch
import torch.nn.functional as F

from napari_pathprune.models.hovernet.strips import fused_convolution
from napari_pathprune.models.hovernet.strips.fused_convolution import (
    add_convolution,
    convolve,
    make_kernel,
    pair_pixels,
)


@pytest.fixture(params=[True, False], ids=["fused", "usual"])
def fused(request, monkeypatch):
    if request.param and not fused_convolution.HAS_FUSED:
        pytest.skip("this build has no fused convolutions")
    monkeypatch.setattr(fused_convolution, "HAS_FUSED", request.param)


def make_case(inputs, outputs, size_px, height=6, width=9):
    torch.manual_seed(inputs * 100 + outputs)
    x = torch.randn(1, inputs, height, width).contiguous(memory_format=torch.channels_last)
    return x, torch.randn(outputs, inputs, size_px, size_px, dtype=torch.float64), torch.randn(outputs)


@pytest.mark.usefixtures("fused")
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (1, 5), (6, 1), (23, 6), (16, 32)])
@pytest.mark.parametrize(("size_px", "side_px", "stride_px"), [(1, 0, 1), (3, 1, 1), (3, 0, 2), (5, 2, 1)])
@pytest.mark.parametrize("width", [9, 10])
def test_results_are_those_of_a_convolution(inputs, outputs, size_px, side_px, stride_px, width):
    x, weight, bias = make_case(inputs, outputs, size_px, width=width)
    kernel = make_kernel(weight, bias, stride_px)
    expected = F.conv2d(x, weight.float(), bias, stride_px, (0, side_px))
    torch.testing.assert_close(convolve(x, kernel, side_px=side_px), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(convolve(x, kernel, side_px=side_px, relu=True), expected.relu(), rtol=1e-5, atol=1e-5)
    assert (kernel.outputs, kernel.size_px, kernel.stride_px) == (outputs, size_px, stride_px)


@pytest.mark.usefixtures("fused")
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (1, 5), (6, 1), (6, 23)])
@pytest.mark.parametrize("width", [1, 9])
def test_a_convolution_is_added_to_some_rows_only(inputs, outputs, width):
    x, weight, bias = make_case(inputs, outputs, 1, width=width)
    target = torch.randn(1, outputs, 10, width).contiguous(memory_format=torch.channels_last)
    before = target.clone()
    add_convolution(target[:, :, 3:9], x, make_kernel(weight, bias))
    expected = before.clone()
    expected[:, :, 3:9] += F.conv2d(x, weight.float(), bias)
    torch.testing.assert_close(target, expected, rtol=1e-5, atol=1e-5)


def test_pixels_are_paired_only_where_two_outputs_fit_into_a_vector(monkeypatch):
    monkeypatch.setattr(fused_convolution, "LANES", 8)
    paired = {outputs: make_kernel(torch.ones(outputs, 2, 3, 3), torch.ones(outputs)).is_paired for outputs in (4, 5)}
    assert paired == {4: fused_convolution.HAS_FUSED, 5: False}
    assert not make_kernel(torch.ones(2, 2, 1, 1), torch.ones(2)).is_paired, "nothing is gained"
    assert not make_kernel(torch.ones(2, 2, 3, 3), torch.ones(2), 2).is_paired, "outputs are not neighbours"


@pytest.mark.parametrize("size_px", [3, 5, 7])
def test_paired_weights_compute_two_neighbouring_pixels(size_px):
    x, weight, _ = make_case(3, 2, size_px, height=8, width=12)
    pairs = x.permute(0, 2, 3, 1).reshape(1, 8, 6, 6).permute(0, 3, 1, 2)
    y = F.conv2d(pairs, pair_pixels(weight.float())).permute(0, 2, 3, 1).flatten(2).unflatten(2, (-1, 2))
    torch.testing.assert_close(y.permute(0, 3, 1, 2), F.conv2d(x, weight.float()), rtol=1e-5, atol=1e-5)
