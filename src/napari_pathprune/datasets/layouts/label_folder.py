"""The project's own layout: folders of pictures, label maps and tables of classes, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.datasets.image_selection import ImageSelection
from napari_pathprune.datasets.layouts.class_table import parse_number, read_class_table
from napari_pathprune.datasets.layouts.label_files import MAP_FOLDERS, find_folder, find_map, list_pictures, read_map
from napari_pathprune.datasets.layouts.project_regions import Part, read_regions, select_regions
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE, ClassNames, find_type, normalise_name, number_types


def read_label_folder(folder: Path, selection: ImageSelection) -> list[AnnotatedImage]:
    """Read ``images/*.png``, ``labels/*.tif`` and ``classes/*.csv``; see `datasets.read_images.read_images`.

    Pictures may also be TIFF, JPEG or BMP; instance maps PNG or NumPy files, in a folder ``labels`` or ``masks``.

    If the folder is an annotation project (``regions/*.json``), the latest revisions of the selected part are read.
    """
    maps = find_folder(folder, *MAP_FOLDERS)
    tables = find_folder(folder, "classes")
    paths = list_pictures(find_folder(folder, "images"))
    if not paths:
        found = "there are no images in" if folder.is_dir() else "there is no folder"
        raise ValueError(f"{found} {folder}; expected a folder with images/*.png and labels/*.tif")
    paths = _select_part(folder, paths, selection.part)

    def read(name: str) -> AnnotatedImage:
        pixels = read_rgb(paths[name])
        instances = read_map(find_map(maps, name), pixels.shape[:2])
        table = tables / f"{name}.csv"
        return AnnotatedImage(name, pixels, instances, _read_types(table, selection.type_names, int(instances.max())))

    return selection.read(folder, list(paths), read)


def read_label_folder_classes(folder: Path) -> tuple[ClassNames, ...]:
    """Return the names of the classes in the tables, ordered by class id; two spellings of a name count as one."""
    found: dict[str, int] = {}
    columns = ("label", "class_id", "class_name")
    for path in sorted(find_folder(folder, "classes").glob("*.csv")):
        for row in read_class_table(path, columns):
            if row.get("class_name"):
                found[row["class_name"]] = parse_number(path, columns, row, "class_id")
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


def _read_types(path: Path, type_names: Sequence[str], ids: int) -> NDArray[np.int64] | None:
    """Read the type of every instance id; None if there are nuclei but none has a known type."""
    if not path.exists() or not type_names:
        return None
    types = np.full(ids + 1, UNKNOWN_TYPE, np.int64)
    types[0] = 0
    numbers = number_types(type_names)
    columns = ("label", "class_name")
    for row in read_class_table(path, columns):
        label, name = parse_number(path, columns, row, "label"), row.get("class_name")
        if not 0 < label <= ids:
            raise ValueError(f"{path} gives nucleus {label} a class, but its label map has the ids 1 to {ids}")
        types[label] = find_type((name or "",), numbers)
    return types if ids == 0 or (types > 0).any() else None
