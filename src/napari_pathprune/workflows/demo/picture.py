"""Pictures of segmentations on the tissue, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.instances.palette import names_by_number, type_colours
from napari_pathprune.instances.table import InstanceTable


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A segmentation of a region of tissue.

    Attributes
    ----------
    title
        Text above the picture.
    pixels
        (H, W, 3) uint8, the tissue.
    labels
        (H, W), its instance map.
    table
        The nuclei, in pixels of `pixels`.
    type_names
        Names of the types, background first; empty if untyped.
    mpp
        Pixel size (y, x) of `pixels` in um; None if unknown.
    """

    title: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.integer]
    table: InstanceTable
    type_names: tuple[str, ...]
    mpp: tuple[float, float] | None


def draw_side_by_side(panels: Sequence[Panel], path: Path) -> None:
    """Write a PNG of the outlines of each panel's nuclei on its tissue, coloured by type.

    Parameters
    ----------
    panels
        Panels from left to right, all of the same tissue.
    path
        The PNG; an existing one is replaced only by a complete one.
    """
    height, width = panels[0].pixels.shape[:2]
    figure = Figure(figsize=(6.4 * len(panels), 6.4 * height / width + 0.9), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    names = [names_by_number(panel.type_names) for panel in panels]
    colours = {
        name: f"#{bytes(rgb).hex()}"
        for own, panel in zip(names, panels, strict=True)
        for name, rgb in zip(own, type_colours(panel.type_names), strict=True)
    }
    shown: set[str] = set()
    for axes, panel, own in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, names, strict=True):
        axes.imshow(panel.pixels, interpolation="lanczos")
        kinds = [own[kind] for kind in panel.table.type]
        lines = [_close(panel.table.contour(row))[:, ::-1] for row in range(len(panel.table))]
        axes.add_collection(LineCollection(lines, colors=[colours[kind] for kind in kinds], linewidths=1.3))
        shown |= set(kinds)
        axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        axes.set_title(f"{panel.title}: {len(panel.table):,} nuclei", fontsize=12)
        axes.set_axis_off()
        if panel.mpp is not None:
            _draw_scale_bar(axes, panel.mpp[1], width, height)
    handles = [Line2D([], [], color=rgb, linewidth=3, label=name) for name, rgb in colours.items() if name in shown]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=11)
    with write_atomically(path) as part:
        figure.savefig(part, format="png")


def _close(contour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a contour with its first point repeated at the end."""
    return np.concatenate([contour, contour[:1]])


def _draw_scale_bar(axes: object, mpp: float, width: int, height: int) -> None:
    """Draw a bar of 50 um at the lower left, unless it is longer than half the picture."""
    length = 50.0 / mpp
    if length > width / 2:
        return
    x, y = 0.03 * width, 0.965 * height
    axes.plot([x, x + length], [y, y], color="black", linewidth=3, solid_capstyle="butt")  # type: ignore[attr-defined]
    axes.text(x, y - 0.012 * height, "50 µm", fontsize=9, va="bottom", ha="left")  # type: ignore[attr-defined]
