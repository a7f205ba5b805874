"""Module attributes that follow the shapes of weights after a cut."""

import pytest
import torch
import torchvision
from pruning_nets import NETS, Grouped, randomize
from torch import nn
from torch.nn.utils import prune

from napari_pathprune.pruning import PrunePlan, choose, compact, importance, reshape, trace
from napari_pathprune.pruning.modules.follow import follow_shapes

IMAGE = torch.rand(1, 3, 8, 8)


def narrow(layer: nn.Module, **shapes: tuple[int, ...]) -> nn.Module:
    for name, shape in shapes.items():
        setattr(layer, name, nn.Parameter(torch.zeros(shape)))
    follow_shapes(layer, layer)
    return layer


def test_attributes_of_single_layers():
    assert narrow(nn.Conv2d(8, 6, 3), weight=(4, 5, 3, 3)).in_channels == 5
    assert narrow(nn.ConvTranspose2d(8, 6, 3), weight=(4, 5, 3, 3)).out_channels == 5
    assert narrow(nn.Linear(8, 6), weight=(4, 5)).out_features == 4
    assert narrow(nn.BatchNorm2d(8), weight=(5,)).num_features == 5
    assert narrow(nn.LayerNorm(8), weight=(5,)).normalized_shape == (5,)
    assert narrow(nn.PReLU(8), weight=(5,)).num_parameters == 5
    assert narrow(nn.Embedding(9, 8), weight=(9, 5)).embedding_dim == 5
    group_norm = narrow(nn.GroupNorm(4, 8), weight=(6,))
    assert (group_norm.num_channels, group_norm.num_groups) == (6, 3)


def test_depthwise_convolutions_lose_conv_groups():
    model, x = NETS["depthwise"](), torch.randn(1, 3, 16, 16)
    graph = trace(model, x)
    small = compact(model, graph, PrunePlan({"expand.0": (1, 4)}, graph.fingerprint()))
    assert (small.depthwise.groups, small.depthwise.in_channels, small.depthwise.out_channels) == (2, 2, 4)


def test_grouped_convolutions_keep_their_conv_groups():
    model, x = Grouped(), torch.randn(1, 3, 16, 16)
    graph = trace(model, x)
    plan = PrunePlan({"first.0": (0, 2, 5, 7), "middle.0": (2, 3, 7, 10)}, graph.fingerprint())
    middle = compact(model, graph, plan).middle[0]
    assert (middle.groups, middle.in_channels, middle.out_channels) == (4, 4, 4)
    expected = torch.stack([model.middle[0].weight[row, column] for row, column in ((2, 0), (3, 0), (7, 1), (10, 1))])
    assert torch.equal(middle.weight[:, 0], expected)


def test_attributes_of_attention_and_of_the_modules_around_it():
    model = torchvision.models.VisionTransformer(32, 8, 2, num_heads=4, hidden_dim=32, mlp_dim=64, num_classes=5)
    x = torch.randn(1, 3, 32, 32)
    graph = trace(model, x)
    stream = next(group for group in graph.prunable if group.kind == "skip")
    small = compact(model, graph, PrunePlan({stream.name: (0, 3, 5)}, graph.fingerprint()))
    attention = small.encoder.layers[0].self_attention
    assert (stream.width, small.hidden_dim) == (8, 12)
    assert (attention.embed_dim, attention.head_dim, attention.num_heads, attention.kdim) == (12, 3, 4, 12)
    assert small.encoder.ln.normalized_shape == (12,)
    assert small.train()(x).shape == (1, 5)


def cut(model: nn.Module, x: torch.Tensor) -> nn.Module:
    torch.manual_seed(0)
    graph = trace(randomize(model), x)
    assert graph.prunable
    return compact(model, graph, choose(graph, importance(model, graph), 0.5))


class Recurrent(nn.Module):
    def __init__(self, layer, *, steps=False):
        super().__init__()
        self.a, self.layer, self.out, self.steps = nn.Conv2d(3, 12, 3), layer, nn.Linear(10, 3), steps

    def forward(self, x):
        x = torch.relu(self.a(x)).mean(2).transpose(1, 2)
        if not self.steps:
            return self.out(self.layer(x)[0])
        state = self.layer(x[:, 0])
        return self.out(state[0] if isinstance(state, tuple) else state)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_layers_after_a_convolution(kind, layers):
    small = cut(Recurrent(kind(12, 10, layers, batch_first=True)), torch.rand(2, 3, 8, 8))
    assert (small.a.out_channels, small.layer.input_size) == (6, 6)


