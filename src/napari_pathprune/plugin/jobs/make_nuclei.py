"""How the packaged nuclei of the sample slide were made."""

from __future__ import annotations

from pathlib import Path

from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.plugin.jobs.segment_job import (
    ModelLoaded,
    SegmentRequest,
    SegmentWorkflow,
    load_and_segment,
    paint_tiles,
)
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.plugin.layers.sample_data import MODEL, NUCLEI, SLIDE, save_nuclei
from napari_pathprune.slides.reader import open_slide


def make_nuclei(path: Path | None = None, model: str = MODEL, workflow: SegmentWorkflow = load_and_segment) -> Path:
    """Segment the packaged slide and write its nuclei. This takes minutes.

    The file of the compact model is ``make_nuclei(packaged_file(COMPACT_NUCLEI), COMPACT_MODEL)``.

    Parameters
    ----------
    path
        The file to write; by default the packaged one of the dense model.
    model
        The name of a packaged model, or the path of a model file.
    workflow
        How to segment.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ValueError
        If the model cannot be run.
    """
    path = path or packaged_file(NUCLEI)
    type_names: tuple[str, ...] = ()
    with open_slide(packaged_file(SLIDE)) as slide:
        request = SegmentRequest(slide, model, (0, 0, *slide.shape))
        canvas = NucleiCanvas(request.region)
        for event in paint_tiles(workflow(request), canvas):
            if isinstance(event, ModelLoaded):
                type_names = event.type_names
    save_nuclei(path, canvas.data, canvas.table(), type_names)
    return path
