"""An OME-Zarr label pyramid, written tile by tile."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from napari_pathprune.base.atomic import explain_full_disk
from napari_pathprune.base.box import Box
from napari_pathprune.instances.palette import names_by_number, type_colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.instances.table import InstanceTable


CHUNK_PX: Final = 1024
OVERVIEW_PX: Final = 1024
"""Levels are halved until their longer side is at most this."""
_NUCLEI_IN_METADATA: Final = 5000
"""Largest number of nuclei that are listed with their colours in the metadata, which viewers read at once."""


class LabelsWriter:
    """Write the instance map of a slide as OME-Zarr 0.5 labels, int32, 0 background, in chunks of 1024 px.

    The pyramid is written to a new hidden folder beside ``path``, which `close` renames. In a `with` statement it is
    removed if there is an error. Chunks without a nucleus are not stored, and no level is held in memory as a whole.

    Parameters
    ----------
    path
        Path of the new folder, such as ``labels.ome.zarr``. An older label pyramid is replaced at the end.
    shape
        (H, W) of the slide's level 0.
    mpp
        Micrometres per level-0 pixel (y, x), or None if unknown.

    Raises
    ------
    ValueError
        If ``path`` is a link, or exists and is not a label pyramid of this package, or the slide has no pixels.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with LabelsWriter(f"{folder}/labels.ome.zarr", (3000, 2000), (0.25, 0.25)) as writer:
    ...         writer.paint((10, 20, 12, 22), np.full((2, 2), 7))
    ...     pyramid = zarr.open_group(f"{folder}/labels.ome.zarr", mode="r")
    ...     [pyramid[name].shape for name in sorted(pyramid)], int(pyramid["0"][11, 21])
    ([(3000, 2000), (1500, 1000), (750, 500)], 7)
    """

    def __init__(self, path: str | Path, shape: tuple[int, int], mpp: tuple[float, float] | None) -> None:
        self.path = Path(path)
        self.shape = (int(shape[0]), int(shape[1]))
        self.mpp = mpp
        self._nuclei_metadata: dict[str, Any] = {}
        if min(self.shape) < 1:
            raise ValueError(f"got a slide of {self.shape} pixels; expected at least one")
        check_replaceable(self.path)
        with explain_full_disk(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.partial = _create_beside(self.path)
            self._group = zarr.open_group(self.partial, mode="w", zarr_format=3)
            self._labels = self._create_level(0)

    def paint(self, box: Box, labels: NDArray[Any]) -> None:
        """Write the nuclei of a tile to pixels without a nucleus: ``target = where(target == 0, labels, target)``.

        Parameters
        ----------
        box
            (y0, x0, y1, x1) in level-0 pixels; labels outside the slide are left out.
        labels
            (y1 - y0, x1 - x0) integers, 0 without a nucleus of this tile.

        Raises
        ------
        ValueError
            If the labels have another shape than the box.
        OSError
            If the disk is full.
        """
        y0, x0, y1, x1 = box
        if labels.shape != (y1 - y0, x1 - x0):
            raise ValueError(
                f"got labels of shape {labels.shape} for the box {(y0, x0, y1, x1)}; expected the shape of the box"
            )
        inside = _intersect(box, (0, 0, *self.shape))
        with explain_full_disk(self.path):
            for chunk in _split_chunks(inside, self.shape):
                top, left, bottom, right = _intersect(chunk, inside)
                new = labels[top - y0 : bottom - y0, left - x0 : right - x0]
                if not new.any():
                    continue
                whole = _to_slices(chunk)
                stored: NDArray[np.int32] = np.asarray(self._labels[whole])
                part = stored[top - chunk[0] : bottom - chunk[0], left - chunk[1] : right - chunk[1]]
                np.copyto(part, new, where=part == 0, casting="same_kind")
                self._labels[whole] = stored

    def describe(self, table: InstanceTable, type_names: Sequence[str]) -> None:
        """List the type and the colour of each nucleus in the metadata, if there are at most 5000.

        Parameters
        ----------
        table
            The nuclei that were painted.
        type_names
            Names of the types by number, background first; empty for an untyped model.
        """
        self._nuclei_metadata = {}
        if not len(table) or len(table) > _NUCLEI_IN_METADATA:
            return
        names, colours = names_by_number(type_names), type_colours(type_names)
        pairs = list(zip(table.id.tolist(), table.type.tolist(), strict=True))
        self._nuclei_metadata["properties"] = [{"label-value": id_, "type": names[kind]} for id_, kind in pairs]
        self._nuclei_metadata["colors"] = [{"label-value": id_, "rgba": [*colours[kind], 255]} for id_, kind in pairs]

    def close(self) -> None:
        """Write the coarser levels and rename the folder to ``path``.

        Raises
        ------
        OSError
            If the disk is full.
        """
        with explain_full_disk(self.path):
            levels = 1 + max(0, int(np.ceil(np.log2(max(self.shape) / OVERVIEW_PX))))
            fine = self._labels
            for level in range(1, levels):
                coarse = self._create_level(level)
                for chunk in _split_chunks((0, 0, *coarse.shape), coarse.shape):
                    y0, x0, y1, x1 = chunk
                    # sampling keeps the share of nuclear pixels
                    nuclei = np.asarray(fine[2 * y0 : 2 * y1, 2 * x0 : 2 * x1])[::2, ::2]
                    if nuclei.any():
                        coarse[_to_slices(chunk)] = nuclei
                fine = coarse
            self._group.attrs["ome"] = self._build_metadata(levels)
            check_replaceable(self.path)  # it may be another one than at the start
            older = _create_beside(self.path)
            try:
                if self.path.exists():
                    self.path.rename(older)  # an empty folder may be replaced by a folder
                self.partial.rename(self.path)
            finally:
                shutil.rmtree(older, ignore_errors=True)

    def discard(self) -> None:
        """Remove the labels painted so far."""
        shutil.rmtree(self.partial, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.close()
        finally:
            self.discard()

    def _create_level(self, level: int) -> zarr.Array[Any]:
        shape = tuple(-(-side // 2**level) for side in self.shape)
        return self._group.create_array(
            str(level),
            shape=shape,
            dtype="int32",
            chunks=tuple(min(CHUNK_PX, side) for side in shape),
            fill_value=0,
            compressors=BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"),
            dimension_names=("y", "x"),
            config={"write_empty_chunks": False},
            overwrite=True,
        )

    def _build_metadata(self, levels: int) -> dict[str, Any]:
        unit = {} if self.mpp is None else {"unit": "micrometer"}
        scale_y, scale_x = self.mpp or (1.0, 1.0)
        return {
            "version": "0.5",
            "multiscales": [
                {
                    "name": "nuclei",
                    "axes": [{"name": name, "type": "space", **unit} for name in ("y", "x")],
                    "datasets": [
                        {
                            "path": str(level),
                            "coordinateTransformations": [
                                {"type": "scale", "scale": [scale_y * 2**level, scale_x * 2**level]}
                            ],
                        }
                        for level in range(levels)
                    ],
                    "type": "nearest",
                }
            ],
            "image-label": {"version": "0.5", **self._nuclei_metadata},
        }


def check_replaceable(path: Path) -> None:
    """Raise if a path holds something else than a label pyramid that `LabelsWriter` has written.

    Raises
    ------
    ValueError
        If it is a link, or is not a label pyramid of this package, or has other files in it.
    """
    if path.is_symlink():
        raise ValueError(f"{path} is a link, and nothing is written through links; choose another name or remove it")
    if path.exists() and not _is_own(path):
        raise ValueError(f"{path} exists and is not a label pyramid of this package; choose another name or remove it")


def remove_leftovers(path: Path) -> None:
    """Remove the unfinished pyramids that killed runs left beside a path; only call it while no other run writes it."""
    if not path.parent.is_dir():
        return
    for other in path.parent.iterdir():
        if not other.name.startswith(f".{path.name}.") or not other.name.endswith((".part", ".old")):
            continue
        if other.is_dir() and not other.is_symlink() and _has_only_levels(other):
            shutil.rmtree(other, ignore_errors=True)


def _is_own(path: Path) -> bool:
    try:
        found = json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]["ome"]
        return "image-label" in found and found["multiscales"][0]["name"] == "nuclei" and _has_only_levels(path)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return False


def _has_only_levels(path: Path) -> bool:
    names = [entry.name for entry in path.iterdir()]
    return all(name == "zarr.json" or (name.isdecimal() and (path / name).is_dir()) for name in names)


def _create_beside(path: Path) -> Path:
    """Create an empty folder with a new name beside a path, with the permissions that a new folder has there."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent))
    if os.name == "posix":
        mask = os.umask(0o077)
        os.umask(mask)
        folder.chmod(0o777 & ~mask)
    return folder


def _split_chunks(box: Box, shape: tuple[int, ...]) -> Iterator[Box]:
    """Yield the boxes of the chunks that a box touches, clipped to the level."""
    y0, x0, y1, x1 = box
    if y1 <= y0 or x1 <= x0:
        return
    rows = range(y0 // CHUNK_PX * CHUNK_PX, y1, CHUNK_PX)
    columns = range(x0 // CHUNK_PX * CHUNK_PX, x1, CHUNK_PX)
    for top, left in product(rows, columns):
        yield top, left, min(top + CHUNK_PX, shape[0]), min(left + CHUNK_PX, shape[1])


def _intersect(a: Box, b: Box) -> Box:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _to_slices(box: Box) -> tuple[slice, slice]:
    return slice(box[0], box[2]), slice(box[1], box[3])


def open_levels(path: str | Path) -> list[zarr.Array[Any]]:
    """Return the levels of a label pyramid, finest first; pixels are read when they are sliced.

    Parameters
    ----------
    path
        Folder that `LabelsWriter` has written.

    Raises
    ------
    FileNotFoundError
        If there is no pyramid.
    """
    group = zarr.open_group(path, mode="r")
    return [group[name] for name in sorted(group.array_keys(), key=int)]
