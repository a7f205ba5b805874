"""The rules of all operations a trace knows; one that is not here freezes the channels that reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from napari_pathprune.pruning.tracing.rules.layout_rules import LAYOUT_RULES
from napari_pathprune.pruning.tracing.rules.pieces_rules import PIECE_RULES
from napari_pathprune.pruning.tracing.rules.pointwise_rules import POINTWISE_RULES
from napari_pathprune.pruning.tracing.rules.weights_rules import WEIGHT_RULES

if TYPE_CHECKING:
    from napari_pathprune.pruning.tracing.tracer import Rule

RULES: Final[dict[str, Rule]] = {**POINTWISE_RULES, **LAYOUT_RULES, **PIECE_RULES, **WEIGHT_RULES}
