"""Files of a labelled folder: pictures and their instance maps, whatever their endings."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from napari_pathprune.base.plain_text import get_plain_logger

PICTURES: Final = frozenset({".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"})
MAPS: Final = (".tif", ".tiff", ".png", ".npy")
"""Endings of instance maps, in the order in which they are looked for."""
MAP_FOLDERS: Final = ("labels", "masks", "label", "mask")
_LOG = get_plain_logger(__name__)


def find_folder(folder: Path, *names: str) -> Path:
    """Return a subfolder by any of its names, whatever their capitals; the first name if there is none."""
    found = {path.name.casefold(): path for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else {}
    exact = (folder / name for name in names if (folder / name).is_dir())
    return next(exact, next((found[name] for name in names if name in found), folder / names[0]))


def list_pictures(folder: Path) -> dict[str, Path]:
    """Return the pictures of a folder by name; a logged warning counts the files that are no pictures.

    Raises
    ------
    ValueError
        If two pictures have the same name.
    """
    found: dict[str, Path] = {}
    others = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix.lower() not in PICTURES or path.name.startswith("."):
            others += [] if path.name.startswith(".") else [path.name]
        elif path.stem in found:
            raise ValueError(f"{found[path.stem]} and {path.name} have the same name; remove one")
        else:
            found[path.stem] = path
    if others:
        _LOG.warning("%s has %d files that are not read, such as %s", folder, len(others), others[0])
    return dict(sorted(found.items()))


def find_map(folder: Path, name: str) -> Path:
    """Return the instance map of a picture; ``NAME.tif`` if there is none."""
    found = {path.suffix.lower(): path for path in folder.glob("*") if path.stem == name}
    return next((found[ending] for ending in MAPS if ending in found), folder / f"{name}.tif")


def read_map(path: Path, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Read an instance map, (H, W) int32.

    Raises
    ------
    ValueError
        If the file is missing, damaged, of another shape than its image, or not an instance map.
    """
    if not path.exists():
        raise ValueError(f"{path} is missing; every image needs an instance map of the same name")
    instances = _read_array(path)
    if instances.shape != shape:
        raise ValueError(f"{path} is {instances.shape}, but its image is {shape}")
    if instances.dtype.kind not in "iu":
        raise ValueError(f"{path} is {instances.dtype}; expected whole numbers; save it as uint16 or int32")
    lowest, highest, limit = instances.min(), instances.max(), np.iinfo(np.int32).max
    if not (lowest >= 0 and highest <= limit):
        raise ValueError(
            f"{path} has ids {lowest} to {highest}; expected 0 (background) to {limit}; number its nuclei from 1"
        )
    _check_instances(path, instances)
    return instances.astype(np.int32)


def _read_array(path: Path) -> NDArray[np.integer]:
    ending = path.suffix.lower()
    try:
        pixels: NDArray[np.integer] | None
        if ending == ".npy":
            pixels = np.load(path, allow_pickle=False)
        elif ending == ".png":
            pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        else:
            pixels = tifffile.imread(path)
    except Exception as error:  # damaged files raise different errors for each codec
        raise ValueError(f"{path} is not a readable {'NumPy file' if ending == '.npy' else 'TIFF'}: {error}") from error
    if pixels is None:
        raise ValueError(f"{path} is not a readable PNG")
    return pixels


def _check_instances(path: Path, instances: NDArray[np.integer]) -> None:
    """Raise if a map states where nuclei are, but not which pixels belong to which nucleus."""
    highest = int(instances.max())
    if not highest or ((instances != 0) & (instances != highest)).any():
        return
    pieces = ndimage.label(instances, np.ones((3, 3)))[1]
    if pieces > (1 if highest == 255 else 2):
        raise ValueError(
            f"{path} is a mask of 0 and {highest} with {pieces} separate areas, not an instance map; give each nucleus "
            "a number of its own, for instance with skimage.measure.label"
        )
