"""A picture of one patch while a model is trained: the tissue, the model before, and the model as it is now."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.instances.palette import type_colours
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.evaluate.evaluate import DEFAULT_MPP, predict_instances

PANEL_PX: Final = 256
"""Side of each of the three panels."""
PATCH_PX: Final = 160
"""Side of the patch that they show, in pixels of the image."""
CONTEXT_PX: Final = 120
"""Pixels around the patch that the models see too."""
MOST_IMAGES: Final = 12
"""Images that are looked at to find the patch with most nuclei."""
_LOG = get_plain_logger(__name__)


class ExamplePatch:
    """Draw one patch again and again, into one file.

    Parameters
    ----------
    images
        Images to choose the patch from, at least one: the middle of the one with most nuclei there.
    before
        The model to compare with: the dense model of a compression, or the one that is fine-tuned.
    path
        The PNG to write: three panels of `PANEL_PX` side by side, namely the tissue, and the outlines that the model
        before and the present one find.
    device
        As in `inference.device.find_device`.
    """

    def __init__(self, images: Sequence[AnnotatedImage], before: Checkpoint, path: Path, device: str = "auto") -> None:
        self._path, self._before, self._device = path, before, device
        step = -(-len(images) // MOST_IMAGES)
        self._image = max((_crop(image) for image in images[::step]), key=_count_nuclei)
        self._panels: list[NDArray[np.uint8]] = []

    def write(self, model: nn.Module) -> None:
        """Replace the picture by one of a model, in eval mode; a file that cannot be written is a logged warning."""
        mpp = self._before.mpp or DEFAULT_MPP
        if not self._panels:
            nothing = np.zeros(self._image.image.shape[:2], np.int32)
            first = predict_instances(self._image, self._before.model(), mpp, self._device)
            self._panels = [_draw_panel(self._image.image, labels) for labels in (nothing, first)]
        now = _draw_panel(self._image.image, predict_instances(self._image, model, mpp, self._device))
        _, code = cv2.imencode(".png", np.concatenate([*self._panels, now], axis=1)[..., ::-1])
        try:
            with write_atomically(self._path) as part:
                part.write_bytes(code.tobytes())
        except OSError as error:  # the training matters more
            _LOG.warning("could not write the example patch: %s", error)


def _crop(image: AnnotatedImage) -> AnnotatedImage:
    """Return the middle of an image: the patch and its context."""
    side = PATCH_PX + 2 * CONTEXT_PX
    part = tuple(slice(max(0, (size - side) // 2), max(0, (size - side) // 2) + side) for size in image.instances.shape)
    return dataclasses.replace(image, image=image.image[part], instances=image.instances[part])


def _find_patch(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the square in the middle of a cropped image; smaller if the image is."""
    side = min(PATCH_PX, *shape[:2])
    top, left = ((size - side) // 2 for size in shape[:2])
    return slice(top, top + side), slice(left, left + side)


def _count_nuclei(image: AnnotatedImage) -> int:
    return len(np.unique(image.instances[_find_patch(image.instances.shape)]))


def _draw_panel(image: NDArray[np.uint8], labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Return the patch, enlarged, with the outlines of nuclei."""
    patch = _find_patch(labels.shape)
    panel = cv2.resize(image[patch], (PANEL_PX, PANEL_PX), interpolation=cv2.INTER_CUBIC)
    large = cv2.resize(labels[patch], (PANEL_PX, PANEL_PX), interpolation=cv2.INTER_NEAREST)
    colour = tuple(int(value) for value in type_colours(())[0])
    for number in np.unique(large[large > 0]):
        outlines, _ = cv2.findContours((large == number).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(panel, outlines, -1, colour, 2, cv2.LINE_AA)
    return np.asarray(panel, np.uint8)
