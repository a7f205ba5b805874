"""The largest tile that fits into memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import torch

from napari_pathprune.inference.tile_network import CpuForm, TileNetwork

if TYPE_CHECKING:
    from torch import Tensor, nn

GIB: Final = 2**30
CPU_BUDGET: Final = int(1.6 * GIB)
"""Memory of a tile on a CPU. Python, torch and the slide take 0.9 GiB, so the process stays within 2.5 GiB."""
GPU_SHARE: Final = 0.6
"""Share of a GPU's free memory; the rest is left to cuDNN's workspace and to other processes."""
MAPS_ALIVE: Final = 9
"""Maps of the largest size that a tile needs: 8.4 are resident for HoVer-Net (856 px) if freed memory is kept."""
OTHER_BYTES_PER_PX: Final = 320
"""Memory for reading and post-processing, in bytes per pixel."""
SMALLEST_PX: Final = 256
LARGEST_PX: Final = 2048
"""Above this the margin is less than 10 % of the work, and post-processing needs more memory than the network."""
_PROBE_PX: Final = 128


def choose_tile_px(
    model: TileNetwork, device: torch.device | str, memory_budget: int | None = None, form: CpuForm | None = None
) -> int:
    """Return the side of the largest square input that fits the network and the memory.

    Parameters
    ----------
    model
        Network; it runs once on a small input, unless there is a form for CPUs.
    device
        Device of the network.
    memory_budget
        Memory of a tile in bytes; None for 60 % of a GPU's free memory, or 1.6 GiB on a CPU.
    form
        What replaces the network on a CPU, if anything.

    Returns
    -------
    int
        A valid input length of 256 to 2048 pixels.
    """
    budget = find_memory_budget(torch.device(device)) if memory_budget is None else memory_budget
    of_network = MAPS_ALIVE * measure_largest_map(model, device) if form is None else form.bytes_per_px
    side = math.isqrt(int(budget / (of_network + OTHER_BYTES_PER_PX)))
    below, above = model.nearest_sizes(min(max(side, SMALLEST_PX), LARGEST_PX))
    return below if below >= SMALLEST_PX else above


def find_memory_budget(device: torch.device) -> int:
    """Return the memory that a tile may take on a device, in bytes."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * GPU_SHARE)
    return CPU_BUDGET


def measure_largest_map(model: TileNetwork, device: torch.device | str) -> float:
    """Return the size of the largest output of any layer, in bytes per pixel of the input."""
    side = model.nearest_sizes(_PROBE_PX)[1]
    largest = 0

    def update_largest(_module: nn.Module, _inputs: Any, output: Any) -> None:  # noqa: ANN401 (as for any hook)
        nonlocal largest
        if isinstance(output, torch.Tensor):
            largest = max(largest, _count_bytes(output))

    hooks = [module.register_forward_hook(update_largest) for module in model.modules()]
    try:
        with torch.inference_mode():
            model(torch.zeros(1, 3, side, side, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return max(largest, 4) / side**2


def _count_bytes(tensor: Tensor) -> int:
    return tensor.element_size() * tensor.nelement()
