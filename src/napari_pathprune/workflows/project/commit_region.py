"""Adding an annotated region to a project."""

from __future__ import annotations

import csv
import getpass
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import cv2
import numpy as np
import tifffile

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.box import Box, check_box, clip_box
from napari_pathprune.datasets.layouts.project_regions import Part, RegionRecord, find_test_region
from napari_pathprune.instances.numbering import renumber
from napari_pathprune.workflows.project.project import Project

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.slides.slide import Slide
    from napari_pathprune.slides.view import View


def commit_region(
    project: Project,
    slide: Slide,
    box: Box,
    labels: NDArray[Any],
    types: Mapping[int, int],
    type_names: Sequence[str],
    *,
    part: Part = "train",
    author: str | None = None,
    model: str = "",
) -> RegionRecord:
    """Store an annotated region of a slide as an image, an instance map and a table of classes.

    Image and labels are resampled to the pixel size of the project. Nothing is overwritten: a region that is committed
    again becomes a new revision. The record in ``regions/`` is written last; files without a record do not count.

    Parameters
    ----------
    project
        The project that receives the region.
    slide
        The slide, with a known pixel size.
    box
        (y0, x0, y1, x1) in level-0 pixels, within the slide.
    labels
        (y1 - y0, x1 - x0) integers, instance map of the box in level-0 pixels; 0 is background.
    types
        Type of each instance id, as an index of ``type_names``. Ids that are missing or 0 have no known type.
    type_names
        Names of the types, background first; empty if nuclei have no types.
    part
        ``"train"`` if the region may teach, ``"test"`` if models are tested on it.
    author
        Who annotated the region; by default the name of the user's account.
    model
        Name of the model whose nuclei were corrected.

    Returns
    -------
    RegionRecord
        What was stored.

    Raises
    ------
    ValueError
        If the region would teach although it overlaps a region that is or once was a test region; if it does not fit
        the slide or the labels; or if the pixel size of the slide is unknown.
    OSError
        If a file cannot be written.
    """
    box = check_box(box)
    if part not in get_args(Part):
        raise ValueError(f"got part={part!r}; expected 'train' or 'test'")
    if box != clip_box(box, slide.shape) or labels.shape != (box[2] - box[0], box[3] - box[1]):
        raise ValueError(
            f"got the region {box} and labels of shape {labels.shape} on a slide of {slide.shape}; expected a region "
            "within the slide, and labels of its shape"
        )
    view = slide.at(project.mpp)
    assert slide.mpp is not None
    path = "" if slide.path is None else str(Path(slide.path).absolute())
    author = _find_user() if author is None else author
    draft = RegionRecord("", slide.name, path, box, slide.mpp, project.mpp, part, 1, author, _format_now(), model)
    records = project.regions()
    test = find_test_region(draft, records) if part == "train" else None
    if test is not None:
        raise ValueError(
            f"this region overlaps the test region {test.name}, so it must not teach; commit it as test, or choose "
            "another region"
        )
    inside = _scale_inwards(box, view)
    pixels = view.read(inside)
    ids, instances = renumber(_resample_labels(labels, box, inside, view))
    revision = 1 + max((record.revision for record in records if record.is_same_place(draft)), default=0)
    with _reserve_name(project.folder, draft, revision) as named:
        record = replace(named, nuclei=len(ids))
        rows = _list_classes(ids, types, type_names)
        _write_files(project.folder, record, pixels, instances, rows)
    return record


def _find_user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # an account without a name, as in some containers
        return ""


def _format_now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _scale_inwards(box: Box, view: View) -> Box:
    """Return the pixels of a view that lie wholly in a box of level-0 pixels."""
    slack = 1e-6
    (y0, x0, y1, x1), (sy, sx) = box, view.scale
    inside = (
        math.ceil(y0 * sy - slack),
        math.ceil(x0 * sx - slack),
        math.floor(y1 * sy + slack),
        math.floor(x1 * sx + slack),
    )
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        raise ValueError(f"the region {box} has no pixel at {view.mpp:g} um/px; choose a larger one")
    return inside


def _resample_labels(labels: NDArray[Any], box: Box, inside: Box, view: View) -> NDArray[Any]:
    """Return the labels at the centres of the pixels of a view."""
    starts, ends = np.array(inside[:2]), np.array(inside[2:])
    rows, columns = (
        np.floor((np.arange(start, end) + 0.5) / scale).astype(int) - origin
        for start, end, scale, origin in zip(starts, ends, view.scale, box[:2], strict=True)
    )
    sampled: NDArray[Any] = labels[np.ix_(rows.clip(0, len(labels) - 1), columns.clip(0, labels.shape[1] - 1))]
    return sampled


def _list_classes(ids: NDArray[Any], types: Mapping[int, int], type_names: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return label, class id and class name of each nucleus; the name is empty if the type is not known."""
    kinds = [types.get(number, 0) for number in ids.tolist()]
    known = [kind if 0 < kind < len(type_names) else 0 for kind in kinds]
    return [(label, kind, type_names[kind] if kind else "") for label, kind in enumerate(known, 1)]


@contextmanager
def _reserve_name(folder: Path, draft: RegionRecord, revision: int) -> Iterator[RegionRecord]:
    """Yield the record with a name that no file of the project has, and that no other process can get meanwhile."""
    stem = re.sub(r"[^\w-]+", "_", draft.slide).strip("_") or "slide"
    place = "_".join(map(str, draft.box))
    while True:
        name = f"{stem}_{place}_r{revision}"
        reserved = folder / "regions" / f".{name}.reserved"
        reserved.parent.mkdir(parents=True, exist_ok=True)
        try:
            reserved.mkdir()
        except FileExistsError:  # in use by another process, or left by one that was killed
            revision += 1
            continue
        try:
            if any(path.exists() for path in _list_paths(folder, name)):
                revision += 1
                continue
            yield replace(draft, name=name, revision=revision)
            return
        finally:
            reserved.rmdir()


def _list_paths(folder: Path, name: str) -> tuple[Path, Path, Path, Path]:
    """Return the paths of image, labels, classes and record."""
    kinds = (("images", "png"), ("labels", "tif"), ("classes", "csv"), ("regions", "json"))
    image, labels, classes, record = (folder / kind / f"{name}.{suffix}" for kind, suffix in kinds)
    return image, labels, classes, record


def _write_files(
    folder: Path,
    record: RegionRecord,
    pixels: NDArray[np.uint8],
    instances: NDArray[Any],
    rows: list[tuple[int, int, str]],
) -> None:
    """Write the four files of a region, its record last; leave nothing behind if one cannot be written."""
    paths = image, labels, classes, about = _list_paths(folder, record.name)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with write_atomically(labels) as part:
            dtype = np.uint16 if len(rows) < 2**16 else np.int32
            tifffile.imwrite(part, instances.astype(dtype), compression="zlib")
        with write_atomically(classes) as part, part.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("label", "class_id", "class_name"), *rows])
        with write_atomically(image) as part:
            _, code = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
            part.write_bytes(code.tobytes())
        with write_atomically(about) as part:
            part.write_text(json.dumps(record.to_json(), indent=2), encoding="utf-8")
    except BaseException:
        if not about.exists():
            for path in (image, labels, classes):
                path.unlink(missing_ok=True)
        raise
