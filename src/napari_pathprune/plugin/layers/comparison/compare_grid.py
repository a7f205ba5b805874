"""Two results side by side in the grid of the viewer, and the user's own layout back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from napari.experimental import link_layers
from napari.layers import Labels, Layer
from psygnal import Signal

from napari_pathprune.base.box import Box, clip_box
from napari_pathprune.plugin.layers.comparison.difference_layer import make_difference_colormap
from napari_pathprune.plugin.layers.comparison.edit_watch import EditWatch
from napari_pathprune.plugin.layers.comparison.look_at import is_centred_in, look_at_box, look_at_point
from napari_pathprune.plugin.layers.comparison.twin_layers import copy_nuclei, copy_slide
from napari_pathprune.plugin.layers.comparison.viewer_layout import ViewerLayout, record_layout
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement, get_shape
from napari_pathprune.workflows.compare.difference import STATUS_COLOURS
from napari_pathprune.workflows.compare.disagreements import Status

if TYPE_CHECKING:
    from napari.components import ViewerModel

MARK: Final = "pathprune_compare"
"""Key of the metadata of layers that belong to a comparison."""
BLINK_KEY: Final = "K"
SPACING_PX: Final = 6
STRIDE: Final = 2
CONTEXT_PX: Final = 64
"""Labels are shown this far beyond the compared region, so that nuclei on its edge are whole."""
FIELD_PX: Final = 120
"""Side of the field around a nucleus that `CompareGrid.go_to` shows, in level-0 pixels."""
SIDES: Final = ("A", "B")


class CompareGrid:
    """Slide and nuclei twice, in the cells of the grid.

    The layers of the user are hidden and otherwise left alone. The grid shows twins of them, which share their arrays:
    what is painted in a twin is painted in the layer of the user as well.

    Parameters
    ----------
    viewer
        The viewer whose layers are compared.

    Attributes
    ----------
    edited
        Signal without arguments: labels of either side were edited.
    left
        Signal without arguments: the layout of the user was restored.
    twins
        The layers of the comparison, from the bottom: slide and nuclei of A, those of B, then slide and difference
        after `add_difference`.
    """

    edited = Signal()
    left = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._layout: ViewerLayout | None = None
        self._slide: Any = None
        self._nuclei: tuple[Any, ...] = ()
        self._blink_side = 0
        self._difference: tuple[Any, tuple[int, int]] | None = None
        self._watch: EditWatch | None = None
        self._opacity = [1.0, 1.0]  # of the nuclei of each side, while they are hidden
        self.twins: list[Any] = []

    @property
    def is_active(self) -> bool:
        """Whether the viewer shows a comparison."""
        return self._layout is not None

    @property
    def is_complete(self) -> bool:
        """Whether both sides are shown; false while their layers are being added."""
        return len(self.twins) >= 4

    @property
    def is_blinking(self) -> bool:
        """Whether A and B are shown in turn, in one canvas."""
        return self.is_active and not self._viewer.canvas.grid.enabled

    def enter(self, slide: Layer, a: Layer, b: Layer, region: Box, contour_px: int) -> Iterator[None]:
        """Show two results side by side; between two steps the window may draw.

        Parameters
        ----------
        slide
            Image layer of the slide.
        a, b
            Labels layers of its nuclei.
        region
            (y0, x0, y1, x1) that is compared, in level-0 pixels of the slide.
        contour_px
            Width of outlines.

        Yields
        ------
        None
            After each layer. The rest is left out if the comparison is left meanwhile.
        """
        assert not self.is_active
        viewer = self._viewer
        self._slide, self._nuclei, self._blink_side = slide, (a, b), 0
        self._layout = layout = record_layout(viewer)
        viewer.layers.events.removed.connect(self._layer_removed)
        for layer in viewer.layers:
            layer.visible = False
        y0, x0, y1, x1 = region
        shown = clip_box((y0 - CONTEXT_PX, x0 - CONTEXT_PX, y1 + CONTEXT_PX, x1 + CONTEXT_PX), get_shape(slide))
        grid = viewer.canvas.grid
        grid.enabled = False  # napari draws once for each change of an enabled grid
        grid.stride, grid.shape, grid.spacing = STRIDE, (1, -1), SPACING_PX
        for side, nuclei, status in zip(SIDES, (a, b), (Status.ONLY_A, Status.ONLY_B), strict=True):
            twin = copy_nuclei(nuclei, slide, shown, STATUS_COLOURS[status])
            twin.name, twin.contour = f"{side}: {nuclei.name}", contour_px
            for layer in (copy_slide(slide, f"{side}: {slide.name}"), twin):
                self._add(layer)
                yield
                if self._layout is not layout:
                    return
        link_layers([self.twins[0], self.twins[2]], ("opacity", "gamma", "contrast_limits"))
        viewer.layers.selection = {self.twins[1]}
        viewer.bind_key(BLINK_KEY, lambda _: self.blink(), overwrite=True)
        bar = viewer.canvas.overlays.scale_bar
        bar.visible = bar.gridded = True
        for layer in self.twins:
            layer.visible = True
            yield
            if self._layout is not layout:
                return
        self.show_side_by_side()
        if not is_centred_in(viewer, slide, region):  # else the user keeps the view
            look_at_box(viewer, slide, region)
        self._watch = EditWatch(list(zip((a, b), (self.twins[1], self.twins[3]), strict=True)))
        self._watch.edited.connect(self.edited.emit)

    def set_difference(self, data: Any, origin: tuple[int, int]) -> None:  # noqa: ANN401 - napari has no types
        """Set the labels of the difference. Its layers are added when they are shown for the first time.

        Parameters
        ----------
        data
            Labels with the values of `Status`: an array, or a list of levels.
        origin
            Position (y, x) of the first pixel, in level-0 pixels of the slide.
        """
        self._difference = (data, origin)
        if len(self.twins) > 4:
            self.twins[5].data = data

    def show_difference(self, *, visible: bool) -> Iterator[None]:
        """Show or hide the difference, in a cell of its own; between two steps the window may draw.

        Yields
        ------
        None
            After each layer.
        """
        if not self.is_complete or self._difference is None:
            return
        layout = self._layout
        if visible and len(self.twins) == 4:
            for layer in self._make_difference(*self._difference):
                selected = set(self._viewer.layers.selection)
                self._add(layer)
                self._viewer.layers.selection = selected
                yield
                if self._layout is not layout:
                    return
            self.twins[5].name_overlay.visible = True
        for layer in self.twins[4:]:
            _set_visible(layer, is_on=visible)
            yield
            if self._layout is not layout:
                return
        if visible:
            self.show_side_by_side()

    def _make_difference(self, data: Any, origin: tuple[int, int]) -> tuple[Layer, Layer]:  # noqa: ANN401
        """Return another twin of the slide, and the layer of the difference."""
        layer = Labels(
            data,
            name="difference",
            colormap=make_difference_colormap(),
            opacity=0.7,
            multiscale=isinstance(data, list),
            visible=False,
            **copy_placement(self._slide, origin),
        )
        layer.editable = False
        return copy_slide(self._slide, f"difference: {self._slide.name}"), layer

    def show_side_by_side(self) -> None:
        """Show A and B in two cells, and the difference in a third one if it is visible."""
        if self.is_complete:
            for layer in self.twins[:4]:
                _set_visible(layer, is_on=True)
            for side in (0, 1):
                self._show_nuclei(side, is_on=True)
            self._viewer.canvas.grid.enabled = True

    def blink(self) -> None:
        """Show A and B in turn in one canvas: A first, the other one at each call."""
        if not self.is_complete:
            return
        self._blink_side = 1 - self._blink_side if self.is_blinking else 0
        for layer in (self.twins[2], *self.twins[4:]):
            _set_visible(layer, is_on=False)
        for side in (0, 1):
            _set_visible(self.twins[1 + 2 * side], is_on=True)
            self._show_nuclei(side, is_on=side == self._blink_side)
        self._viewer.canvas.grid.enabled = False

    def _show_nuclei(self, side: int, *, is_on: bool) -> None:
        """Show or hide the nuclei of a side by their opacity: napari draws layers anew that become visible."""
        twin = self.twins[1 + 2 * side]
        if is_on and twin.opacity == 0:
            twin.opacity = self._opacity[side]
        elif not is_on and twin.opacity > 0:
            self._opacity[side], twin.opacity = twin.opacity, 0.0
        twin.name_overlay.visible = is_on

    def go_to(self, y: float, x: float, ids: tuple[int, int] = (0, 0)) -> None:
        """Centre all cells on a position of the slide, in level-0 pixels, and select the nuclei there.

        Parameters
        ----------
        y, x
            The position.
        ids
            Labels in A and in B; 0 for none.
        """
        look_at_point(self._viewer, self._slide, y, x, FIELD_PX)
        for twin, number in zip(self.twins[1:4:2], ids, strict=False):
            if number:
                twin.selected_label = number

    def show_box(self, box: Box) -> None:
        """Fit a box of level-0 pixels of the slide into the cells."""
        look_at_box(self._viewer, self._slide, box)

    def leave(self) -> Iterator[None]:
        """Remove the layers of the comparison and restore the layout of the user; in between the window may draw.

        Yields
        ------
        None
            After each layer.
        """
        layout, self._layout = self._layout, None
        if layout is None:
            return
        viewer, twins = self._viewer, self.twins
        viewer.layers.events.removed.disconnect(self._layer_removed)
        if self._watch is not None:
            self._watch.disconnect_layers()
        self._watch = self._slide = self._difference = None
        self.twins, self._nuclei = [], ()
        viewer.canvas.grid.enabled = False
        for layer in twins:
            layer.visible = False  # so that none is drawn again while others are removed
        yield
        for layer in reversed(twins):
            if layer in viewer.layers:
                viewer.layers.remove(layer)
                yield
        yield from layout.restore(viewer)
        self.left.emit()

    def _add(self, layer: Any) -> None:  # noqa: ANN401 - napari has no types
        """Insert a layer below those of the user, so that groups of `STRIDE` start with those of the comparison."""
        layer.metadata = {**layer.metadata, MARK: True, "is_finished": False}  # the shelf leaves it alone
        self._viewer.layers.insert(len(self.twins), layer)
        self.twins.append(layer)

    def _layer_removed(self, event: Any) -> None:  # noqa: ANN401 - napari has no types
        gone = getattr(event.value, "__wrapped__", event.value)
        if any(gone is layer for layer in (*self.twins, *self._nuclei, self._slide)):
            for _ in self.leave():
                pass


def _set_visible(layer: Any, *, is_on: bool) -> None:  # noqa: ANN401 - napari has no types
    """Show or hide a layer; napari draws a layer anew whenever it is set visible, even if it was before."""
    if layer.visible != is_on:
        layer.visible = is_on
