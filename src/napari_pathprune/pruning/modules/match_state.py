"""The parameters and buffers of a model, matched with its channel graph."""

from __future__ import annotations

from torch import Tensor, nn

from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.kinds import check_arguments
from napari_pathprune.pruning.modules.replica import state_of


def match_state(model: nn.Module, graph: ChannelGraph) -> dict[str, Tensor]:
    """Return the parameters and buffers of a model whose shapes match a graph.

    Raises
    ------
    ValueError
        If they do not match; the message names the first tensor that differs.
    """
    check_arguments(model=model, graph=graph)
    state = state_of(model)
    for name, shape in graph.shapes.items():
        found = tuple(state[name].shape) if name in state else None
        if found != shape:
            got = "no tensor" if found is None else f"shape {found}"
            raise ValueError(
                f"got a model with {got} at {name!r} where its channel graph has {shape}; trace this model again"
            )
    return state
