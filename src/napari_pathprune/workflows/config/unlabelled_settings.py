"""Settings of slides without annotation, which a parent model teaches on."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnlabelledSettings:
    """A slide without annotation, or a folder of such slides and pictures.

    Attributes
    ----------
    slide
        Path, relative to the config, of anything that `slides.reader.open_slide` reads, or of a folder of such files.
    mpp
        Size of a level-0 pixel in um; 0 to read it from the file.
    weight
        How often patches come from here, relative to the other tables and to those of ``[[data]]``.
    validation
        Whether these slides are for validation only. If no table says so, some of several slides are held out.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> UnlabelledSettings("slide.svs").mpp
    0.0
    """

    slide: str
    mpp: float = 0.0
    weight: float = 1.0
    validation: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.mpp < math.inf:
            raise ValueError(f"got mpp = {self.mpp}; expected the pixel size in um, or 0 to read it from the file")
        if not 0.0 < self.weight < math.inf:
            raise ValueError(f"got weight = {self.weight}; expected a number above 0")
