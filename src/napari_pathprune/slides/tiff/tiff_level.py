"""One level of a TIFF file; only the segments (tiles or strips) that a read touches are decoded."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_pathprune.base.box import Box, clip_box
from napari_pathprune.base.error_line import first_line
from napari_pathprune.base.out_of_memory import is_out_of_memory
from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.slides.colour import to_rgb
from napari_pathprune.slides.pixels import Key
from napari_pathprune.slides.tiff.segment_cache import SegmentCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import tifffile
    from numpy.typing import DTypeLike, NDArray

APERIO_YCBCR = 33003  # Matrox JPEG 2000: the file holds YCbCr, and tifffile does not convert it
JPEG = {6, 7, 34892, 33007}
WHITE = 255
RAW_ROWS = 64
CUT_BYTES = 2**16  # the first segment behind the end of a file that was cut off starts at most so far behind it
PROBES = 9  # if a segment is broken and none of so many others can be read, the whole image is damaged
_LOG = get_plain_logger(__name__)


class TiffLevel:
    """One level of a TIFF pyramid as (h, w, 3) uint8. Slicing it decodes the segments that the slices touch.

    Safe to read from several threads: the file is read under its lock, and segments are decoded outside of it.

    Parameters
    ----------
    pages
        One page, or one page for each of three channels.
    path
        Path of the file, for error messages.
    cache
        Decoded segments, shared by the levels of the file.
    """

    def __init__(self, pages: tuple[tifffile.TiffPage, ...], path: Path, cache: SegmentCache) -> None:
        key = pages[0].keyframe
        self.page = key  # the page whose tags describe all pages
        self._pages, self._path, self._cache = pages, path, cache
        self._damage: dict[int, Box] = {}  # boxes of broken segments, by their place in the grid
        self._lock = threading.Lock()
        self._is_readable: bool | None = None
        self._is_raw = all(_is_raw(page) for page in pages)
        self._segment_shape = (key.tilelength, key.tilewidth) if key.is_tiled else (key.rowsperstrip, key.imagewidth)
        if self._is_raw:  # strips without compression, which may hold the whole image, are read row by row
            self._segment_shape = (min(RAW_ROWS, key.imagelength), key.imagewidth)
        self._channels = 3 if int(key.photometric) == 3 else len(pages) * key.samplesperpixel
        self._separate = key.samplesperpixel if key.planarconfig == 2 else 1  # grids of segments, one for each sample
        self._samples = key.samplesperpixel // self._separate  # of a pixel in a segment
        self._grid = tuple(
            -(-n // s) for n, s in zip((key.imagelength, key.imagewidth), self._segment_shape, strict=True)
        )
        cache.keep_together(len(pages) * self._separate)
        self._alpha = {1: "premultiplied", 2: "straight"}.get(int(key.extrasamples[-1])) if key.extrasamples else None
        keys = [page.keyframe for page in pages]  # files of an image may be compressed in different ways
        self._decoders = [one.decode for one in keys]  # lazily cached properties: threads must not compute them at once
        self._tables = [
            {"jpegtables": page.jpegtables, "jpegheader": one.jpegheader} if one.compression in JPEG else {}
            for page, one in zip(pages, keys, strict=True)
        ]
        self.shape: tuple[int, int, int] = (key.imagelength, key.imagewidth, 3)
        self.dtype = np.dtype(np.uint8)
        self.ndim, self.size = 3, 3 * key.imagelength * key.imagewidth

    def __getitem__(self, key: Key) -> NDArray[np.uint8]:
        """Read (ys, xs) or (ys, xs, channels); slices, integers and an ellipsis are accepted, as in numpy."""
        keys = key if isinstance(key, tuple) else (key,)
        if len(keys) < 2 or not all(isinstance(k, slice) for k in keys[:2]):
            chosen: NDArray[np.uint8] = self._read_all()[key]  # a row or a pixel: too rare for a path of its own
            return chosen
        ranges = [range(*k.indices(n)) for k, n in zip(keys[:2], self.shape, strict=False)]
        spans = [(min(r[0], r[-1]), max(r[0], r[-1]) + 1) if r else (0, 0) for r in ranges]
        (y0, y1), (x0, x1) = spans
        pixels = self.read((y0, x0, y1, x1))
        steps = tuple(np.asarray(r, int) - s[0] for r, s in zip(ranges, spans, strict=True))
        if any(r.step != 1 for r in ranges):
            pixels = pixels[steps[0]][:, steps[1]]
        return pixels[(slice(None), slice(None), *keys[2:])]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 (numpy's)
        """Read the whole level."""
        del copy
        return self._read_all().astype(dtype or np.uint8, copy=False)

    def read(self, box: Box) -> NDArray[np.uint8]:
        """Read a box that lies inside the level."""
        y0, x0, y1, x1 = box
        raw = np.full((y1 - y0, x1 - x0, self._channels), WHITE, np.uint8)
        for plane in range(len(self._pages)):
            for index in self._touched_segments(box):
                self._paste(raw, box, plane, index)
        for top, left, bottom, right in self.damaged:  # one of its colours may have been read
            raw[max(top - y0, 0) : max(bottom - y0, 0), max(left - x0, 0) : max(right - x0, 0)] = WHITE
        if self._alpha is None:  # drop extra samples that are not declared as alpha
            raw = raw[..., : 3 if self._channels >= 3 else 1]
        return to_rgb(raw, premultiplied=self._alpha == "premultiplied")

    @property
    def tile_shape(self) -> tuple[int, int] | None:
        """Height and width of a tile in pixels; None for strips."""
        return self._segment_shape if self.page.is_tiled else None

    def crop(self, shape: tuple[int, int]) -> None:
        """Cut the level to its upper left part, the only one that shows the slide."""
        self.shape = (*shape, 3)
        self.size = math.prod(self.shape)

    @property
    def is_colour(self) -> bool:
        """Whether the file holds RGB or YCbCr colours, or three channels; neither grey nor a palette."""
        return int(self.page.photometric) in {2, 6} or len(self._pages) == 3

    @property
    def damaged(self) -> tuple[Box, ...]:
        """Boxes of the segments that could not be decoded so far, in pixels of the level; they are read as white."""
        return tuple(self._damage.values()) if self._damage else ()

    def find_missing_bytes(self) -> int:
        """Return how many bytes of the level are missing at the end of its file, or of one of its files; 0 if none.

        Single segments that the file places beyond its end, although later ones are there, do not count: they are
        broken, and the others can be read.
        """
        missing = [0]
        for page in self._pages:
            starts = np.array(page.dataoffsets, np.int64)
            ends = starts + np.array(page.databytecounts, np.int64)
            size = int(page.parent.filehandle.size)
            last = starts[ends <= size].max(initial=0)
            cut = (ends > size) & (starts > last) & (starts <= size + CUT_BYTES)
            if cut.any():
                missing.append(int(ends[ends > size].max()) - size)
        return max(missing)

    def _read_all(self) -> NDArray[np.uint8]:
        return self.read((0, 0, *self.shape[:2]))

    def _touched_segments(self, box: Box) -> Iterator[int]:
        """Yield the indices of the segments that a box touches; separate samples follow grid by grid."""
        y0, x0, y1, x1 = box
        (h, w), (rows, columns) = self._segment_shape, self._grid
        if y1 > y0 and x1 > x0:
            for sample in range(self._separate):
                for row in range(y0 // h, -(-y1 // h)):
                    for column in range(x0 // w, -(-x1 // w)):
                        yield (sample * rows + row) * columns + column

    def _paste(self, raw: NDArray[np.uint8], box: Box, plane: int, index: int) -> None:
        """Copy the part of a segment that lies in a box into the samples of that box."""
        rest, column = divmod(index, self._grid[1])
        sample, row = divmod(rest, self._grid[0])
        top, left = row * self._segment_shape[0], column * self._segment_shape[1]
        segment = self._read_segment(plane, index)
        inside = clip_box((top, left, top + segment.shape[0], left + segment.shape[1]), self.shape[:2])
        y0, x0 = max(inside[0], box[0]), max(inside[1], box[1])
        y1, x1 = min(inside[2], box[2]), min(inside[3], box[3])
        if y1 <= y0 or x1 <= x0:
            return
        first = plane + sample
        target = raw[y0 - box[0] : y1 - box[0], x0 - box[1] : x1 - box[1], first : first + segment.shape[2]]
        target[...] = segment[y0 - top : y1 - top, x0 - left : x1 - left]

    def _read_segment(self, plane: int, index: int) -> NDArray[np.uint8]:
        """Return the decoded samples (h, w, samples) of a segment, from the cache if they are there."""
        page = self._pages[plane]
        key = (id(page), index)
        segment = self._cache.get(key)
        if segment is None:
            segment = self._decode_segment(page, plane, index)
            self._cache.put(key, segment)
        return segment

    def _decode_segment(self, page: tifffile.TiffPage, plane: int, index: int) -> NDArray[np.uint8]:
        """Decode a segment. One that is broken is white and remembered, unless no other can be read either."""
        try:
            return self._decode_sound_segment(page, plane, index)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            if page.parent.filehandle.closed:
                raise ValueError(f"{self._path}: the slide was closed") from error
            h, w = self.shape[:2]
            text = f"{self._path}: segment {index} of the {w} x {h} px level cannot be read ({first_line(error)})"
            if not self._has_sound_segments(page, plane):
                raise ValueError(
                    f"{text}, nor can others; the image is damaged, get a fresh copy of the file"
                ) from error
            _LOG.warning("%s; it is read as white", text)
            self._remember_damage(index)
            return self._white_segment()

    def _decode_sound_segment(self, page: tifffile.TiffPage, plane: int, index: int) -> NDArray[np.uint8]:
        data = self._read_bytes(page, index)
        if data is None:  # scanners leave out segments without tissue
            return self._white_segment()
        if self._is_raw:
            rows = np.frombuffer(data, np.uint8).reshape(-1, self.page.imagewidth, self._samples)
            return _to_colours(rows, page.keyframe)
        pixels, _, _ = self._decoders[plane](data, index, **self._tables[plane])
        return self._white_segment() if pixels is None else _to_colours(pixels[0], page.keyframe)

    def _white_segment(self) -> NDArray[np.uint8]:
        samples = 3 if int(self.page.photometric) == 3 else self._samples
        return np.full((*self._segment_shape, samples), WHITE, np.uint8)

    def _has_sound_segments(self, page: tifffile.TiffPage, plane: int) -> bool:
        """Return whether any of some segments from all over the level can be decoded."""
        if self._is_readable is None:
            self._is_readable = False
            count = self._grid[0] * self._grid[1]
            present = range(count) if self._is_raw else np.flatnonzero(page.databytecounts).tolist()
            for number in sorted({probe * (len(present) - 1) // (PROBES - 1) for probe in range(PROBES)}):
                with suppress(Exception):
                    self._decode_sound_segment(page, plane, present[number])
                    self._is_readable = True
                    break
        return self._is_readable

    def _remember_damage(self, index: int) -> None:
        row, column = divmod(index % (self._grid[0] * self._grid[1]), self._grid[1])
        h, w = self._segment_shape
        box = clip_box((row * h, column * w, (row + 1) * h, (column + 1) * w), self.shape[:2])
        with self._lock:
            self._damage = {**self._damage, row * self._grid[1] + column: box}  # readers keep the one that they have

    def _read_bytes(self, page: tifffile.TiffPage, index: int) -> bytes | None:
        """Read the encoded bytes of a segment; None if the file leaves it out."""
        if self._is_raw:
            offset, count = self._place_rows(page, index)
        else:
            offset, count = page.dataoffsets[index], page.databytecounts[index]
        if offset == 0 or count == 0:
            return None
        handle = page.parent.filehandle
        if handle.closed:
            raise ValueError("the slide was closed")
        with handle.lock:
            handle.seek(offset)
            data: bytes = handle.read(count)
        if len(data) < count:
            raise EOFError(f"the file ends {count - len(data)} bytes early")
        return data

    def _place_rows(self, page: tifffile.TiffPage, index: int) -> tuple[int, int]:
        """Return the file position and the number of bytes of some rows of an image without compression."""
        sample, row = divmod(index, self._grid[0])
        height, first = self.page.imagelength, row * self._segment_shape[0]
        row_bytes = self.page.imagewidth * self._samples
        count = min(self._segment_shape[0], height - first) * row_bytes
        return int(page.dataoffsets[0]) + (sample * height + first) * row_bytes, count


def _is_raw(page: tifffile.TiffPage) -> bool:
    """Return whether the pixels of a page lie in its file one after the other, in strips without compression."""
    key = page.keyframe
    if key.is_tiled or int(key.compression) != 1 or int(key.fillorder) != 1 or key.bitspersample != 8:
        return False
    offsets, counts = np.array(page.dataoffsets, np.int64), np.array(page.databytecounts, np.int64)
    is_whole = int(counts.sum()) == key.imagelength * key.imagewidth * key.samplesperpixel
    return is_whole and bool((offsets > 0).all() and (offsets[1:] == offsets[:-1] + counts[:-1]).all())


def _to_colours(pixels: NDArray[np.uint8], key: tifffile.TiffPage) -> NDArray[np.uint8]:
    """Convert decoded samples to grey with black as 0, or to RGB."""
    if int(key.compression) == APERIO_YCBCR:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels[..., [0, 2, 1]]), cv2.COLOR_YCrCb2RGB), np.uint8)
    if int(key.photometric) == 0:
        return ~pixels
    if int(key.photometric) == 3:
        table = np.asarray(key.colormap)
        table = table >> 8 if table.max() > 255 else table
        return table.astype(np.uint8).T[pixels[..., 0]]
    return pixels
