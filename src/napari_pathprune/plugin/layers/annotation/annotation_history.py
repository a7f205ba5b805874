"""The history of an annotation: edits of pixels and of types, undone in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

HISTORY: Final = 100
"""Number of edits that can be undone, as many as napari keeps of a Labels layer."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One step of the history.

    Attributes
    ----------
    has_pixels
        Whether it is a step of the layer's own history as well.
    before, after
        Types that it changed.
    """

    has_pixels: bool
    before: Mapping[int, int]
    after: Mapping[int, int]


class AnnotationHistory:
    """Edits that can be undone, and those that can be redone; a new edit forgets the latter.

    Examples
    --------
    >>> history = AnnotationHistory()
    >>> history.add(Edit(False, {3: 1}, {3: 2}))
    >>> history.undo().before, history.can_undo, history.redo().after
    ({3: 1}, False, {3: 2})
    """

    def __init__(self) -> None:
        self._done: deque[Edit] = deque(maxlen=HISTORY)
        self._undone: list[Edit] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to redo."""
        return bool(self._undone)

    def add(self, edit: Edit) -> None:
        """Record an edit."""
        self._done.append(edit)
        self._undone.clear()

    def undo(self) -> Edit | None:
        """Return the edit to undo, which can be redone then; None if there is none."""
        if not self._done:
            return None
        self._undone.append(self._done.pop())
        return self._undone[-1]

    def redo(self) -> Edit | None:
        """Return the edit to redo; None if there is none."""
        if not self._undone:
            return None
        self._done.append(self._undone.pop())
        return self._done[-1]
