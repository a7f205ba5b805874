"""Edits of labels that two layers share: the other layer follows, and the edit is reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from psygnal import Signal


class EditWatch:
    """Follows edits of pairs of Labels layers, each of which shares its labels with the other.

    Parameters
    ----------
    pairs
        Labels layers of the user, each with its twin.

    Attributes
    ----------
    edited
        Signal without arguments: labels were edited, or a part of a stroke was drawn.
    """

    edited = Signal()

    def __init__(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        self._pairs = tuple(pairs)
        for layer in self._layers():
            layer.events.paint.connect(self._pass_on_edit)
            layer.events.data.connect(self._pass_on_edit)
            layer.events.labels_update.connect(self._note_stroke)
            layer.events.set_data.connect(self._note_redraw)
        self._sums: tuple[int, ...] | None = self._sum_labels()  # None after an edit

    def disconnect_layers(self) -> None:
        """Stop following the layers."""
        for layer in self._layers():
            layer.events.paint.disconnect(self._pass_on_edit)
            layer.events.data.disconnect(self._pass_on_edit)
            layer.events.labels_update.disconnect(self._note_stroke)
            layer.events.set_data.disconnect(self._note_redraw)

    def _layers(self) -> tuple[Any, ...]:
        return tuple(layer for pair in self._pairs for layer in pair)

    def _pass_on_edit(self, event: Any) -> None:  # noqa: ANN401 - napari has no types
        """Redraw the layer that shares the labels of the one that was edited."""
        for nuclei, twin in self._pairs:
            if event.source is twin:
                nuclei.refresh()
            elif event.source is nuclei:
                twin.refresh()
        self._sums = None
        self.edited.emit()

    def _note_stroke(self, event: object = None) -> None:
        """Report a part of a stroke; drawing waits for the end of the stroke."""
        del event
        self._sums = None
        self.edited.emit()

    def _note_redraw(self, event: object = None) -> None:
        """Report an undo, after which napari only draws the layer anew."""
        del event
        before, self._sums = self._sums, self._sum_labels()
        if before != self._sums:
            self.edited.emit()

    def _sum_labels(self) -> tuple[int, ...]:
        """Return sums that differ after an edit; 20 ms for two arrays of the largest size that can be edited."""
        arrays = [twin.data for _, twin in self._pairs if twin.editable and not twin.multiscale]
        return tuple(int(part) for data in arrays for part in (np.count_nonzero(data), data.sum(dtype=np.int64)))
