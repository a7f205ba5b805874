"""The law over the zoo: networks are cut where possible, correctly, and can be saved, trained and exported."""

import copy
import warnings
from collections.abc import Callable
from math import prod

import pytest
import torch
import torchvision
from pruning_nets import random_plan, randomize
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from zoo_cases import CASES, LARGE, Case, build_case

from napari_pathprune.pruning import ChannelGraph, compact, cost_after, cost_of, mask, reshape, trace
from napari_pathprune.pruning.modules.replica import find_tensors

REASONS = (
    "for which there is no rule",
    "reads the input or channels that are not cut",
    "mixes channels",
    "stands beside channels",
    "one channel is left",
    "sizes in the code",
    "a number in the code",
    "meets an axis that is no channel axis",
    "spread unevenly over the conv groups",
    "are not zero where a filter makes zeros",
    "makes channels that are not cut",
    "rows are looked up",
    "no weights to mask it by",
    "makes infinite numbers",
    "is picked",
    "slides over channels",
    "used as numbers of entries",
)
ALL = [pytest.param(name, marks=pytest.mark.zoo if name in LARGE else ()) for name in CASES]
EXPORTED = ["stardist", "cellvit", "mha", "resnet18", "vit", "swin", "vit_tiny", "unet_resnet18", "convnext_tiny"]


def outputs(model: nn.Module, x: Tensor) -> list[Tensor]:
    model.eval()
    with torch.no_grad():
        return [tensor.clone() for tensor in find_tensors(model(x))]


def furthest(first: list[Tensor], second: list[Tensor]) -> float:
    assert [t.shape for t in first] == [t.shape for t in second]
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(first, second, strict=True))


def share_of(graph: ChannelGraph) -> float:
    """Return the share of channels that can be cut, among those that are neither input nor output."""
    inner = [
        group for group in graph.groups if not group.name.endswith("(input)") and group.frozen != "output of the model"
    ]
    channels = {group.name: group.width * max(member.block for member in group.members) for group in inner}
    return sum(channels[group.name] for group in inner if group.frozen is None) / sum(channels.values())


