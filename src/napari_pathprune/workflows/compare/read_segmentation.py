"""Segmentations from files: result folders of `pathprune segment`, and label images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import tifffile
import zarr

from napari_pathprune.instances.export import read_parquet
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.workflows.compare.segmentation import Segmentation
from napari_pathprune.workflows.segment.result_files import FACTS, LABELS, RUN, TABLE

IMAGES: Final = (".npy", ".tif", ".tiff", ".png")


def read_segmentation(path: Path) -> Segmentation:
    """Read a segmentation; labels of a result folder are read when they are needed.

    Parameters
    ----------
    path
        A result folder of `pathprune segment`, or a label image of the whole slide in level-0 pixels: .npy, TIFF or
        16-bit PNG, one integer for each nucleus, 0 for the background.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If the folder is not a finished result, or the file is not a label image.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    return read_result_folder(path)[0] if path.is_dir() else _read_image(path)


def read_result_folder(folder: Path) -> tuple[Segmentation, InstanceTable]:
    """Read a result folder of `pathprune segment`: its nuclei, whose labels are read when needed, and their table.

    Raises
    ------
    ValueError
        If the folder is not a finished result, or damaged.
    """
    missing = [name for name in (RUN, TABLE, LABELS) if not (folder / name).exists()]
    if missing:
        raise ValueError(f"{folder} has no {missing[0]}; expected a finished result of pathprune segment")
    try:
        run: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
        y0, x0, y1, x1 = (int(side) for side in run["region_yxyx_px"])
        height, width = (int(side) for side in run["shape_px"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / RUN} is damaged ({error}); segment the slide again") from error
    try:
        table, mpp, type_names = read_parquet(folder / TABLE)
        labels = zarr.open_array(folder / LABELS / "0", mode="r")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder} is damaged ({error}); segment the slide again") from error
    facts = run[FACTS] if isinstance(run.get(FACTS), dict) else {}  # results of earlier versions lack it
    found = Segmentation(
        f"{run.get('model') or folder.name}",
        labels,
        (y0, x0, y1, x1),
        (height, width),
        ids=table.id.astype(np.int64),
        types=table.type.astype(np.int64),
        probabilities=table.type_probability.astype(np.float64),
        type_names=type_names,
        mpp=mpp,
        slide=str(run.get("slide") or ""),
        slide_path=Path(run["slide_path"]) if run.get("slide_path") else None,
        model=str(run.get("model") or ""),
        boxes=table.box,
        phases=facts["phases"] if isinstance(facts.get("phases"), int) else 1,
        fingerprint=str(facts.get("model") or ""),
    )
    return found, table


def _read_image(path: Path) -> Segmentation:
    suffix = path.suffix.lower()
    if suffix not in IMAGES:
        raise ValueError(f"{path}: expected a result folder of pathprune segment, or labels as {', '.join(IMAGES)}")
    labels = _load(path, suffix)
    if labels is None or labels.ndim != 2 or labels.dtype.kind not in "iu":
        got = "something else" if labels is None else f"shape {labels.shape} and type {labels.dtype}"
        raise ValueError(f"{path}: expected (H, W) integers with 0 as background, got {got}")
    shape = labels.shape[0], labels.shape[1]
    return Segmentation(path.stem, labels, (0, 0, *shape), shape)


def _load(path: Path, suffix: str) -> Any:  # noqa: ANN401 - any array
    try:
        if suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if suffix == ".png":
            return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        return tifffile.imread(path)
    except (ValueError, OSError, tifffile.TiffFileError, cv2.error) as error:
        raise ValueError(f"{path} cannot be read ({error}); get a fresh copy of it") from error
