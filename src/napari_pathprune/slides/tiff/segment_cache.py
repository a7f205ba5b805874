"""A cache of decoded tiles and strips of a file."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CACHE_BYTES: Final = 96 * 2**20
"""Default size: enough for the halos that neighbouring tiles share, so that each is decoded once."""


class SegmentCache:
    """The most recently used segments of a file, up to a number of bytes. Safe to use from several threads.

    The newest segments are always kept, even if they are larger than the limit: as many as one pixel needs.

    Parameters
    ----------
    limit
        Size in bytes.

    Examples
    --------
    >>> import numpy as np
    >>> cache = SegmentCache(limit=100)
    >>> for index in range(3):
    ...     cache.put((0, index), np.zeros((6, 8), np.uint8))
    >>> [cache.get((0, index)) is not None for index in range(3)]
    [False, True, True]
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit, self._used, self._least = limit, 0, 1
        self._segments: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    def keep_together(self, count: int) -> None:
        """Keep at least the newest `count` segments, such as those of the colours of one place."""
        self._least = max(self._least, count)

    def get(self, key: tuple[int, int]) -> NDArray[np.uint8] | None:
        """Return a segment, or None if it is not in the cache."""
        with self._lock:
            found = self._segments.get(key)
            if found is not None:
                self._segments.move_to_end(key)
            return found

    def put(self, key: tuple[int, int], segment: NDArray[np.uint8]) -> None:
        """Add a segment and drop the least recently used ones beyond the limit."""
        with self._lock:
            if key in self._segments:
                return
            self._segments[key] = segment
            self._used += segment.nbytes
            while self._used > self._limit and len(self._segments) > self._least:
                self._used -= self._segments.popitem(last=False)[1].nbytes
