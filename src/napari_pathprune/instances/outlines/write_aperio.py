"""Nuclei as annotations of Aperio ImageScope."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

import numpy as np

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.instances.outlines.rings import make_rings
from napari_pathprune.instances.palette import names_by_number, type_colours

if TYPE_CHECKING:
    from napari_pathprune.instances.table import InstanceTable

_POLYGON: Final = 0
_MANUAL_LAYER: Final = 4


def write_aperio(
    table: InstanceTable,
    path: str | Path,
    type_names: Sequence[str],
    mpp: tuple[float, float] | None = None,
) -> None:
    """Write outlines as Aperio XML, which ImageScope opens beside the slide.

    Each type is a layer with its colour. Nuclei without a type have a layer of their own. Vertices are (x, y) in
    level-0 pixels from the corner of the slide.

    Parameters
    ----------
    table
        Nuclei in level-0 pixels.
    path
        Path of the file. ImageScope expects the name of the slide with the ending ``.xml``. An existing file is
        replaced once the new one is complete.
    type_names
        Names of the types by number, background first; see `palette.names_by_number`.
    mpp
        Micrometres per level-0 pixel (y, x), for lengths and areas in um. If None, they are left out.

    Raises
    ------
    ValueError
        If the table has types without a name.
    OSError
        If the file cannot be written; the message says "disk full" if that is the reason.

    Examples
    --------
    >>> import tempfile
    >>> from napari_pathprune.instances.outlines.read_outlines import read_outlines
    >>> from napari_pathprune.instances.table import InstanceTable
    >>> table = InstanceTable.from_instance_map(np.eye(4, dtype=np.int32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_aperio(table, f"{folder}/slide.xml", (), (0.25, 0.25))
    ...     len(read_outlines(f"{folder}/slide.xml").rings)
    1
    """
    names = names_by_number(type_names)
    highest = int(table.type.max(initial=0))
    if highest >= len(names):
        raise ValueError(f"got types up to {highest}, but {len(type_names)} names of types: {list(type_names)}")
    spacing = "" if mpp is None else f' MicronsPerPixel="{(mpp[0] * mpp[1]) ** 0.5:.6g}"'
    with write_atomically(Path(path)) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(f'<?xml version="1.0" encoding="utf-8"?>\n<Annotations{spacing}>\n')
        for kind, (name, (red, green, blue)) in enumerate(zip(names, type_colours(type_names), strict=True)):
            rows = np.flatnonzero(table.type == kind)
            if not len(rows):
                continue
            colour = red | green << 8 | blue << 16  # a COLORREF of Windows
            file.write(
                f' <Annotation Id="{kind + 1}" Name={quoteattr(name)} Type="{_MANUAL_LAYER}" Visible="1" Selected="0" '
                f'ReadOnly="0" LineColor="{colour}">\n  <Attributes/>\n  <Regions>\n'
            )
            _write_regions(file, table.select(rows), mpp)
            file.write("  </Regions>\n  <Plots/>\n </Annotation>\n")
        file.write("</Annotations>\n")


def _write_regions(file: IO[str], table: InstanceTable, mpp: tuple[float, float] | None) -> None:
    for row, ring in enumerate(make_rings(table)):
        steps = [(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in pairwise(ring)]
        length, area = sum(np.hypot(x, y) for x, y in steps), float(table.area[row])
        sizes = f'Length="{length:.1f}" Area="{area:.1f}"'
        if mpp is not None:
            length_um = sum(np.hypot(x * mpp[1], y * mpp[0]) for x, y in steps)
            sizes += f' LengthMicrons="{length_um:.2f}" AreaMicrons="{area * mpp[0] * mpp[1]:.2f}"'
        vertices = "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in ring[:-1])
        file.write(
            f'   <Region Id="{table.id[row]}" Type="{_POLYGON}" {sizes} Selected="0" Analyze="1">'
            f"<Vertices>{vertices}</Vertices></Region>\n"
        )