@pytest.mark.parametrize("kind", [nn.GRUCell, nn.LSTMCell, nn.RNNCell])
def test_cells_of_recurrent_layers(kind):
    small = cut(Recurrent(kind(12, 10), steps=True), torch.rand(2, 3, 8, 8))
    assert (small.a.out_channels, small.layer.input_size) == (6, 6)


class Blur(nn.Module):
    """Anti-aliased downsampling by a fixed filter for each channel, whose number is an attribute or in the code."""

    def __init__(self, channels, *, named=True):
        super().__init__()
        self.register_buffer("filter", torch.ones(channels, 1, 3, 3) / 9)
        if named:
            self.channels = channels
        else:
            self.settings = (channels,)

    def forward(self, x):
        groups = self.channels if hasattr(self, "channels") else self.settings[0]
        return nn.functional.conv2d(x, self.filter, stride=2, groups=groups)


def test_fixed_filters_follow():
    small = cut(nn.Sequential(nn.Conv2d(3, 16, 3), Blur(16), nn.Conv2d(16, 2, 1)), torch.rand(1, 3, 9, 9))
    assert (small[1].channels, small[1].filter.shape[0]) == (8, 8)


def test_fixed_filters_whose_number_does_not_follow_are_frozen_and_the_rest_is_cut():
    model = nn.Sequential(nn.Conv2d(3, 16, 3), Blur(16, named=False), nn.Conv2d(16, 8, 1), nn.Conv2d(8, 2, 1))
    graph = trace(model, torch.rand(1, 3, 9, 9))
    assert "sizes in the code (conv2d)" in graph.frozen["0"]
    assert [group.name for group in graph.prunable] == ["2"]


@pytest.mark.parametrize("groups", [1, 16])
def test_layers_under_a_pruning_mask_are_cut_with_it(groups):
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3, groups=groups), nn.Conv2d(16, 2, 1))
    for layer in model:
        prune.l1_unstructured(layer, "weight", 0.3)
    small = cut(model, torch.rand(1, 3, 9, 9))
    assert small[1].weight.shape[0] == small[1].weight_mask.shape[0] == small[1].out_channels == 8
    assert repr(reshape(model, {key: t.shape for key, t in small.state_dict().items()})) == repr(small)


@pytest.mark.filterwarnings("error")
def test_norms_without_parameters():
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.InstanceNorm2d(16), nn.ReLU(), nn.Conv2d(16, 2, 1))
    small = cut(model, torch.rand(2, 3, 9, 9))
    assert small[1].num_features == 8
    small(torch.rand(2, 3, 9, 9))
    frozen = trace(
        nn.Sequential(nn.Conv2d(3, 8, 1), nn.GroupNorm(4, 8, affine=False), nn.Conv2d(8, 2, 1)), IMAGE
    ).frozen
    assert "has no weights that its number of groups could follow" in frozen["0"]


def test_a_recurrent_layer_under_a_pruning_mask_follows():
    layer = prune.l1_unstructured(nn.GRU(12, 10, batch_first=True), "weight_ih_l0", 0.3)
    small = cut(Recurrent(layer), torch.rand(2, 3, 8, 8))
    assert small.layer.input_size == small.layer.weight_ih_l0_mask.shape[1] == 6


def test_a_norm_of_single_channels_without_weights_does_not_follow():
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.GroupNorm(8, 8, affine=False), nn.Conv2d(8, 2, 1))
    assert "has no weights that its number of groups could follow" in trace(model, IMAGE).frozen["0"]


def test_fixed_filters_that_no_file_holds_are_rebuilt():
    model = nn.Sequential(nn.Conv2d(3, 16, 3), Blur(16), nn.Conv2d(16, 2, 1))
    model[1].register_buffer("filter", torch.ones(16, 1, 3, 3) / 9, persistent=False)
    x = torch.rand(1, 3, 9, 9)
    small = cut(model, x)
    again = reshape(model, {key: t.shape for key, t in small.state_dict().items()})
    again.load_state_dict(small.state_dict())
    assert torch.equal(again(x), small(x))
