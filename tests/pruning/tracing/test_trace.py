"""trace: the channels that belong together, and those that must not be cut."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pruning_nets import NETS, Concat, Frequencies, Grouped, SharedTwice, UNet
from torch import nn

from napari_pathprune.models import build
from napari_pathprune.pruning import ChannelGraph, trace

SNAPSHOT = Path(__file__).with_name("hovernet_fast_6.txt")
IMAGE = torch.zeros(2, 3, 16, 16)


@pytest.fixture(scope="module")
def hovernet() -> nn.Module:
    with torch.device("meta"):
        return build("hovernet", mode="fast", num_types=6, width=1.0)


@pytest.fixture(scope="module")
def graph(hovernet: nn.Module) -> ChannelGraph:
    return trace(hovernet, torch.zeros(1, 3, 128, 128))


def test_the_graph_of_hovernet_equals_the_committed_snapshot(graph):
    assert graph.to_text() + "\n" == SNAPSHOT.read_text(encoding="utf-8")


def test_skip_groups_of_hovernet_join_encoder_and_decoders(graph):
    skips = {group.width: group for group in graph.groups if group.kind == "skip"}
    assert sorted(skips) == [256, 512, 1024, 2048]
    assert sum(group.kind == "skip" for group in graph.groups) == 4

    def makers(width: int) -> set[str]:
        return {member.module for member in skips[width].producers}

    units = {256: ("d0", 3), 512: ("d1", 4), 1024: ("d2", 6), 2048: ("d3", 3)}
    for width, (stage, count) in units.items():
        encoder = {f"{stage}.shortcut", *(f"{stage}.units.{n}.conv3" for n in range(count))}
        level = {256: "u2", 512: "u3"}.get(width)
        decoders = {f"decoder.{branch}.{level}.convf" for branch in ("tp", "np", "hv")} if level else set()
        assert makers(width) == encoder | decoders | ({"conv_bot"} if width == 1024 else set())


def test_dense_units_are_read_at_their_offset_in_the_concatenation(graph):
    for number in range(8):
        group = graph.group(f"decoder.np.u3.dense.units.{number}.conv2")
        assert (group.width, group.splits) == (32, 4)
        assert {m.offset for m in group.members if m.role != "out"} == {256 + 32 * number}
        assert [
            (m.splits, m.axis) for m in graph.group(group.name.replace("conv2", "conv1")).members if m.role == "in"
        ] == [(4, 1)]


def test_outputs_and_the_image_are_frozen(graph):
    heads = {f"decoder.{branch}.u0.conv" for branch in ("tp", "np", "hv")}
    assert {name for name, why in graph.frozen.items() if why == "output of the model"} == heads
    assert set(graph.frozen) - heads == {"conv0./ (input)"}


def test_another_process_finds_the_same_graph(narrow_graph):
    code = (
        "import torch; from napari_pathprune.models import build; from napari_pathprune.pruning import trace;"
        "print(trace(build('hovernet', mode='fast', num_types=3, width=0.25), torch.zeros(1, 3, 96, 96)).fingerprint())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == narrow_graph.fingerprint()


def test_the_size_of_the_example_does_not_matter(narrow_hovernet, narrow_graph):
    assert trace(narrow_hovernet, torch.zeros(2, 3, 136, 144)).fingerprint() == narrow_graph.fingerprint()


def test_the_model_is_not_changed():
    model = UNet().train()
    model.down1.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    flags = [(m.training, len(m._forward_hooks)) for m in model.modules()]
    trace(model, IMAGE)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [(m.training, len(m._forward_hooks)) for m in model.modules()] == flags
    assert all(not vars(p) and p.grad is None for p in model.parameters())


def test_concatenation_is_followed_by_offset():
    offsets = {
        group.name: [m.offset for m in group.members if m.module == "norm" and m.parameter == "weight"]
        for group in trace(Concat(), IMAGE).prunable
    }
    assert offsets == {"b.0": [6], "a.0": [0], "c": [11]}


def test_input_and_output_of_a_module_used_twice_form_one_group():
    (group,) = trace(SharedTwice(), IMAGE).prunable
    assert group.name == "stem.0"
    weights = [(m.module, m.role, m.axis) for m in group.members if m.parameter == "weight"]
    assert {("shared.0", "out", 0), ("shared.0", "in", 1), ("out", "in", 1)} <= set(weights)


def test_conv_groups_in_a_residual_unit_make_a_skip_group_with_splits():
    graph = trace(Grouped(), IMAGE)
    assert [(g.name, g.width, g.splits, g.kind) for g in graph.prunable] == [
        ("first.0", 8, 4, "skip"),
        ("middle.0", 12, 4, "internal"),
    ]


def test_an_unknown_operation_freezes_and_is_named():
    graph = trace(Frequencies(), IMAGE)
    assert "for which there is no rule" in graph.frozen["first.0"]
    assert "fft" in graph.frozen["first.0"]
    assert [group.name for group in graph.prunable] == ["second"]


def test_a_forward_that_looks_at_values_runs_on_real_values():
    graph = trace(NETS["branching"](), IMAGE)
    assert graph.frozen["first.0"].startswith("mean mixes channels")


def test_unused_parameters_are_listed():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1))
    model.register_parameter("spare", nn.Parameter(torch.zeros(4)))
    assert trace(model, IMAGE).unreached == ("spare",)


@pytest.mark.parametrize("given", [IMAGE, (IMAGE,), {"input": IMAGE}])
def test_examples_by_position_and_by_name(given):
    assert trace(nn.Conv2d(3, 4, 1), given).frozen == {
        "weight": "output of the model",
        "weight (input)": "reads the input or channels that are not cut in the model's own forward",
    }


def test_an_example_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"does not run on the example input \(\(1, 5, 8, 8\)\).*give an input"):
        trace(nn.Conv2d(3, 4, 1), torch.zeros(1, 5, 8, 8))


def test_parameters_of_computed_weights_are_frozen_by_name():
    model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 8, 1)), nn.Conv2d(8, 2, 1))
    graph = trace(model, IMAGE)
    assert not graph.prunable
    assert "0.parametrizations.weight.original" in graph.frozen
