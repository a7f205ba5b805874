"""Comparison of a model with itself on shifted images, which no other model can be expected to agree with better."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_pathprune.base.event import QuietEvent
from napari_pathprune.base.score_names import UNKNOWN, format_score
from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.inference.phases import check_phases
from napari_pathprune.instances.image_scores import ImageScores, score_image
from napari_pathprune.instances.set_scores import SetScores
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.evaluate.ceiling import Ceiling
from napari_pathprune.workflows.evaluate.evaluate import DEFAULT_MPP, predict_typed_instances
from napari_pathprune.workflows.evaluate.shift_pictures import Picture, list_pictures
from napari_pathprune.workflows.evaluate.validation import compute_type_agreement
from napari_pathprune.workflows.unlabelled.slide_windows import summarise_windows

SHIFT_PX: Final = 5
"""Largest shift, unless another one is asked for."""
MOST_SHIFT_PX: Final = 7
"""Largest shift of a network without a stride, whose maps should not change at all."""
EDGE_PX: Final = 32
"""Not compared along the upper and left edges, where the mirrored image differs between a picture and a shifted one."""
COLUMNS: Final = ("model", "images", "shifts (px)", "PQ", "F1", "Dice", "type agreement", "seconds")


@dataclass(frozen=True, slots=True)
class ImageShifted(QuietEvent):
    """A model was compared with itself on an image and one shift of it.

    Attributes
    ----------
    model, image
        Their names.
    shift
        (y, x) in pixels.
    pq
        PQ of this comparison; NaN where nothing was found.
    done, total
        Numbers of comparisons.
    """

    model: str
    image: str
    shift: tuple[int, int]
    pq: float
    done: int
    total: int

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        y, x = self.shift
        return f"{self.model} on {self.image}, shifted by {y}, {x} px: PQ {format_score(self.pq)}"


@dataclass(frozen=True, slots=True)
class CeilingMeasured(QuietEvent):
    """A model was compared with itself on all images.

    Attributes
    ----------
    ceiling
        The scores.
    images
        Number of images on which it found nuclei.
    shifts
        The shifts (y, x), in pixels.
    seconds
        Time of the measurement.
    done, total
        Numbers of comparisons.
    """

    ceiling: Ceiling
    images: int
    shifts: tuple[tuple[int, int], ...]
    seconds: float
    done: int
    total: int

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return self.ceiling.line

    def row(self) -> tuple[str, ...]:
        """Return the cells of a table row, in the order of `COLUMNS`."""
        scores = [self.ceiling.scores.get(key) for key in ("pq", "f1", "dice", "type_agreement")]
        shown = [UNKNOWN if value is None else format_score(value) for value in scores]
        reach = f"1 to {self.ceiling.shift_px}" if self.ceiling.shift_px > 1 else "1"
        return (self.ceiling.model, str(self.images), reach, *shown, f"{self.seconds:.0f}")

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        shifts = [list(shift) for shift in self.shifts]
        return {**self.ceiling.to_dict(), "images": self.images, "shifts_px": shifts, "seconds": round(self.seconds, 1)}


def measure_ceilings(
    models: Sequence[str],
    data: Path | None = None,
    *,
    shift_px: int = SHIFT_PX,
    only: Sequence[str] = (),
    zoom: float = 1.0,
    device: str = "auto",
    phases: int = 1,
) -> Iterator[ImageShifted | CeilingMeasured]:
    """Compare models with themselves on images that are shifted by a few pixels, less than the network's stride.

    Parameters
    ----------
    models
        Files or names of packaged models.
    data, only, zoom
        The images; see `shift_pictures.list_pictures`. No annotation is needed, and none is used.
    shift_px
        Largest shift; see `list_shifts`.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    phases
        Number of shifts that the maps are averaged over, 1 or 4; see `inference.phases.list_phases`.

    Yields
    ------
    ImageShifted, CeilingMeasured
        After each shift of each image, and after the last one of each model.

    Raises
    ------
    ValueError
        If a model or the data cannot be read, the shift is not below the stride, or no nuclei are found.
    MemoryError
        If memory runs out.
    """
    check_phases(phases)
    loaded = {name: load(name) for name in models}
    built = {name: checkpoint.model() for name, checkpoint in loaded.items()}
    for name, model in built.items():
        check_shift(shift_px, int(getattr(model, "stride_px", 1)), name)
    for name, model in built.items():
        pictures = list_pictures(data, loaded[name].mpp or DEFAULT_MPP, only=only, zoom=zoom)
        where = _describe_pictures(pictures, data)
        yield from compare_with_itself(
            model, loaded[name], pictures, name=name, where=where, shift_px=shift_px, device=device, phases=phases
        )


def compare_with_itself(
    model: nn.Module,
    checkpoint: Checkpoint,
    pictures: Sequence[Picture],
    *,
    name: str,
    where: str,
    shift_px: int = SHIFT_PX,
    device: str = "auto",
    phases: int = 1,
) -> Iterator[ImageShifted | CeilingMeasured]:
    """Compare a model with itself on pictures and shifts of them.

    Pictures without nuclei do not count: a model that finds nothing twice would agree with itself perfectly.

    Parameters
    ----------
    model
        Returns network maps.
    checkpoint
        Source of the pixel size and the type names.
    pictures
        At the model's pixel size.
    name, where
        Name of the model, and what the pictures are, for the record.
    shift_px, device, phases
        See `measure_ceilings`.

    Yields
    ------
    ImageShifted, CeilingMeasured

    Raises
    ------
    ValueError
        If no nuclei are found in any picture.
    """
    start = time.perf_counter()
    mpp, num_types = checkpoint.mpp or DEFAULT_MPP, len(checkpoint.type_names) or None
    shifts = list_shifts(shift_px)
    rows: list[ImageScores] = []
    images, done, total = 0, 0, len(pictures) * len(shifts)

    def find(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        empty = np.broadcast_to(np.int32(0), pixels.shape[:2])
        return predict_typed_instances(AnnotatedImage(name, pixels, empty), model, mpp, device, phases)

    for picture in pictures:
        pixels = picture.read()
        labels, types = find(pixels)
        before = len(rows)
        for y, x in shifts:
            moved, moved_types = find(np.ascontiguousarray(pixels[y:, x:]))
            one, other = (_cut_edge(part) for part in (labels[y:, x:], moved))
            done += 1
            found = bool(one.any() or other.any())
            if found:
                rows.append(score_image(one, other, types, moved_types, num_types=num_types, mpp=mpp))
            pq = rows[-1].panoptic.pq if found else math.nan
            yield ImageShifted(name, picture.name, (y, x), pq, done, total)
        images += len(rows) > before
    if not rows:
        raise ValueError(f"{name} finds no nuclei on {where}; name images with nuclei in --data")
    yield CeilingMeasured(
        Ceiling(name, _average(rows), shift_px, phases, where), images, shifts, time.perf_counter() - start, done, total
    )


def list_shifts(shift_px: int) -> tuple[tuple[int, int], ...]:
    """Return the shifts (y, x) up to a largest one, every number once on each axis.

    Examples
    --------
    >>> list_shifts(5)
    ((1, 5), (2, 4), (3, 3), (4, 2), (5, 1))
    """
    return tuple((y, shift_px + 1 - y) for y in range(1, shift_px + 1))


def check_shift(shift_px: int, stride_px: int, name: str) -> None:
    """Raise if a shift changes nothing in a model's maps, or more than a smaller one does.

    Examples
    --------
    >>> check_shift(5, 8, "hovernet-s")
    """
    most = stride_px - 1 if stride_px > 1 else MOST_SHIFT_PX
    if not 1 <= shift_px <= most:
        why = f", less than the stride of {name}, {stride_px} px" if stride_px > 1 else ""
        raise ValueError(f"got a shift of {shift_px} px; expected 1 to {most}{why}")


def _cut_edge(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return labels without their upper and left edges, unless little would be left."""
    return labels[EDGE_PX:, EDGE_PX:] if min(labels.shape) >= 4 * EDGE_PX else labels


def _average(rows: Sequence[ImageScores]) -> dict[str, float]:
    """Return means of PQ and Dice over comparisons, and F1 and the agreement of types over all nuclei."""
    details = SetScores(tuple(rows))
    scores = {
        "pq": details.pq,
        "f1": details.detection.f1,
        "dice": details.dice,
        "type_agreement": compute_type_agreement(details),
    }
    return {key: value for key, value in scores.items() if not math.isnan(value)}


def _describe_pictures(pictures: Sequence[Picture], data: Path | None) -> str:
    """Return what was measured on: slides by name, or the number of images of a folder."""
    names = summarise_windows([picture.name for picture in pictures])
    if data is None or not data.is_dir() or len(names) <= 2:
        return ", ".join(names)
    return f"{len(pictures)} images of {data.absolute().name}"
