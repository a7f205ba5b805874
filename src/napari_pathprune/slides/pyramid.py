"""TIFF pyramids: Aperio SVS, OME-TIFF, tiled and striped TIFF; only the segments that a read touches are decoded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_pathprune.base.box import Box, clip_box
from napari_pathprune.base.error_line import first_line
from napari_pathprune.slides.colour import check_pixels, to_rgb
from napari_pathprune.slides.pixels import Key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import tifffile
    from numpy.typing import DTypeLike, NDArray

CACHE_BYTES = 96 * 2**20  # decoded segments kept, so that the halos of neighbouring tiles are decoded once
APERIO_YCBCR = 33003  # Matrox JPEG 2000: YCbCr in the file, tifffile hands it out as it is
JPEG = {6, 7, 34892, 33007}
COLOURS = {0, 1, 2, 3, 6}  # photometric: white is zero, black is zero, RGB, palette, YCbCr (if the codec settles it)
WHITE = 255


class SegmentCache:
    """The last decoded tiles and strips of a file, up to CACHE_BYTES (and always the very last one)."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit, self._used = limit, 0
        self._kept: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int]) -> NDArray[np.uint8] | None:
        """Return the segment, if it is still here."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: tuple[int, int], segment: NDArray[np.uint8]) -> None:
        """Keep a segment, and let go of the ones that were not asked for longest."""
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = segment
            self._used += segment.nbytes
            while self._used > self._limit and len(self._kept) > 1:
                self._used -= self._kept.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._used = 0


class TiffLevel:
    """One level of a TIFF pyramid as (h, w, 3) uint8; slicing it decodes the segments that the slices touch.

    Safe to read from several threads: the file is read under its lock, segments are decoded outside of it.
    """

    def __init__(self, pages: tuple[tifffile.TiffPage, ...], path: Path, cache: SegmentCache) -> None:
        key = pages[0].keyframe
        self.page = key  # what describes it: tags and colours
        self._pages, self._path, self._cache = pages, path, cache
        self._segment = (key.tilelength, key.tilewidth) if key.is_tiled else (key.rowsperstrip, key.imagewidth)
        self._channels = 3 if int(key.photometric) == 3 else len(pages) * key.samplesperpixel
        self._separate = key.samplesperpixel if key.planarconfig == 2 else 1  # samples stored grid after grid
        self._grid = tuple(-(-n // s) for n, s in zip((key.imagelength, key.imagewidth), self._segment, strict=True))
        self._alpha = {1: "premultiplied", 2: "straight"}.get(int(key.extrasamples[-1])) if key.extrasamples else None
        self._decode = key.decode  # made once, here: it is cached lazily, and threads would race for it
        self._tables = [
            {"jpegtables": page.jpegtables, "jpegheader": key.jpegheader} if key.compression in JPEG else {}
            for page in pages
        ]
        self.shape: tuple[int, int, int] = (key.imagelength, key.imagewidth, 3)
        self.dtype = np.dtype(np.uint8)
        self.ndim, self.size = 3, 3 * key.imagelength * key.imagewidth

    def __getitem__(self, key: Key) -> NDArray[np.uint8]:
        """Read (ys, xs) or (ys, xs, channels): slices, whole numbers or an ellipsis, as numpy has them."""
        keys = key if isinstance(key, tuple) else (key,)
        if len(keys) < 2 or not all(isinstance(k, slice) for k in keys[:2]):
            chosen: NDArray[np.uint8] = self._everything()[key]  # rare: a line, one pixel; no path of its own
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
        return self._everything().astype(dtype or np.uint8, copy=False)

    def read(self, box: Box) -> NDArray[np.uint8]:
        """Read a box that lies inside the level."""
        y0, x0, y1, x1 = box
        raw = np.empty((y1 - y0, x1 - x0, self._channels), np.uint8)
        for plane in range(len(self._pages)):
            for index in self._touched(box):
                self._paste(raw, box, plane, index)
        if self._alpha is None:  # samples that are not declared as alpha mean nothing to us
            raw = raw[..., : 3 if self._channels >= 3 else 1]
        return to_rgb(raw, premultiplied=self._alpha == "premultiplied")

    def end_of_data(self) -> int:
        """Return the file position behind the last segment, in bytes."""
        ends = (np.add(p.dataoffsets, p.databytecounts, dtype=np.int64) for p in self._pages if len(p.dataoffsets))
        return max((int(end.max()) for end in ends), default=0)

    def _everything(self) -> NDArray[np.uint8]:
        return self.read((0, 0, *self.shape[:2]))

    def _touched(self, box: Box) -> Iterator[int]:
        """Yield the numbers of the segments that a box touches; separate samples come one grid after the other."""
        y0, x0, y1, x1 = box
        (h, w), (rows, columns) = self._segment, self._grid
        if y1 > y0 and x1 > x0:
            for sample in range(self._separate):
                for row in range(y0 // h, -(-y1 // h)):
                    for column in range(x0 // w, -(-x1 // w)):
                        yield (sample * rows + row) * columns + column

    def _paste(self, raw: NDArray[np.uint8], box: Box, plane: int, index: int) -> None:
        rest, column = divmod(index, self._grid[1])
        sample, row = divmod(rest, self._grid[0])
        top, left = row * self._segment[0], column * self._segment[1]
        segment = self._segment_pixels(plane, index)
        inside = clip_box((top, left, top + segment.shape[0], left + segment.shape[1]), self.shape[:2])
        y0, x0 = max(inside[0], box[0]), max(inside[1], box[1])
        y1, x1 = min(inside[2], box[2]), min(inside[3], box[3])
        if y1 <= y0 or x1 <= x0:
            return
        first = plane + sample
        target = raw[y0 - box[0] : y1 - box[0], x0 - box[1] : x1 - box[1], first : first + segment.shape[2]]
        target[...] = segment[y0 - top : y1 - top, x0 - left : x1 - left]

    def _segment_pixels(self, plane: int, index: int) -> NDArray[np.uint8]:
        """Return the decoded (h, w, samples) of one tile or strip."""
        page = self._pages[plane]
        key = (int(page.offset), index)
        segment = self._cache.get(key)
        if segment is None:
            segment = self._decoded(page, plane, index)
            self._cache.put(key, segment)
        return segment

    def _decoded(self, page: tifffile.TiffPage, plane: int, index: int) -> NDArray[np.uint8]:
        try:
            data = self._bytes(page, index)
            pixels, _, shape = self._decode(data, index, **self._tables[plane])
        except Exception as error:
            h, w = self.shape[:2]
            raise ValueError(
                f"{self._path}: the image is damaged, segment {index} of the {w} x {h} px level cannot be read "
                f"({first_line(error)}); get a fresh copy of the file"
            ) from error
        if pixels is None:  # scanners leave out tiles without tissue
            return np.full(shape[1:], WHITE, np.uint8)
        settled: NDArray[np.uint8] = _settled(pixels[0], page.keyframe)
        return settled

    def _bytes(self, page: tifffile.TiffPage, index: int) -> bytes | None:
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        if offset == 0 or count == 0:
            return None
        handle = page.parent.filehandle
        if handle.closed:
            raise EOFError("the slide was closed")
        with handle.lock:
            handle.seek(offset)
            data: bytes = handle.read(count)
        if len(data) < count:
            raise EOFError(f"the file ends {count - len(data)} bytes early")
        return data


def tiff_levels(tif: tifffile.TiffFile, path: Path) -> tuple[TiffLevel, ...]:
    """Levels of the slide in a TIFF, finest first: the baseline or largest image; never label, macro or thumbnail.

    Raises
    ------
    ValueError
        If there is no image, if it is no 8-bit grey or RGB plane, or if the file is shorter than it says.
    """
    series = [s for s in tif.series if len(s.shape) >= 2]
    if not series:
        raise ValueError(f"{path}: this TIFF holds no image, or is cut short")
    chosen = series[0] if tif.is_svs or tif.is_ome else max(series, key=lambda s: _pages_of(s)[0].keyframe.size)
    cache = SegmentCache()
    levels = [_level(level, path, cache) for level in chosen.levels]
    aspect = levels[0].shape[0] / levels[0].shape[1]
    kept = [levels[0]]
    for level in levels[1:]:
        finer = all(a < b for a, b in zip(level.shape[:2], kept[-1].shape[:2], strict=True))
        if finer and abs(level.shape[0] - aspect * level.shape[1]) <= 2 + 0.02 * level.shape[0]:
            kept.append(level)
    _check_length(tif, kept[0], path)
    return tuple(kept)


def _level(series: tifffile.TiffPageSeries, path: Path, cache: SegmentCache) -> TiffLevel:
    pages = _pages_of(series)
    key = pages[0].keyframe
    axes = "".join(a for a, n in zip(series.axes, series.shape, strict=True) if n > 1 or a in "YX")
    channels = len(pages) * int(key.samplesperpixel)
    planes_fit = len(pages) == 1 or (len(pages) == 3 and channels == 3)
    if axes not in {"YX", "YXS", "SYX", "CYX"} or not planes_fit or (axes == "CYX" and channels != 3):
        raise ValueError(
            f"{path}: got an image of shape {tuple(series.shape)} (axes {series.axes}), wanted one grey, RGB or RGBA "
            "plane or three 8-bit channels; pick or merge its channels first"
        )
    colour = int(key.photometric)
    if colour not in COLOURS or (colour == 6 and int(key.compression) not in {*JPEG, APERIO_YCBCR}):
        raise ValueError(f"{path}: got {key.photometric.name} colours, wanted grey, palette or RGB; convert it first")
    check_pixels((key.imagelength, key.imagewidth, channels), key.dtype, str(path))
    return TiffLevel(pages, path, cache)


def _pages_of(series: tifffile.TiffPageSeries) -> tuple[Any, ...]:
    return tuple(page for page in series.pages if page is not None)


def _settled(pixels: NDArray[np.uint8], key: tifffile.TiffPage) -> NDArray[np.uint8]:
    """Turn decoded samples so that zero is black and colours are RGB."""
    if int(key.compression) == APERIO_YCBCR:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels[..., [0, 2, 1]]), cv2.COLOR_YCrCb2RGB), np.uint8)
    if int(key.photometric) == 0:
        return ~pixels
    if int(key.photometric) == 3:
        table = np.asarray(key.colormap)
        table = table >> 8 if table.max() > 255 else table
        return table.astype(np.uint8).T[pixels[..., 0]]
    return pixels


def _check_length(tif: tifffile.TiffFile, level: TiffLevel, path: Path) -> None:
    """Notice a half-copied file now, and not an hour into a run."""
    missing = level.end_of_data() - int(tif.filehandle.size)
    if missing > 0:
        raise ValueError(f"{path}: the file is truncated, {missing} bytes are missing; get a fresh copy of it")
