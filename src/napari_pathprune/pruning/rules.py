"""The rules of all operations a trace knows; one that is not here freezes the channels that reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from napari_pathprune.pruning.rules_layout import LAYOUT_RULES
from napari_pathprune.pruning.rules_pieces import PIECE_RULES
from napari_pathprune.pruning.rules_pointwise import POINTWISE_RULES
from napari_pathprune.pruning.rules_weights import WEIGHT_RULES

if TYPE_CHECKING:
    from napari_pathprune.pruning.tracer import Rule

RULES: Final[dict[str, Rule]] = {**POINTWISE_RULES, **LAYOUT_RULES, **PIECE_RULES, **WEIGHT_RULES}
