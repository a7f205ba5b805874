"""A network for the tests of this folder."""

import numpy as np
import pytest
import torch
from torch import nn


class ColourNetwork(nn.Module):
    """A network whose maps are the colours of the image without a margin, so that its output is known.

    Red is the probability of a nucleus, green and blue are the distances. There are two types; the second is more
    probable where blue is above green.
    """

    def __init__(self, margin_px=6, step_px=4, *, typed=True):
        super().__init__()
        self.margin_px, self.step_px, self.typed = margin_px, step_px, typed
        self.stride_px, self.padding_px = step_px, 0
        self.first = nn.Conv2d(3, 8, 1)
        self.largest_px = float("inf")
        self.shapes = []

    def nearest_sizes(self, size_px):
        smallest = 2 * self.margin_px // self.step_px + 1
        below, above = max(size_px // self.step_px, smallest), max(-(-size_px // self.step_px), smallest)
        return below * self.step_px, above * self.step_px

    def forward(self, images):
        height, width = images.shape[2:]
        self.shapes.append((height, width))
        if height % self.step_px or width % self.step_px:
            raise ValueError("does not fit")
        if height * width > self.largest_px:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")
        self.first(images)
        margin = self.margin_px
        red, green, blue = (images / 255)[:, :, margin : height - margin, margin : width - margin].unbind(1)
        red = red.clamp(1e-6, 1 - 1e-6)
        outputs = {"np": torch.stack([(1 - red).log(), red.log()], 1), "hv": torch.stack([green, blue], 1)}
        if self.typed:
            outputs["tp"] = torch.stack([green, blue], 1) * 100
        return outputs


class Inverted:
    """A form for CPUs that differs from its network: dark is light."""

    bytes_per_px = 80.0

    def __init__(self, network):
        self.network = network

    def __call__(self, images):
        return self.network(255 - images)


@pytest.fixture
def inverted_form():
    return Inverted


@pytest.fixture
def colour_network():
    return ColourNetwork()


@pytest.fixture
def untyped_colour_network():
    return ColourNetwork(typed=False)


@pytest.fixture
def image():
    return np.random.default_rng(2).integers(0, 256, (64, 80, 3), np.uint8)


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread: threads of small networks mostly wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
