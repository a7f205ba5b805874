"""The rules of all operations that a trace knows; any other operation freezes the channels that reach it."""

from __future__ import annotations

from typing import Final

from napari_pathprune.pruning.tracing.rules.layout_rules import LAYOUT_RULES
from napari_pathprune.pruning.tracing.rules.norm_rules import NORM_RULES
from napari_pathprune.pruning.tracing.rules.piece_rules import PIECE_RULES
from napari_pathprune.pruning.tracing.rules.pointwise_rules import POINTWISE_RULES
from napari_pathprune.pruning.tracing.rules.reduction_rules import REDUCTION_RULES
from napari_pathprune.pruning.tracing.rules.weight_rules import WEIGHT_RULES
from napari_pathprune.pruning.tracing.tracer import Rule

RULES: Final[dict[str, Rule]] = {
    **POINTWISE_RULES,
    **REDUCTION_RULES,
    **NORM_RULES,
    **LAYOUT_RULES,
    **PIECE_RULES,
    **WEIGHT_RULES,
}
