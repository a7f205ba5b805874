"""All rules together: every operation has one, and the law holds for what they leave free."""

import torch
from pruning_nets import Between

from napari_pathprune.pruning import trace
from napari_pathprune.pruning.tracing.rules import (
    layout_rules,
    norm_rules,
    piece_rules,
    pointwise_rules,
    reduction_rules,
    weight_rules,
)
from napari_pathprune.pruning.tracing.rules.rule_table import RULES

FAMILIES = (
    pointwise_rules.POINTWISE_RULES,
    reduction_rules.REDUCTION_RULES,
    norm_rules.NORM_RULES,
    layout_rules.LAYOUT_RULES,
    piece_rules.PIECE_RULES,
    weight_rules.WEIGHT_RULES,
)


def test_no_operation_has_two_rules():
    assert len(RULES) == sum(map(len, FAMILIES))


def test_names_are_those_of_torch():
    missing = {name for name in RULES if not hasattr(torch.ops.aten, name) and not hasattr(torch.ops.aten, f"{name}_")}
    assert missing <= {"pointwise"}


def test_an_operation_without_a_rule_freezes():
    graph = trace(Between(lambda y: torch.fft.fft2(y).real), torch.zeros(1, 3, 8, 8))
    assert "for which there is no rule" in graph.frozen["first"]
