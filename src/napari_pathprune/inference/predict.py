"""Tiles -> network maps: device, memory layout, and what to do when memory runs out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import torch

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.base.out_of_memory import is_out_of_memory
from napari_pathprune.inference.maps import NetworkMaps
from napari_pathprune.inference.memory import tile_px_for
from napari_pathprune.inference.tile_network import TileNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

__all__ = ["NetworkMaps", "Prediction", "Predictor", "TileNetwork", "device_named", "predict", "tile_px_for"]

_LOG = logging.getLogger(__name__)
_DEVICES: Final = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Maps of a tile, and how many pixels they lack of the image on each side."""

    maps: NetworkMaps
    margin_px: int


class Predictor:
    """A network on a device, ready for tiles of any size.

    The model is put into evaluation mode and moved to the device; its weights stay what they are. A tile that needs
    more memory than there is, is predicted in four overlapping quarters; if even small pieces need too much on a
    graphics card, the work goes on on the CPU. Both are logged, once, and remembered for the tiles to come.

    Parameters
    ----------
    model
        A network as `models.hovernet.HoVerNet`, with ``margin_px`` and ``nearest_sizes``.
    device
        ``"auto"`` (CUDA, else MPS, else CPU), ``"cpu"``, ``"cuda"`` (or ``"cuda:1"``), ``"mps"``.

    Raises
    ------
    ValueError
        If there is no such device, or the model does not tell its sizes.

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
        if not hasattr(model, "margin_px") or not hasattr(model, "nearest_sizes"):
            raise ValueError(
                f"got a {type(model).__name__}, which does not tell its sizes; a network for tiles has "
                "margin_px and nearest_sizes, as HoVerNet does"
            )
        self.device = device_named(device)
        self._module = model.eval()
        self._network = cast("TileNetwork", model)
        self._most_px: float = float("inf")  # inputs with more pixels than this have run out of memory
        self._move()

    @property
    def margin_px(self) -> int:
        """Pixels lost on each side between image and maps."""
        return int(self._network.margin_px)

    def read_px(self, memory_budget: int | None = None) -> int:
        """Side of the largest square image whose prediction fits into memory; see `tile_px_for`."""
        return tile_px_for(self._network, self.device, memory_budget)

    def predict(self, image: NDArray[np.uint8]) -> Prediction:
        """Predict one tile.

        Parameters
        ----------
        image
            (H, W, 3) uint8 RGB of any size with something left inside the margin; where it does not fit the network
            it is mirrored beyond its lower and right edge.

        Returns
        -------
        Prediction
            Maps of (H - 2 margin_px, W - 2 margin_px), centred.

        Raises
        ------
        ValueError
            If the image is not RGB uint8, or smaller than the margins.
        MemoryError
            If even small pieces do not fit into the computer's memory.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"an image is (H, W, 3) uint8 RGB; got {image.shape} {image.dtype}")
        height, width = (side - 2 * self.margin_px for side in image.shape[:2])
        if min(height, width) < 1:
            least = 2 * self.margin_px + 1
            raise ValueError(f"got an image of {image.shape[:2]} px; this network needs at least {least} x {least}")
        lacks = [self._network.nearest_sizes(side)[1] - side for side in image.shape[:2]]
        if any(lacks):
            image = np.pad(image, ((0, lacks[0]), (0, lacks[1]), (0, 0)), mode="symmetric")
        stack = self._stack(image)[:, :height, :width]
        types = np.ascontiguousarray(stack[3:]) if len(stack) > 3 else None
        return Prediction(NetworkMaps(stack[0], stack[1], stack[2], types), self.margin_px)

    def _stack(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the maps (3 + T, h, w) of an image that fits: nuclear, horizontal, vertical, types."""
        if image.shape[0] * image.shape[1] <= self._most_px:
            try:
                return self._run(image)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._make_room(image)
        corners = self._quarters(image)
        if corners is not None:
            return corners
        if self.device.type == "cpu":
            raise MemoryError(f"not enough memory for a tile of {image.shape[:2]} px; close other programs")
        _LOG.warning("the memory of %s is too small for this network; going on on the CPU", self.device)
        self.device, self._most_px = torch.device("cpu"), float("inf")
        self._move()
        return self._stack(image)

    def _run(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self.device)
            outputs = self._network(pixels.permute(2, 0, 1)[None].float())  # channels last as it is
            maps = [outputs["np"].softmax(1)[0, 1:2], outputs["hv"][0]]
            if "tp" in outputs:
                maps.append(outputs["tp"].softmax(1)[0])
            stack: NDArray[np.float32] = torch.cat(maps).float().contiguous().cpu().numpy()
        return stack

    def _quarters(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Give the maps from four overlapping quarters; None if the network takes nothing smaller."""
        shape = image.shape[0] - 2 * self.margin_px, image.shape[1] - 2 * self.margin_px
        sides = [self._network.nearest_sizes(-(-n // 2) + 2 * self.margin_px)[1] for n in shape]
        if all(side >= whole for side, whole in zip(sides, image.shape[:2], strict=True)):
            return None
        whole: NDArray[np.float32] | None = None
        for rows in _halves(image.shape[0], sides[0], self.margin_px):
            for columns in _halves(image.shape[1], sides[1], self.margin_px):
                part = self._stack(image[rows.read, columns.read])[:, rows.keep, columns.keep]
                if whole is None:
                    whole = np.empty((len(part), *shape), np.float32)
                whole[:, rows.write, columns.write] = part
        return whole

    def _make_room(self, image: NDArray[np.uint8]) -> None:
        height, width = image.shape[:2]
        if self._most_px == float("inf"):
            _LOG.warning(
                "not enough memory on %s for a tile of %d x %d px: predicting it in quarters",
                self.device,
                height,
                width,
            )
        self._most_px = min(self._most_px, height * width - 1)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _move(self) -> None:
        # on CPUs channels-last takes a third less time than the usual layout (width 0.25, 512 and 1024 px)
        self._module.to(self.device).to(memory_format=torch.channels_last)
        if self.device.type == "cpu":
            keep_freed_memory()


def predict(model: nn.Module, image: NDArray[np.uint8], device: str = "auto") -> NetworkMaps:
    """Predict one tile; for many, keep a `Predictor`.

    Parameters
    ----------
    model
        A network as `models.hovernet.HoVerNet`.
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
        As `Predictor` and its `predict`.
    """
    return Predictor(model, device).predict(image).maps


def device_named(name: str) -> torch.device:
    """Find a device by name; "auto" is the fastest there is.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, here in there.items() if here))
    kind, _, number = name.partition(":")
    if kind not in there or (number and not (kind == "cuda" and number.isdigit())):
        raise ValueError(f"got device {name!r}; choose one of {', '.join(_DEVICES)}")
    if not there[kind] or (number and int(number) >= torch.cuda.device_count()):
        here = ", ".join(kind for kind, is_here in there.items() if is_here)
        raise ValueError(f"this machine has no device {name!r}; choose auto or one of: {here}")
    return torch.device(name)


@dataclass(frozen=True, slots=True)
class _Half:
    """Along one axis: pixels of the image, those of its maps that are kept, and where these go."""

    read: slice
    keep: slice
    write: slice


def _halves(length: int, side: int, margin: int) -> tuple[_Half, ...]:
    """Two inputs of a length, at the start and at the end, whose maps meet in the middle; one if a side is all."""
    out = length - 2 * margin
    if side >= length:
        return (_Half(slice(0, length), slice(0, out), slice(0, out)),)
    middle, lacks = out // 2, length - side
    return (
        _Half(slice(0, side), slice(0, middle), slice(0, middle)),
        _Half(slice(lacks, length), slice(middle - lacks, out - lacks), slice(middle, out)),
    )
