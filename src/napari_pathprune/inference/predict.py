"""Prediction of network maps: device, memory layout, and recovery when memory runs out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from napari_pathprune.base.out_of_memory import is_out_of_memory
from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.inference.device import find_device
from napari_pathprune.inference.maps import NetworkMaps
from napari_pathprune.inference.tile_network import CpuForm, TileNetwork
from napari_pathprune.inference.tile_size import choose_tile_px

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

__all__ = ["NetworkMaps", "Prediction", "Predictor", "predict"]

_LOG = get_plain_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The maps of a tile, which are smaller than the image by `margin_px` on each side."""

    maps: NetworkMaps
    margin_px: int


class Predictor:
    """A network on a device, for tiles of any size.

    The network is set to evaluation mode and moved to the device; its weights do not change. On a CPU, networks with a
    faster form (`tile_network.CpuForm`) are replaced by it, with the weights that they have now. If a tile does not fit
    into memory, it is predicted in four overlapping quarters. If even small pieces do not fit on a GPU, prediction
    continues on the CPU. Both are logged once and remembered for the tiles that follow.

    Parameters
    ----------
    model
        A network like `models.hovernet.HoVerNet`, with the properties of a `TileNetwork`.
    device
        ``"auto"`` (CUDA, else MPS, else CPU), ``"cpu"``, ``"cuda"`` (or ``"cuda:1"``) or ``"mps"``.

    Raises
    ------
    ValueError
        If there is no such device, or the model does not state its sizes.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_pathprune.models import build
    >>> predictor = Predictor(build("hovernet", mode="fast", num_types=4, width=0.125), "cpu")
    >>> prediction = predictor.predict(np.full((130, 141, 3), 255, np.uint8))
    >>> prediction.margin_px, prediction.maps.nuclear.shape, prediction.maps.types.shape
    (46, (38, 49), (4, 38, 49))
    """

    def __init__(self, model: nn.Module, device: str = "auto") -> None:
        missing = [
            name for name in ("margin_px", "nearest_sizes", "stride_px", "padding_px") if not hasattr(model, name)
        ]
        if missing:
            raise ValueError(
                f"got a {type(model).__name__}, which does not state its input sizes; pass a network with "
                f"{', '.join(missing)}, such as HoVerNet"
            )
        self.device = find_device(device)
        self._module = model.eval()
        self._network = cast("TileNetwork", model)
        self._form: CpuForm | None = None  # replaces the network on a CPU
        self._largest_px: float = float("inf")  # inputs with more pixels than this ran out of memory
        self._move_model()

    @property
    def margin_px(self) -> int:
        """Pixels lost on each side between image and maps."""
        return int(self._network.margin_px)

    @property
    def stride_px(self) -> int:
        """Step by which an image may be shifted so that its maps are shifted and not changed."""
        return int(self._network.stride_px)

    @property
    def padding_px(self) -> int:
        """Pixels along each edge of the maps that depend on where the image ends."""
        return int(self._network.padding_px)

    def fit_side(self, side_px: int) -> int:
        """Return the smallest side from ``side_px`` on that the network accepts."""
        return int(self._network.nearest_sizes(side_px)[1])

    def choose_maps_px(self, memory_budget: int | None = None) -> int:
        """Return the side of the largest maps that fit into memory, without the edges that padding changes."""
        lost = -(-(self.margin_px + self.padding_px) // self.stride_px) * self.stride_px
        return max(self.choose_read_px(memory_budget) - 2 * lost, self.stride_px)

    def choose_read_px(self, memory_budget: int | None = None) -> int:
        """Return the side of the largest square image that fits into memory; see `tile_size.choose_tile_px`."""
        return choose_tile_px(self._network, self.device, memory_budget, self._form)

    def predict(self, image: NDArray[np.uint8]) -> Prediction:
        """Predict one tile.

        Parameters
        ----------
        image
            (H, W, 3) uint8 RGB of any size larger than the margins. If the network does not accept the size, the image
            is mirrored beyond its lower and right edges.

        Returns
        -------
        Prediction
            Maps of (H - 2 margin_px, W - 2 margin_px), centred.

        Raises
        ------
        ValueError
            If the image is not uint8 RGB, or is smaller than the margins.
        MemoryError
            If even small pieces do not fit into the memory of the computer.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f"got an image of shape {image.shape} and type {image.dtype}; expected (H, W, 3) uint8 RGB"
            )
        height, width = (side - 2 * self.margin_px for side in image.shape[:2])
        if min(height, width) < 1:
            smallest = 2 * self.margin_px + 1
            raise ValueError(
                f"got an image of {image.shape[:2]} px; this network needs {smallest} x {smallest} or more"
            )
        padding = [self._network.nearest_sizes(side)[1] - side for side in image.shape[:2]]
        if any(padding):
            image = np.pad(image, ((0, padding[0]), (0, padding[1]), (0, 0)), mode="symmetric")
        stack = self._predict_stack(image)[:, :height, :width]
        types = np.ascontiguousarray(stack[3:]) if len(stack) > 3 else None
        return Prediction(NetworkMaps(stack[0], stack[1], stack[2], types), self.margin_px)

    def _predict_stack(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the maps (3 + T, h, w) of an image of a valid size: nuclear, horizontal, vertical, types."""
        if image.shape[0] * image.shape[1] <= self._largest_px:
            try:
                return self._run(image)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._remember_limit(image)
        stack = self._predict_quarters(image)
        if stack is not None:
            return stack
        if self.device.type == "cpu":
            raise MemoryError(f"not enough memory: a tile of {image.shape[:2]} px does not fit; close other programs")
        _LOG.warning("the memory of %s is too small for this network; continuing on the CPU", self.device)
        self.device, self._largest_px = torch.device("cpu"), float("inf")
        self._move_model()
        return self._predict_stack(image)

    def _run(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self.device)
            network = self._network if self._form is None else self._form
            outputs = network(pixels.permute(2, 0, 1)[None].float())  # already channels-last
            maps = [outputs["np"].softmax(1)[0, 1:2], outputs["hv"][0]]
            if "tp" in outputs:
                maps.append(outputs["tp"].softmax(1)[0])
            stack: NDArray[np.float32] = torch.cat(maps).float().contiguous().cpu().numpy()
        return stack

    def _predict_quarters(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return the maps from four overlapping quarters; None if the network accepts no smaller inputs."""
        shape = image.shape[0] - 2 * self.margin_px, image.shape[1] - 2 * self.margin_px
        lost = 2 * self.margin_px + self.padding_px  # so that quarters meet where their maps are those of the whole
        sides = [self._network.nearest_sizes(-(-n // 2) + lost)[1] for n in shape]
        if all(side >= whole for side, whole in zip(sides, image.shape[:2], strict=True)):
            return None
        whole: NDArray[np.float32] | None = None
        for rows in _halve(image.shape[0], sides[0], self.margin_px):
            for columns in _halve(image.shape[1], sides[1], self.margin_px):
                part = self._predict_stack(image[rows.read, columns.read])[:, rows.keep, columns.keep]
                if whole is None:
                    whole = np.empty((len(part), *shape), np.float32)
                whole[:, rows.write, columns.write] = part
        return whole

    def _remember_limit(self, image: NDArray[np.uint8]) -> None:
        """Remember that an image of this size runs out of memory, and free what it left on a GPU."""
        height, width = image.shape[:2]
        if self._largest_px == float("inf"):
            _LOG.warning(
                "not enough memory on %s for a tile of %d x %d px; predicting it in quarters",
                self.device,
                height,
                width,
            )
        self._largest_px = min(self._largest_px, height * width - 1)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _move_model(self) -> None:
        # channels-last takes a third less time than the default layout on CPUs (width 0.25, 512 and 1024 px)
        self._module.to(self.device).to(memory_format=torch.channels_last)
        prepare = getattr(self._module, "prepare_for_cpu", None)
        self._form = prepare() if prepare is not None and self.device.type == "cpu" else None


def predict(model: nn.Module, image: NDArray[np.uint8], device: str = "auto") -> NetworkMaps:
    """Predict one tile. For many tiles, use one `Predictor`.

    Parameters
    ----------
    model
        A network like `models.hovernet.HoVerNet`.
    image
        (H, W, 3) uint8 RGB.
    device
        See `Predictor`.

    Returns
    -------
    NetworkMaps
        Smaller than the image by ``model.margin_px`` on each side, centred.

    Raises
    ------
    ValueError
        See `Predictor` and its `predict`.
    """
    return Predictor(model, device).predict(image).maps


@dataclass(frozen=True, slots=True)
class _Half:
    """One half along one axis: the pixels of the image, the pixels of its maps that are kept, and where they go."""

    read: slice
    keep: slice
    write: slice


def _halve(length: int, side: int, margin: int) -> tuple[_Half, ...]:
    """Return two overlapping inputs of length `side` whose maps meet in the middle, or one if it covers the image."""
    out = length - 2 * margin
    if side >= length:
        return (_Half(slice(0, length), slice(0, out), slice(0, out)),)
    middle, start = out // 2, length - side
    return (
        _Half(slice(0, side), slice(0, middle), slice(0, middle)),
        _Half(slice(start, length), slice(middle - start, out - start), slice(middle, out)),
    )
