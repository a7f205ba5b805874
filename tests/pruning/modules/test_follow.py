"""Module attributes that follow the shapes of weights after a cut."""

import torch
import torchvision
from pruning_nets import NETS, Grouped
from torch import nn

from napari_pathprune.pruning import PrunePlan, compact, trace
from napari_pathprune.pruning.modules.follow import follow_shapes


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
