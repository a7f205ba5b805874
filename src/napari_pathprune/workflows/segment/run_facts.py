"""What a segmentation depends on, and the checks that come before its first tile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from napari_pathprune.base.box import Box
from napari_pathprune.base.ledger import check_unchanged
from napari_pathprune.base.output_path import check_output_folder
from napari_pathprune.inference.postprocess import Scaling
from napari_pathprune.instances.label_pyramid import check_replaceable
from napari_pathprune.slides.reader import Slide
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.segment.result_files import FACTS, LABELS, OUTLINES, RUN, TABLE

METHOD: Final = 5
"""Raised whenever the same slide and model give other nuclei, so that versions are not mixed."""
EARLIER: Final[Mapping[str, Any]] = MappingProxyType({"phases": 1})
"""Facts that runs of earlier versions do not state, since there was no choice."""
SAMPLES: Final = 4
"""Pixels are compared in this number of places along each side of the slide."""
SAMPLE_PX: Final = 32


def collect_facts(
    slide: Slide,
    checkpoint: Checkpoint,
    *,
    region: Box | None,
    tissue_only: bool,
    scaling: Scaling,
    phases: int = 1,
) -> dict[str, Any]:
    """Return all that the nuclei of a run depend on, as JSON values.

    Parameters
    ----------
    slide, checkpoint
        The slide and the model.
    region, tissue_only, scaling, phases
        See `segment`.
    """
    file = None if slide.path is None else slide.path.stat()
    return {
        "scaling": scaling,  # first: runs of versions without it found other nuclei
        "method": METHOD,
        "slide": f"{slide.name} {list(slide.shape)}",
        "slide_bytes": None if file is None else file.st_size,
        "slide_mpp": None if slide.mpp is None else list(slide.mpp),
        "slide_pixels": _hash_pixels(slide),
        "slide_modified": None if file is None else file.st_mtime_ns,
        "region": None if region is None else list(region),
        "model": checkpoint.fingerprint(),
        "model_mpp": checkpoint.mpp,
        "model_types": list(checkpoint.type_names),
        "model_config": {"architecture": checkpoint.architecture, **checkpoint.config},
        "tissue_only": tissue_only,
        "phases": phases,
    }


def check_run(slide: Slide, checkpoint: Checkpoint, folder: Path, *, model_name: str, region: Box | None) -> float:
    """Check what can be checked before the first tile, and return the model's pixel size in um.

    Parameters
    ----------
    slide, checkpoint, region
        See `segment`.
    folder
        The result folder; nothing is created.
    model_name
        Name of the model, for messages.

    Raises
    ------
    ValueError
        If the pixel size of the slide or of the model is unknown, the region lies outside the slide, or the folder
        holds something that a result must not replace.
    OSError
        If the folder cannot be written.
    """
    if checkpoint.mpp is None:
        raise ValueError(f"{model_name} does not state the pixel size that it expects; add mpp to its file")
    height, width = slide.shape
    y0, x0, y1, x1 = region or (0, 0, height, width)
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise ValueError(f"the region {(y0, x0, y1, x1)} is not inside the slide, which is {height} x {width} px")
    slide.at(checkpoint.mpp)
    check_output_folder(folder)
    check_replaceable(folder / LABELS)
    for name in (TABLE, OUTLINES, RUN):
        if (folder / name).is_dir():
            raise IsADirectoryError(21, "Is a directory", str(folder / name))
    return checkpoint.mpp


def read_finished(folder: Path, facts: dict[str, Any]) -> dict[str, Any] | None:
    """Return the record of a finished run with the same facts, or None if there is none.

    A record of an earlier version, which lacks the facts, does not count.

    Raises
    ------
    ValueError
        If the folder holds the finished result of a run with other facts.
    """
    if not all((folder / name).exists() for name in (LABELS, TABLE, OUTLINES, RUN)):
        return None
    try:
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
        before = run[FACTS]
        run["tiles"], run["nuclei"], run["seconds"], run["megapixels"], run["region_yxyx_px"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(before, dict):
        return None
    check_unchanged({**EARLIER, **before}, facts, folder, "start again without resuming, which replaces the result")
    record: dict[str, Any] = run
    return record


def _hash_pixels(slide: Slide) -> str | None:
    """Return a hash of small samples of level 0 from all over the slide; None if they cannot be read."""
    digest = blake2b(digest_size=8)
    try:
        for box in _sample_boxes(slide.shape):
            digest.update(np.ascontiguousarray(slide.read(box)).tobytes())
    except (OSError, ValueError):  # damaged places are dealt with when they are segmented
        return None
    return digest.hexdigest()


def _sample_boxes(shape: tuple[int, int]) -> Iterator[Box]:
    starts = (np.linspace(0, max(side - SAMPLE_PX, 0), SAMPLES + 1).astype(int).tolist() for side in shape)
    for y, x in product(*starts):
        yield y, x, min(y + SAMPLE_PX, shape[0]), min(x + SAMPLE_PX, shape[1])
