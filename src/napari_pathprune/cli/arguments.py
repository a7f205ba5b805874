"""Words of the command line turned into what they stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def region_of(text: str, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Turn ``x,y,w,h`` into a box within the slide."""
    try:
        x, y, w, h = (int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"got the region {text!r}; give four whole numbers x,y,w,h in level-0 pixels") from None
    if w <= 0 or h <= 0 or x < 0 or y < 0 or x + w > shape[1] or y + h > shape[0]:
        raise ValueError(
            f"the region {text} is not inside the slide, which is {shape[1]} px wide and {shape[0]} px high"
        )
    return y, x, y + h, x + w


def folders_of(slides: Sequence[Path], out: Path) -> list[Path]:
    """Give each slide a folder; a single one writes to `out` itself."""
    if len(slides) == 1:
        return [out]
    name, times = Counter(path.stem for path in slides).most_common(1)[0]
    if times > 1:
        raise ValueError(
            f"got {times} slides called {name!r}, whose results would overwrite each other; run them apart"
        )
    return [out / path.stem for path in slides]
