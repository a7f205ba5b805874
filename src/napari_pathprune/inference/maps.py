"""The output of a network for one tile, as numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class NetworkMaps:
    """The maps of HoVer-Net for one tile (doi:10.1016/j.media.2019.101563, section 3.1).

    Parameters
    ----------
    nuclear
        (H, W) float32, probability of a nuclear pixel, 0 to 1.
    horizontal, vertical
        (H, W) float32, distance to the centre of mass of the pixel's nucleus, -1 (left, top) to 1 (right, bottom).
    types
        (T, H, W) float32, probabilities of the types, background first; None from an untyped network.

    Raises
    ------
    ValueError
        If the maps differ in height or width.

    Examples
    --------
    >>> import numpy as np
    >>> flat = np.zeros((20, 30), np.float32)
    >>> NetworkMaps(flat, flat, flat).shape
    (20, 30)
    """

    nuclear: NDArray[np.float32]
    horizontal: NDArray[np.float32]
    vertical: NDArray[np.float32]
    types: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        shapes = [self.nuclear.shape, self.horizontal.shape, self.vertical.shape]
        if self.types is not None:
            shapes.append(self.types.shape[1:])
        if self.nuclear.ndim != 2 or len(set(shapes)) > 1:
            raise ValueError(f"got maps of shapes {shapes}; expected one shape (H, W) for all, and types (T, H, W)")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.nuclear.shape
        return height, width