SHAPE_OF: dict[type[nn.Module], Callable[..., tuple[int, ...]]] = {
    _ConvTransposeNd: lambda conv: (conv.in_channels, conv.out_channels // conv.groups),
    _ConvNd: lambda conv: (conv.out_channels, conv.in_channels // conv.groups),
    nn.Linear: lambda linear: (linear.out_features, linear.in_features),
    nn.Embedding: lambda table: (table.num_embeddings, table.embedding_dim),
    nn.LayerNorm: lambda norm: tuple(norm.normalized_shape),
    nn.RMSNorm: lambda norm: tuple(norm.normalized_shape),
    _NormBase: lambda norm: (norm.num_features,),
    nn.GroupNorm: lambda norm: (norm.num_channels,),
    nn.PReLU: lambda slope: (slope.num_parameters,),
}


def assert_attributes_match(model: nn.Module) -> None:
    for name, module in model.named_modules():
        shape_of = next((own for kind, own in SHAPE_OF.items() if isinstance(module, kind)), None)
        if shape_of is not None and module.weight is not None:
            assert shape_of(module) == tuple(module.weight.shape)[: len(shape_of(module))], name
        if isinstance(module, nn.MultiheadAttention):
            assert module.embed_dim == module.head_dim * module.num_heads == module.out_proj.in_features, name


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:.*did not run in the trace")  # parts of an encoder that a decoder does not use
@pytest.mark.parametrize("name", ALL)
def test_the_law_and_the_use_of_compact_models(name: str):
    case: Case = CASES[name]
    model, x = build_case(case)
    model = randomize(model)
    before = copy.deepcopy(model.state_dict())
    graph = trace(model, x)
    assert share_of(graph) >= case.share
    for why in set(graph.frozen.values()) - {"output of the model"}:
        assert any(reason in why for reason in REASONS), why

    dense, moved = outputs(model, x), 0.0
    for seed in (0, 1):
        plan = random_plan(graph, seed)
        small = compact(model, graph, plan, verify=False)
        masked = outputs(mask(model, graph, plan), x)
        assert furthest(masked, outputs(small, x)) <= 1e-4
        moved = max(moved, furthest(dense, masked))
    assert moved > 1e-3 or not case.share, "the plans change no output: the law is not tested"
    assert cost_of(small, x).params == cost_after(graph, plan).params
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert_attributes_match(small)

    state = small.state_dict()
    again = reshape(model, {key: tuple(tensor.shape) for key, tensor in state.items()})
    again.load_state_dict(state)
    assert repr(again) == repr(small)
    expected = outputs(small, x)
    for other in (again, copy.deepcopy(small)):
        assert all(torch.equal(a, b) for a, b in zip(expected, outputs(other, x), strict=True))
    train_one_step(small, x)
    assert furthest(expected, outputs(small, x)) > 0


def train_one_step(model: nn.Module, x: Tensor) -> None:
    for module in model.train().modules():
        if isinstance(module, _NormBase):  # one pixel in a batch of two has no useful statistics
            module.eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    loss = sum(tensor.square().mean() for tensor in find_tensors(model(x)) if tensor.requires_grad)
    loss.backward()
    assert all(p.grad is None or p.grad.shape == p.shape for p in model.parameters())
    assert any(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [p for p in ALL if p.values[0] in EXPORTED])
def test_a_compact_model_exports(name: str):
    model, x = build_case(CASES[name])
    model = randomize(model)
    graph = trace(model, x)
    small = compact(model, graph, random_plan(graph, 3), verify=False)
    expected = outputs(small, x)
    with warnings.catch_warnings(action="ignore"):  # of the exporter
        exported = torch.export.export(small, (x,)).module()
    with torch.no_grad():
        assert furthest(expected, list(find_tensors(exported(x)))) <= 1e-4


@pytest.mark.zoo
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["stardist", "cellvit", "resnet18", "vit_tiny"])
def test_a_compact_model_runs_as_onnx(name: str, tmp_path):
    pytest.importorskip("onnxscript", reason="run `tox -e zoo`")
    runtime = pytest.importorskip("onnxruntime", reason="run `tox -e zoo`")
    model, x = build_case(CASES[name])
    model = randomize(model)
    graph = trace(model, x)
    small = compact(model, graph, random_plan(graph, 3), verify=False)
    path = tmp_path / "small.onnx"
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(small, (x,), path, dynamo=True, verbose=False)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert furthest(outputs(small, x), [torch.from_numpy(array) for array in found]) <= 1e-3


def test_two_cuts_equal_one():
    """The queries are rescaled at each step, and the factors multiply."""
    model, x = build_case(CASES["cellvit"])
    model = randomize(model)
    graph = trace(model, x)
    first = random_plan(graph, 1)
    middle = compact(model, graph, first)
    second = random_plan(graph.after(first.keep), 2)
    small = compact(middle, graph.after(first.keep), second)
    traced_anew = trace(middle, x)
    same = random_plan(traced_anew, 2)
    assert same.keep == second.keep
    assert furthest(outputs(compact(middle, traced_anew, same), x), outputs(small, x)) <= 1e-5
    assert prod(small.patch.weight.shape) < prod(middle.patch.weight.shape) < prod(model.patch.weight.shape)


@pytest.mark.zoo
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "head"), [("fasterrcnn_mobilenet_v3_large_320_fpn", "rpn.head"), ("ssdlite320_mobilenet_v3_large", "head")]
)
def test_detectors_are_cut_up_to_their_heads(name: str, head: str):
    """Boxes are picked by their scores; the maps that they are picked from have to be the same."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=3).eval()
    x = [torch.rand(3, 128, 128)]
    graph = trace(model, (x,))
    assert share_of(graph) >= 0.8
    for why in set(graph.frozen.values()) - {"output of the model"}:
        assert any(reason in why for reason in REASONS), why
    plan = random_plan(graph, 0)
    small, masked = compact(model, graph, plan, example_input=(x,)), mask(model, graph, plan)
    maps: list[list[Tensor]] = []
    for own in (masked, small):
        own.get_submodule(head).register_forward_hook(lambda _, __, out: maps.append(list(find_tensors(out))))
        with torch.no_grad():
            own.eval()(x)
    assert furthest(*maps) <= 1e-4
    target = {"boxes": torch.tensor([[8.0, 8.0, 60.0, 60.0]]), "labels": torch.tensor([1])}
    losses = small.train()([x[0], x[0]], [target, target])
    assert all(bool(torch.isfinite(loss)) for loss in losses.values())
