"""How large a tile fits into memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from napari_pathprune.inference.tile_network import TileNetwork

GIB: Final = 2**30
CPU_BUDGET: Final = int(1.6 * GIB)
"""What a tile may take beside 0.9 GiB for Python, torch and the slide: 2.5 GiB for the process."""
GPU_SHARE: Final = 0.6
"""Of the memory that is free on a graphics card; the rest is left to cuDNN's workspace and to others."""
MAPS_ALIVE: Final = 9
"""Maps of the largest size that a tile takes: on HoVer-Net (856 px) 8.4 are resident where freed memory is kept."""
BESIDE_BYTES_PX: Final = 320
"""Bytes a pixel that reading and post-processing take beside the network."""
SMALLEST_PX: Final = 256
LARGEST_PX: Final = 2048
"""Beyond it the margin costs less than 10 % of the work, and post-processing begins to need more than the network."""
_PROBE_PX: Final = 128


def tile_px_for(model: TileNetwork, device: torch.device | str, memory_budget: int | None = None) -> int:
    """Side of the largest square input that fits the model and the memory.

    Parameters
    ----------
    model
        Runs once on a small input.
    device
        Where the model is.
    memory_budget
        Bytes that a tile may take; None for 60 % of a graphics card's free memory, or 1.6 GiB on a CPU.

    Returns
    -------
    int
        256 to 2048 pixels, a size that the model takes.
    """
    budget = budget_of(torch.device(device)) if memory_budget is None else memory_budget
    side = math.isqrt(int(budget / (MAPS_ALIVE * largest_map_bytes_px(model, device) + BESIDE_BYTES_PX)))
    below, above = model.nearest_sizes(min(max(side, SMALLEST_PX), LARGEST_PX))
    return below if below >= SMALLEST_PX else above


def budget_of(device: torch.device) -> int:
    """Bytes that a tile may take on a device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * GPU_SHARE)
    return CPU_BUDGET


def largest_map_bytes_px(model: TileNetwork, device: torch.device | str) -> float:
    """Bytes of the largest output of any layer, for each pixel of the input."""
    side = model.nearest_sizes(_PROBE_PX)[1]
    largest = 0

    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:  # noqa: ANN401 as hooks are
        nonlocal largest
        if isinstance(output, torch.Tensor):
            largest = max(largest, _bytes(output))

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with torch.inference_mode():
            model(torch.zeros(1, 3, side, side, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return max(largest, 4) / side**2


def _bytes(tensor: Tensor) -> int:
    return tensor.element_size() * tensor.nelement()
