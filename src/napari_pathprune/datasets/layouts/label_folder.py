"""The project's own layout: folders of pictures, label maps and tables of classes, side by side."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.datasets.image_selection import ImageSelection
from napari_pathprune.datasets.layouts.project_regions import Part, read_regions, select_regions
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE, ClassNames, find_type, normalise_name, number_types


def read_label_folder(folder: Path, selection: ImageSelection) -> list[AnnotatedImage]:
    """Read ``images/*.png``, ``labels/*.tif`` and ``classes/*.csv``; see `datasets.read_images.read_images`.

    If the folder is an annotation project (``regions/*.json``), the latest revisions of the selected part are read.
    """
    paths = {path.stem: path for path in sorted((folder / "images").glob("*.png"))}
    if not paths:
        found = "there are no images in" if folder.is_dir() else "there is no folder"
        raise ValueError(f"{found} {folder}; expected a folder with images/*.png and labels/*.tif")
    paths = _select_part(folder, paths, selection.part)

    def read(name: str) -> AnnotatedImage:
        pixels = read_rgb(paths[name])
        instances = _read_labels(folder / "labels" / f"{name}.tif", pixels.shape[:2])
        table = folder / "classes" / f"{name}.csv"
        return AnnotatedImage(name, pixels, instances, _read_types(table, selection.type_names, int(instances.max())))

    return selection.read(folder, list(paths), read)


def read_label_folder_classes(folder: Path) -> tuple[ClassNames, ...]:
    """Return the names of the classes in the tables, ordered by class id; two spellings of a name count as one."""
    found: dict[str, int] = {}
    for path in sorted((folder / "classes").glob("*.csv")):
        for row in _rows(path, "label, class_id, class_name"):
            try:
                found |= {row["class_name"]: int(row["class_id"])} if row["class_name"] else {}
            except (KeyError, TypeError, ValueError) as error:
                raise _table_error(path, "label, class_id, class_name") from error
    spellings: dict[str, str] = {"background": ""}
    for name in sorted(found, key=lambda name: found[name]):
        spellings.setdefault(normalise_name(name), name)
    return tuple((name,) for name in spellings.values() if name)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read a picture as (H, W, 3) uint8, RGB; raise a ValueError if it is not readable."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if pixels is None:
        raise ValueError(f"{path} is not a readable image; replace it or remove it")
    rgb: NDArray[np.uint8] = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return rgb


def _select_part(folder: Path, paths: dict[str, Path], part: Part | None) -> dict[str, Path]:
    """Return the images of a part of a project; all images of a folder that is not a project."""
    records = read_regions(folder)
    if not records:
        return paths
    names = {record.name for record in select_regions(records, part)}
    selected = {name: path for name, path in paths.items() if name in names}
    if not selected:
        raise ValueError(f"{folder} has no regions to {part or 'read'}; commit one as {part or 'train or test'} first")
    return selected


def _read_labels(path: Path, shape: tuple[int, ...]) -> NDArray[np.int32]:
    if not path.exists():
        raise ValueError(f"{path} is missing; every image needs an instance map of the same name")
    try:
        instances: NDArray[np.integer] = tifffile.imread(path)
    except Exception as error:  # damaged TIFFs raise different errors for each codec
        raise ValueError(f"{path} is not a readable TIFF: {error}") from error
    if instances.shape != shape:
        raise ValueError(f"{path} is {instances.shape}, but its image is {shape}")
    if instances.dtype.kind not in "iu":
        raise ValueError(f"{path} is {instances.dtype}; expected whole numbers; save it as uint16 or int32")
    lowest, highest, limit = instances.min(), instances.max(), np.iinfo(np.int32).max
    if not (lowest >= 0 and highest <= limit):
        raise ValueError(
            f"{path} has ids {lowest} to {highest}; expected 0 (background) to {limit}; number its nuclei from 1"
        )
    return instances.astype(np.int32)


def _read_types(path: Path, type_names: Sequence[str], ids: int) -> NDArray[np.int64] | None:
    """Read the type of every instance id; None if there are nuclei but none has a known type."""
    if not path.exists() or not type_names:
        return None
    types = np.full(ids + 1, UNKNOWN_TYPE, np.int64)
    types[0] = 0
    numbers = number_types(type_names)
    for row in _rows(path, "label, class_name"):
        try:
            label, name = int(row["label"]), row["class_name"]
        except (KeyError, TypeError, ValueError) as error:
            raise _table_error(path, "label, class_name") from error
        if not 0 < label <= ids:
            raise ValueError(f"{path} gives nucleus {label} a class, but its label map has the ids 1 to {ids}")
        types[label] = find_type((name or "",), numbers)
    return types if ids == 0 or (types > 0).any() else None


def _rows(path: Path, columns: str) -> Iterator[Mapping[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        try:
            rows = list(csv.DictReader(file))
        except (csv.Error, UnicodeDecodeError) as error:
            raise _table_error(path, columns) from error
    yield from rows


def _table_error(path: Path, columns: str) -> ValueError:
    return ValueError(f"{path} is not a table of classes; expected columns {columns}")
