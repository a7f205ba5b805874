"""Imports in the background of what the window will need, so that it does not wait for them later."""

from __future__ import annotations

import importlib
import threading
from typing import Final

from napari_pathprune.base.plain_text import get_plain_logger

LOG = get_plain_logger(__name__)
MODULES: Final = (
    "napari_pathprune.plugin.layers.napari_reader",
    "napari_pathprune.slides.tissue",
    "napari_pathprune.instances.table",
    "napari_pathprune.workflows.compare.comparison",
    "skimage.segmentation",
    "zarr",
)
"""Modules that the thread of the window uses after a dock has been opened; none of them imports torch."""


def preload(modules: tuple[str, ...] = MODULES) -> threading.Thread:
    """Import modules in a thread of their own, and return it. One that cannot be imported is logged, and skipped."""
    thread = threading.Thread(target=_import, args=(modules,), name="preload", daemon=True)
    thread.start()
    return thread


def _import(modules: tuple[str, ...]) -> None:
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:  # whoever needs it will say so
            LOG.info("could not import %s ahead: %s", name, error)
