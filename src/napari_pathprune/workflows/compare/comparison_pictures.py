"""Pictures of a region with the nuclei of one segmentation outlined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from scipy import ndimage

from napari_pathprune.instances.numbering import renumber

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.instances.palette import Colour

PICTURE_PX: Final = 540
"""Longer side of a picture."""
QUALITY: Final = 82
_EDGE: Final[tuple[int, int, int]] = (40, 40, 40)


def draw_statuses(
    image: NDArray[np.uint8], labels: NDArray[Any], status: NDArray[Any], colour_of: Mapping[int, Colour]
) -> bytes:
    """Draw the outline of each nucleus on the tissue, in the colour of its status.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB.
    labels
        (H, W) instance map, 0 for the background.
    status
        (H, W) integers, the status of the nucleus at each pixel.
    colour_of
        The colour of each status; nuclei with a status that is not listed are not drawn.

    Returns
    -------
    bytes
        A JPEG whose longer side has `PICTURE_PX` pixels.
    """
    height, width = labels.shape
    factor = PICTURE_PX / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    tissue = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA)
    picture = np.ascontiguousarray(tissue[..., ::-1])
    rows = np.minimum(np.arange(size[1]) / factor, height - 1).astype(int)
    columns = np.minimum(np.arange(size[0]) / factor, width - 1).astype(int)
    ids, numbers = renumber(labels)
    large = numbers[rows][:, columns]
    first = np.zeros(len(ids) + 1, np.int64)
    first[numbers] = status  # all pixels of a nucleus have the same status
    for number, place in enumerate(ndimage.find_objects(large, len(ids)), 1):
        if place is None or int(first[number]) not in colour_of:
            continue
        mask = (large[place] == number).astype(np.uint8)
        corner = place[1].start, place[0].start
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=corner)
        cv2.drawContours(picture, outlines, -1, _EDGE, 3, cv2.LINE_AA)  # light colours stand out from light tissue
        cv2.drawContours(picture, outlines, -1, colour_of[int(first[number])][::-1], 2, cv2.LINE_AA)
    is_encoded, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert is_encoded
    content: bytes = encoded.tobytes()
    return content
