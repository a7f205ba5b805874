"""Keys and mouse of an annotation layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_pathprune.plugin.layers.annotation.annotation_shapes import Point

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pathprune.plugin.layers.annotation.annotation import Annotation

Report = Callable[[str], None]
HIGHEST_KEY: Final = 9
CLICK_PX: Final = 4
"""Distance in canvas pixels within which a press and a release are a click rather than a drag."""


class AnnotationKeys:
    """Binds keys and mouse of the annotation's own layer; other layers keep theirs.

    ===================  ======================================================
    1 to 9               set the type of the selected nuclei and of new ones
    M                    paint a new nucleus
    Delete, Backspace    delete the selected nuclei
    S                    split the nucleus under the cursor, or the selected one
    C                    cut nuclei: draw a line across them
    A                    select with the mouse, in place of painting
    J                    join the selected nuclei
    Ctrl+Z               undo
    Ctrl+Shift+Z         redo
    click, Shift+click   select a nucleus, add one (pan/zoom and pick modes)
    ===================  ======================================================

    Parameters
    ----------
    annotation
        The annotation to edit.
    viewer
        Shows its layer.
    report
        Shows a line to the user: why something is not possible, or what was done.

    Attributes
    ----------
    is_cutting
        Whether the next drag cuts nuclei.
    """

    def __init__(self, annotation: Annotation, viewer: ViewerModel, report: Report) -> None:
        self.annotation, self._viewer, self._report = annotation, viewer, report
        self.is_cutting = False
        layer = annotation.layer
        keys: dict[str, Callable[[], object]] = {
            "M": annotation.start_new,
            "Delete": annotation.delete,
            "Backspace": annotation.delete,
            "S": self.split,
            "C": self.start_cut,
            "A": self.start_selecting,
            "J": annotation.merge,
            "Control-Z": annotation.undo,
            "Control-Shift-Z": annotation.redo,
            **{str(kind): partial(annotation.set_type, kind) for kind in range(1, HIGHEST_KEY + 1)},
        }
        for key, act in keys.items():
            layer.bind_key(key, self._make_handler(act), overwrite=True)
        self._bound = tuple(keys)
        layer.mouse_drag_callbacks.append(self._drag)

    def run(self, act: Callable[[], object]) -> None:
        """Run an operation, and report why it is not possible if it is not."""
        try:
            act()
        except ValueError as error:
            self._report(str(error)[:1].upper() + str(error)[1:])
        else:
            self._report("")

    def split(self) -> None:
        """Split the nucleus under the cursor, or the selected one."""
        point = self._to_pixels(self._viewer.cursor.position)
        self.annotation.split(point if self.annotation.find_at(point) else None)

    def start_cut(self) -> None:
        """Let the next drag cut nuclei along a line."""
        self.annotation.layer.mode = "pan_zoom"
        self.annotation.layer.mouse_pan = False
        self.is_cutting = True

    def start_selecting(self) -> None:
        """Let clicks select nuclei."""
        self._stop_cutting()
        self.annotation.layer.mode = "pan_zoom"

    def unbind(self) -> None:
        """Restore the keys and the mouse of napari."""
        layer = self.annotation.layer
        self._stop_cutting()
        for key in self._bound:
            layer.bind_key(key, None)
        layer.mouse_drag_callbacks.remove(self._drag)

    def _stop_cutting(self) -> None:
        if self.is_cutting:
            self.is_cutting, self.annotation.layer.mouse_pan = False, True

    def _make_handler(self, act: Callable[[], object]) -> Callable[[Any], None]:
        def handle(layer: Any) -> None:  # noqa: ANN401 - napari has no types
            del layer
            self.run(act)

        return handle

    def _drag(self, layer: Any, event: Any) -> Iterator[None]:  # noqa: ANN401 - napari has no types
        """Cut along a drag, or select the nucleus that is clicked."""
        if str(layer.mode) not in {"pan_zoom", "pick"}:
            return
        start, start_px = self._to_pixels(event.position), np.asarray(event.pos)
        is_adding = "Shift" in event.modifiers
        yield
        while event.type == "mouse_move":
            yield
        if self.is_cutting:
            self._stop_cutting()
            end = self._to_pixels(event.position)
            self.run(partial(self._cut, start, end))
        elif np.abs(np.asarray(event.pos) - start_px).max() <= CLICK_PX:
            number = self.annotation.find_at(start)
            if not is_adding:
                self.annotation.select([number])
            elif number:
                self.annotation.toggle(number)

    def _cut(self, start: Point, end: Point) -> None:
        if not self.annotation.cut(start, end):
            raise ValueError("draw the line across a nucleus to cut it")

    def _to_pixels(self, position: Any) -> Point:  # noqa: ANN401 - napari has no types
        y, x = np.asarray(self.annotation.layer.world_to_data(position))[-2:]
        return float(y), float(x)
