"""Two results for the same region, side by side: dense on the left, compact on the right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import napari
import numpy as np
from napari.experimental import link_layers

from napari_pathprune.instances.export import read_parquet
from napari_pathprune.instances.label_pyramid import open_levels
from napari_pathprune.plugin.layers.napari_reader import make_slide_layer
from napari_pathprune.plugin.layers.nuclei_layer import make_attributes
from napari_pathprune.slides.reader import open_slide
from napari_pathprune.workflows.segment.result_files import LABELS, RUN, TABLE

SIDES: Final = ("dense", "compact")


def show_results(slide: Path, folder: Path) -> None:
    """Show two results for the same region side by side, and block until the window is closed.

    Parameters
    ----------
    slide
        The slide that was segmented.
    folder
        Holds one result folder of `segment_to_folder` for each of `SIDES`.
    """
    viewer = napari.Viewer(title="pathprune: dense and compact")
    add_side_by_side(viewer, slide, folder)
    napari.run()


def add_side_by_side(viewer: Any, slide: Path, folder: Path) -> None:  # noqa: ANN401 - Viewer or ViewerModel
    """Add slide and nuclei to two cells of the grid, link them, and centre the view on the segmented region.

    Parameters
    ----------
    viewer
        The viewer to add the layers to.
    slide, folder
        See `show_results`.
    """
    pairs = []
    for side in SIDES:
        data, attributes, _ = make_slide_layer(open_slide(slide))
        image = viewer.add_image(data, **{**attributes, "name": f"slide ({side})"})
        pairs.append((image, _add_nuclei(viewer, folder / side, side, image)))
    (left_slide, left), (right_slide, right) = pairs
    link_layers([left_slide, right_slide], ("visible", "opacity", "gamma", "contrast_limits"))
    link_layers([left, right], ("visible", "opacity", "contour"))
    grid = viewer.canvas.grid
    grid.stride, grid.shape, grid.spacing, grid.enabled = 2, (1, 2), 6, True
    for layer in (left, right):
        layer.name_overlay.visible = True
    run = json.loads((folder / SIDES[0] / RUN).read_text(encoding="utf-8"))
    y0, x0, y1, x1 = run["region_yxyx_px"]
    scale = np.asarray(left.scale)
    viewer.scene.camera.center = (0.0, *(np.array([y0 + y1, x0 + x1]) / 2 * scale))
    height, width = viewer.canvas.size
    viewer.scene.camera.zoom = 0.9 * min(height / ((y1 - y0) * scale[0]), width / 2 / ((x1 - x0) * scale[1]))


def _add_nuclei(viewer: Any, folder: Path, side: str, image: Any) -> Any:  # noqa: ANN401 - napari layers
    levels = open_levels(folder / LABELS)
    table, mpp, type_names = read_parquet(folder / TABLE)
    layer = viewer.add_labels(
        levels if len(levels) > 1 else levels[0],
        name=f"nuclei ({side})",
        scale=image.scale,
        units=image.units,
        **make_attributes(table, mpp or (1.0, 1.0), type_names),
    )
    layer.contour = 2
    return layer
