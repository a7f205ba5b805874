"""Scores of whole networks: the layers that decide, and the weights that count."""

import pytest
import torch
from pruning_nets import Attention, Grouped, UNet
from torch import nn

from napari_pathprune.pruning import CRITERIA, choose, compact, importance, taylor, trace

IMAGE = torch.zeros(1, 3, 16, 16)


def lengths(weight, axis=0):
    return weight.movedim(axis, 0).flatten(1).norm(dim=1)


def test_l1_and_l2_are_norms_of_filters():
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1))
    model[0].weight.data = torch.tensor([[3.0, -4, 0], [0, 0, 2]]).reshape(2, 3, 1, 1)
    graph = trace(model, IMAGE)
    assert importance(model, graph, "l1")["0"].tolist() == [7, 2]
    assert importance(model, graph, "l2")["0"].tolist() == [5, 2]


def test_deciders_of_a_skip_group():
    model = Grouped()
    graph = trace(model, IMAGE)
    first, last = lengths(model.first[0].weight), lengths(model.last.weight)
    parts = model.middle[0].weight.reshape(4, 3, 2, -1).transpose(1, 2).reshape(8, -1)
    readers = [parts.norm(dim=1), lengths(model.out.weight, axis=1)]
    everyone = torch.stack([first, last, *readers])
    expected = {
        "producers": (first + last) / 2,
        "mean": everyone.mean(dim=0),
        "sum": everyone.sum(dim=0),
        "max": everyone.amax(dim=0),
        "convolved": last,
        "shortcut": first,
    }
    for decider, scores in expected.items():
        assert torch.allclose(importance(model, graph, decider=decider)["first.0"], scores), decider


def test_internal_groups_have_no_sides():
    model = Grouped()
    graph = trace(model, IMAGE)
    expected = lengths(model.middle[0].weight)
    assert torch.allclose(importance(model, graph, decider="convolved")["middle.0"], expected)


def test_transposed_and_normed_filters_count_all_their_weights():
    model = UNet()
    scores = importance(model, trace(model, IMAGE))
    assert torch.allclose(scores["up"], lengths(model.up.weight, axis=1))
    assert torch.allclose(scores["down1.0"], model.down1[0].weight.reshape(4, -1).norm(dim=1))
    parts = model.grouped_up.weight.reshape(2, 8, 6, 2, 2)
    assert torch.allclose(scores["grouped_up"], parts.transpose(1, 2).reshape(12, -1).norm(dim=1))


def test_slimming_takes_the_norms_that_a_group_has(narrow_hovernet, narrow_graph):
    scores = importance(narrow_hovernet, narrow_graph, "bn_scale", decider="sum")
    modules = dict(narrow_hovernet.named_modules())
    # conv_bot makes channels of this group too, and has no norm
    names = [f"d2.units.{n}.preact/bn" for n in range(1, 6)] + ["d2.blk_bna.bn"]
    expected = sum(modules[name].weight.detach().abs() for name in names)
    assert torch.allclose(scores["d2.shortcut"], expected)
    assert set(scores) == {group.name for group in narrow_graph.prunable}


def test_slimming_without_norms_names_the_group():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 5, 1), nn.ReLU(), nn.Conv2d(5, 2, 1))
    with pytest.raises(ValueError, match="no norm with weights acts on channel group '2'"):
        importance(model, trace(model, IMAGE), "bn_scale")


def test_layer_norms_count():
    model = Attention()
    model.norm.weight.data = torch.arange(8.0) - 4
    assert importance(model, trace(model, IMAGE), "l2")["stem"].shape == (8,)
    with pytest.raises(ValueError, match="channel group 'qk"):
        importance(model, trace(model, IMAGE), "bn_scale")


