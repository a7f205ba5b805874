"""Sizes and numbers in a model's code, found by a run of a narrower model."""

import torch
from pruning_nets import Attention
from torch import Tensor, nn

from napari_pathprune.pruning import trace

IMAGE = torch.zeros(2, 3, 16, 16)


def test_sizes_in_the_code_freeze_and_sizes_that_follow_do_not():
    follows, written = trace(Attention(), IMAGE), trace(Attention(hard_coded=True), IMAGE)
    assert {"qk", "v"} <= {group.name for group in follows.prunable}
    assert all("sizes in the code" in written.frozen[name] for name in ("qk", "v"))
    assert written.group("stem").frozen is None


def test_the_scale_of_attention_is_compensated_in_the_queries():
    graph = trace(Attention(fused=True), IMAGE)
    assert {"qk", "v"} <= {group.name for group in graph.prunable}
    assert {(own.tensor, own.rows, own.power) for own in graph.rescales} == {
        ("qk.weight", tuple(range(16)), -0.5),
        ("qk.bias", tuple(range(16)), -0.5),
    }


def test_attention_of_torch_is_tied_to_the_stream_that_it_reads():
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    model = nn.Sequential(nn.Linear(6, 16), layer, nn.Linear(16, 2))
    graph = trace(model, torch.zeros(2, 5, 6))
    assert [(group.name, group.width) for group in graph.prunable] == [("0", 4), ("1.linear1", 32)]
    assert {own.tensor for own in graph.rescales} == {"1.self_attn.in_proj_weight", "1.self_attn.in_proj_bias"}
    assert {own.rows for own in graph.rescales} == {tuple(range(16))}


class Scaled(nn.Module):
    """Multiplies activations, after a sigmoid, by a number that depends on their count."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.sigmoid(self.first(x))
        return self.last(y.view(y.shape) * float(y.shape[-1]))


def test_a_number_that_depends_on_a_width_and_has_no_rows_freezes():
    assert "a number in the code (mul) depends on their count" in trace(Scaled(), torch.zeros(2, 6)).frozen["first"]
