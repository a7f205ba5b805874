"""Nuclei that a person corrects: operations on whole nuclei, types, and one history for all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_pathprune.plugin.layers.annotation.annotation_colours import (
    has_colours,
    list_colours,
    make_colormap,
    make_features,
)
from napari_pathprune.plugin.layers.annotation.annotation_history import AnnotationHistory, Edit
from napari_pathprune.plugin.layers.annotation.annotation_nuclei import EditedNuclei
from napari_pathprune.plugin.layers.annotation.annotation_shapes import Point, list_cut_parts, split_at_point

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.slides.reader import Mpp


class Annotation:
    """An editable Labels layer of nuclei, whose colours and features follow every edit.

    Parameters
    ----------
    layer
        A two-dimensional, single-scale Labels layer with a numpy array.
    region
        (y0, x0, y1, x1) in level-0 pixels of the slide; the shape of the layer.
    mpp
        Size of a level-0 pixel in um (y, x).
    type_names
        Names of the types, background first; empty if nuclei have no types.
    types
        Type of each nucleus; 0 or missing if it has none.

    Attributes
    ----------
    changed
        Signal without arguments, after each edit and each change of the selection.
    selection
        Ids of the selected nuclei.
    current_type
        Type of nuclei that are painted next.
    history
        What can be undone and redone.
    """

    changed = Signal()

    def __init__(
        self, layer: Labels, region: Box, mpp: Mpp, type_names: Sequence[str], types: Mapping[int, int]
    ) -> None:
        self.layer, self.region, self.mpp = layer, region, mpp
        self.type_names = tuple(type_names)
        self.types = {int(number): int(kind) for number, kind in types.items()}
        self.nuclei = EditedNuclei(layer.data)
        self.selection: tuple[int, ...] = ()
        self.current_type = 1 if len(self.type_names) > 1 else 0
        self.history = AnnotationHistory()
        self._next_id = max(self.nuclei.areas, default=0) + 1
        self._new_types: dict[int, int] = {}  # types of the nuclei that the current operation makes
        self._new_selection: tuple[int, ...] | None = None  # what it selects
        self._shown: dict[int | None, str] = {}  # the colours of the layer
        self._is_waiting = False
        self._picked = layer.selected_label
        layer.events.paint.connect(self._receive_step)
        layer.events.labels_update.connect(self._receive_pixels)
        layer.events.selected_label.connect(self._follow_selected_label)
        self._refresh()

    def counts(self) -> tuple[int, ...]:
        """Return the number of nuclei of each type, nuclei without a type first."""
        kinds = [self.type_of(number) for number in self.nuclei.areas]
        return tuple(int(count) for count in np.bincount(kinds, minlength=max(len(self.type_names), 1)))

    def type_of(self, number: int) -> int:
        """Return the type of a nucleus; 0 if it has none."""
        kind = self.types.get(number, 0)
        return kind if 0 < kind < len(self.type_names) else 0

    def select(self, numbers: Iterable[int]) -> None:
        """Select nuclei; numbers without a nucleus are ignored."""
        chosen = tuple(dict.fromkeys(int(number) for number in numbers if number in self.nuclei))
        if chosen != self.selection:
            self.selection = chosen
            if chosen:
                self.layer.selected_label = chosen[-1]
            self._refresh(is_edited=False)

    def toggle(self, number: int) -> None:
        """Add a nucleus to the selection, or take it out."""
        rest = [other for other in self.selection if other != number]
        self.select(rest if number in self.selection else [*rest, number])

    def find_at(self, point: Point) -> int:
        """Return the nucleus at (y, x) in pixels of the layer; 0 if there is none."""
        y, x = (round(position) for position in point)
        height, width = self.layer.data.shape
        return int(self.layer.data[y, x]) if 0 <= y < height and 0 <= x < width else 0

    def set_type(self, kind: int) -> None:
        """Set the type of the selected nuclei, and of nuclei that are painted next.

        Raises
        ------
        ValueError
            If there is no such type.
        """
        if not 0 <= kind < max(len(self.type_names), 1):
            names = ", ".join(f"{number} {name}" for number, name in enumerate(self.type_names) if number)
            raise ValueError(f"got type {kind}; expected one of: {names or 'none, these nuclei have no types'}")
        self.current_type = kind
        numbers = [number for number in self.selection if self.type_of(number) != kind]
        if numbers:
            self._remember(has_pixels=False, after=dict.fromkeys(numbers, kind))
        self._refresh()

    def start_new(self) -> int:
        """Choose a number that no nucleus has had, activate the paint brush, and return the number."""
        self.select(())
        self.layer.selected_label = self._next_id
        self.layer.mode = "paint"
        return self._next_id

    def delete(self) -> int:
        """Delete the selected nuclei, and return their number."""
        numbers = self.selection
        self._write([(*self.nuclei.mask(number), 0) for number in numbers], {})
        return len(numbers)

    def merge(self) -> int:
        """Join the selected nuclei to the first one, and return its number.

        Raises
        ------
        ValueError
            If fewer than two nuclei are selected.
        """
        if len(self.selection) < 2:
            raise ValueError("select two nuclei or more to merge them (Shift+click adds one)")
        first, *others = self.selection
        self._write([(*self.nuclei.mask(number), first) for number in others], {}, (first,))
        return first

    def split(self, point: Point | None = None) -> int:
        """Divide a nucleus at its waist, and return the number of the new one.

        Parameters
        ----------
        point
            (y, x) in pixels of the layer, in the nucleus to divide; by default the selected nucleus is divided.

        Raises
        ------
        ValueError
            If there is no nucleus, or it has a single pixel.
        """
        number = self.find_at(point) if point is not None else 0
        if not number:
            point, number = None, self.selection[-1] if self.selection else 0
        if not number:
            raise ValueError("point at a nucleus or select one to split it")
        mask, (top, left) = self.nuclei.mask(number)
        part = split_at_point(mask, None if point is None else (point[0] - top, point[1] - left))
        if not part.any():
            raise ValueError("this nucleus is a single pixel")
        [new] = self._divide([(number, part)])
        return new

    def cut(self, start: Point, end: Point) -> tuple[int, ...]:
        """Divide all nuclei that a line crosses from (y, x) to (y, x), and return the numbers of the new ones."""
        return self._divide(list(list_cut_parts(self.nuclei, start, end)))

    def undo(self) -> None:
        """Undo the last edit of pixels or types."""
        self._end_waiting()
        edit = self.history.undo()
        if edit is not None:
            self._restore(edit.before, self.layer.undo if edit.has_pixels else None)

    def redo(self) -> None:
        """Redo the edit that was undone last."""
        edit = self.history.redo()
        if edit is not None:
            self._restore(edit.after, self.layer.redo if edit.has_pixels else None)

    def disconnect_layer(self) -> None:
        """Stop following the layer."""
        self.layer.events.paint.disconnect(self._receive_step)
        self.layer.events.labels_update.disconnect(self._receive_pixels)
        self.layer.events.selected_label.disconnect(self._follow_selected_label)

    def _divide(self, parts: Sequence[tuple[int, NDArray[np.bool_]]]) -> tuple[int, ...]:
        """Assign a new number and the type of its nucleus to each part, a mask in the box of its nucleus."""
        new = tuple(range(self._next_id, self._next_id + len(parts)))
        types = {child: self.type_of(parent) for child, (parent, _) in zip(new, parts, strict=True)}
        corners = [self.nuclei.boxes[parent][:2] for parent, _ in parts]
        selection = (parts[-1][0], new[-1]) if new else None
        self._write(
            [(part, at, child) for child, at, (_, part) in zip(new, corners, parts, strict=True)], types, selection
        )
        return new

    def _write(
        self,
        changes: Sequence[tuple[NDArray[np.bool_], tuple[int, int], int]],
        types: Mapping[int, int],
        selection: tuple[int, ...] | None = None,
    ) -> None:
        """Set the pixels of masks at corners to numbers, as one step of the history, and select nuclei after it."""
        self._new_types, self._new_selection = dict(types), selection
        with self.layer.block_history():
            for mask, (top, left), number in changes:
                ys, xs = np.nonzero(mask)
                self.layer.data_setitem((ys + top, xs + left), number)
        self._new_types, self._new_selection = {}, None

    def _receive_step(self) -> None:
        """Record a step that napari has added to the history of the layer.

        napari reports the step of a polygon or a single call before it changes the pixels, and that of a stroke after.
        """
        self._end_waiting()
        self._is_waiting = True
        self._receive_pixels()

    def _receive_pixels(self) -> None:
        """Record the pixels of the step that was reported, once they have changed."""
        if not self._is_waiting:
            return
        before = set(self.nuclei.areas)
        changed = self.nuclei.update()
        if changed:
            self._is_waiting = False
            self._record(before, changed)

    def _end_waiting(self) -> None:
        """Record a step that changed no pixel in the end, so that both histories have the same steps."""
        if self._is_waiting:
            self._is_waiting = False
            self._remember(has_pixels=True, after={})

    def _record(self, before: set[int], changed: set[int]) -> None:
        born = {number for number in changed if number not in before and number in self.nuclei}
        after = {number: self._new_types.get(number, self.current_type) for number in born}
        self._next_id = max(self._next_id, *(number + 1 for number in born), 0)
        self._remember(has_pixels=True, after=after)
        selection = tuple(number for number in self.selection if number in self.nuclei)
        selection = selection or tuple(number for number in (self.layer.selected_label,) if number in born)
        self.selection = selection if self._new_selection is None else self._new_selection
        if self._new_selection:
            self.layer.selected_label = self._new_selection[-1]
        self._refresh()

    def _remember(self, *, has_pixels: bool, after: Mapping[int, int]) -> None:
        self.history.add(Edit(has_pixels, {number: self.types.get(number, 0) for number in after}, after))
        self.types.update(after)

    def _restore(self, types: Mapping[int, int], step: Any) -> None:  # noqa: ANN401 - a method or None
        if step is not None:
            step()
            self.nuclei.update()
        self.types.update(types)
        self.selection = tuple(number for number in self.selection if number in self.nuclei)
        self._refresh()

    def _follow_selected_label(self) -> None:
        """Select the nucleus that is picked with napari's own tools."""
        number = self.layer.selected_label
        is_new, self._picked = number != self._picked, number  # napari reports it at each change of colours as well
        if is_new and number not in self.selection:
            self.select([number])

    def _refresh(self, *, is_edited: bool = True) -> None:
        """Update features and, where they differ, colours, and report the change.

        napari redraws the whole layer when it has new colours, so it only gets them if a nucleus would have a wrong
        one. Nuclei that are gone keep theirs until they come back.
        """
        if is_edited:
            kinds = {number: self.type_of(number) for number in self.nuclei.areas}
            self.layer.features = make_features(self.nuclei, kinds, self.region, self.mpp, self.type_names)
        kinds = {number: self.type_of(number) for number in (*self.types, *self.nuclei.areas)}
        colours = list_colours(kinds, self.selection, self.current_type, self.type_names)
        if not has_colours(self._shown, colours, self.nuclei.areas):
            self._shown = colours
            self.layer.colormap = make_colormap(colours)
        self.changed.emit()