def test_random_is_the_same_for_the_same_seed_only(narrow_hovernet, narrow_graph):
    first, again, other = (importance(narrow_hovernet, narrow_graph, "random", seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_no_criterion_changes_the_model(narrow_hovernet, narrow_graph, criterion):
    before = {name: tensor.clone() for name, tensor in narrow_hovernet.state_dict().items()}
    scores = importance(narrow_hovernet, narrow_graph, criterion)
    assert all(scores[g.name].shape == (g.width,) for g in narrow_graph.prunable)
    assert all(own.dtype == torch.float32 and bool((own >= 0).all()) for own in scores.values())
    assert all(torch.equal(before[name], tensor) for name, tensor in narrow_hovernet.state_dict().items())
    assert all(parameter.grad is None for parameter in narrow_hovernet.parameters())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"criterion": "size"}, "got criterion 'size'; the criteria are l1, l2, bn_scale, fpgm, random"),
        ({"criterion": "taylor"}, r"call taylor\(model, graph, batches, loss\)"),
        ({"decider": "all"}, "got decider 'all'; the deciders are producers, mean, sum, max, convolved, shortcut"),
        ({"criterion": "bn_scale", "decider": "convolved"}, "norms act on the sum"),
    ],
)
def test_unknown_criteria_and_deciders_are_refused(narrow_hovernet, narrow_graph, options, words):
    with pytest.raises(ValueError, match=words):
        importance(narrow_hovernet, narrow_graph, **options)


def test_a_model_of_other_shapes_is_refused(narrow_graph):
    with pytest.raises(ValueError, match="trace this model again"):
        importance(Grouped(), narrow_graph)


@pytest.mark.parametrize("criterion", sorted(set(CRITERIA) - {"bn_scale"}))
def test_half_precision_scores_like_single(criterion):
    model = Grouped().half()
    scores = importance(model, trace(model, IMAGE.half()), criterion)
    single = model.float()
    assert all(
        torch.equal(own, scores[name]) for name, own in importance(single, trace(single, IMAGE), criterion).items()
    )


@pytest.mark.parametrize("scope", ["local", "global"])
def test_weights_that_are_all_zero_can_be_pruned(scope):
    model = Grouped()
    for parameter in model.parameters():
        parameter.data.zero_()
    graph = trace(model, IMAGE)
    small = compact(model, graph, choose(graph, importance(model, graph), 0.5, scope))
    assert small(IMAGE).shape == (1, 2, 16, 16)


def test_groups_with_weights_that_are_not_finite_are_named():
    model = Grouped()
    model.last.weight.data[2, 0] = float("nan")
    graph = trace(model, IMAGE)
    with pytest.raises(ValueError, match=r"scores for channel group 'first\.0' that are not finite; check its weights"):
        choose(graph, importance(model, graph))


class LearnedTokens(nn.Module):
    """Learned queries, which only a linear layer reads, and a low-rank correction of a weight."""

    def __init__(self):
        super().__init__()
        self.p, self.q, self.k, self.v, self.o = (
            nn.Linear(a, b) for a, b in ((3, 16), (14, 16), (16, 16), (16, 8), (8, 3))
        )
        self.tokens = nn.Parameter(torch.randn(1, 5, 14))
        self.down, self.up = nn.Parameter(torch.randn(4, 16)), nn.Parameter(torch.randn(16, 4))

    def forward(self, x):
        m = nn.functional.linear(torch.relu(self.p(x)), self.k.weight + self.up @ self.down, self.k.bias)
        return self.o((self.q(self.tokens) @ m.transpose(1, 2) * 0.25).softmax(-1) @ self.v(m))


@pytest.mark.parametrize("decider", ["producers", "mean", "max"])
@pytest.mark.parametrize("criterion", ["l1", "l2", "fpgm", "random"])
def test_channels_that_no_filter_makes_are_scored_by_all_that_hold_them(criterion, decider):
    model, x = LearnedTokens(), torch.rand(2, 6, 3)
    graph = trace(model, x)
    orphans = [group.name for group in graph.prunable if not group.producers]
    assert len(orphans) == 2
    scores = importance(model, graph, criterion, decider=decider)
    compact(model, graph, choose(graph, scores, 0.5))
    assert all(scores[name].shape == (graph.group(name).width,) for name in orphans)


def test_gradients_score_channels_that_no_filter_makes():
    model, x = LearnedTokens(), torch.rand(2, 6, 3)
    graph = trace(model, x)
    scores = taylor(model, graph, [x], lambda model, x: model(x).square().mean())
    assert all(bool((own > 0).any()) for own in scores.values())
