"""The sides of skip groups, in networks where they are known."""

import pytest
import torch
import torch.nn.functional as F
from pruning_nets import Attention, Grouped
from torch import Tensor, nn

from napari_pathprune.pruning import trace
from napari_pathprune.pruning.scoring.branches import Wiring

IMAGE = torch.zeros(1, 3, 16, 16)


def sides(model: nn.Module, name: str) -> tuple[set[str], set[str]]:
    graph = trace(model, IMAGE)
    found = Wiring(graph).split_producers(graph.group(name))
    return {member.module for member in found.convolved}, {member.module for member in found.shortcut}


@pytest.mark.parametrize(("stage", "units"), [(0, 3), (1, 4), (2, 6), (3, 3)])
def test_the_encoder_of_hovernet(narrow_graph, stage, units):
    found = Wiring(narrow_graph).split_producers(narrow_graph.group(f"d{stage}.shortcut"))
    assert [member.module for member in found.convolved] == [f"d{stage}.units.{n}.conv3" for n in range(units)]
    assert [member.module for member in found.shortcut] == [f"d{stage}.shortcut"]
    others = {m.module for m in narrow_graph.group(f"d{stage}.shortcut").producers} - {
        m.module for m in (*found.convolved, *found.shortcut)
    }
    assert all(name == "conv_bot" or name.endswith("convf") for name in others)


def test_the_same_after_a_cut(narrow_graph):
    keep = {group.name: tuple(range(group.splits * 2)) for group in narrow_graph.prunable}
    after = narrow_graph.after(keep)
    for name in ("d0.shortcut", "d2.shortcut"):
        old, new = (Wiring(graph).split_producers(graph.group(name)) for graph in (narrow_graph, after))
        assert [m.module for m in old.convolved] == [m.module for m in new.convolved]


def test_a_stem_starts_the_stream():
    assert sides(Grouped(), "first.0") == ({"last"}, {"first.0"})
    assert sides(Attention(), "stem") == ({"join"}, {"stem"})


class Projected(nn.Module):
    """A basic block whose shortcut is a convolution of its own, then a depthwise layer on the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 1)
        self.one, self.two, self.project = nn.Conv2d(6, 8, 1), nn.Conv2d(8, 10, 1), nn.Conv2d(6, 10, 1)
        self.depthwise = nn.Conv2d(10, 10, 3, padding=1, groups=10)
        self.single, self.out = nn.Conv2d(10, 10, 1), nn.Conv2d(10, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = self.two(F.relu(self.one(x))) + self.project(x)
        x = x + self.depthwise(x)
        return self.out(x + self.single(F.relu(x)))


def test_a_projection_is_the_shortcut_and_a_depthwise_layer_is_neither():
    assert sides(Projected(), "two") == ({"two", "single"}, {"project"})


class Parallel(nn.Module):
    """Two convolutions of the same input, added: neither is the shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.out = nn.Conv2d(3, 6, 1), nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.one(x) + self.two(x))


def test_a_group_without_sides_is_refused():
    with pytest.raises(ValueError, match="channel group 'one' is not a residual stream"):
        sides(Parallel(), "one")


class Nested(nn.Module):
    """A residual unit with a residual unit inside."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.into, self.inner = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 4, 1), nn.Conv2d(4, 5, 1)
        self.back, self.last, self.out = nn.Conv2d(5, 4, 1), nn.Conv2d(4, 6, 1), nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = F.relu(self.into(x))
        y = y + self.back(F.relu(self.inner(y)))
        return self.out(x + self.last(F.relu(y)))


def test_nested_units():
    assert sides(Nested(), "stem") == ({"last"}, {"stem"})
    assert sides(Nested(), "into") == ({"back"}, {"into"})
