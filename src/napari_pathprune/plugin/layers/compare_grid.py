"""Two results side by side in the grid of the viewer, and the user's own layout back afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.experimental import link_layers
from napari.layers import Labels, Layer
from psygnal import Signal

from napari_pathprune.base.box import Box, clip_box
from napari_pathprune.plugin.layers.difference_layer import make_difference_colormap
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement, get_shape
from napari_pathprune.plugin.layers.twin_layers import copy_nuclei, copy_slide
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


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """What the user had: which layers are visible and selected, the grid, and the scale bar."""

    visible: tuple[tuple[Any, bool], ...]
    selected: tuple[Any, ...]
    active: Any
    grid: dict[str, Any]
    scale_bar: dict[str, Any]
    keymap: dict[Any, Any]


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
        self._layout: _Layout | None = None
        self._slide: Any = None
        self._nuclei: tuple[Any, ...] = ()
        self._region: Box = (0, 0, 0, 0)
        self._blink_side = 0
        self._difference: tuple[Any, tuple[int, int]] | None = None
        self._sums: tuple[int, ...] | None = None  # None after an edit
        self.twins: list[Any] = []

    @property
    def is_active(self) -> bool:
        """Whether the viewer shows a comparison."""
        return self._layout is not None

    @property
    def is_blinking(self) -> bool:
        """Whether A and B are shown in turn, in one canvas."""
        return self.is_active and not self._viewer.canvas.grid.enabled

    def enter(self, slide: Layer, a: Layer, b: Layer, region: Box, contour_px: int) -> None:
        """Show two results side by side.

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
        """
        assert not self.is_active
        viewer = self._viewer
        self._slide, self._nuclei, self._region, self._blink_side = slide, (a, b), region, 0
        self._layout = self._record()
        for layer in viewer.layers:
            layer.visible = False
        y0, x0, y1, x1 = region
        shown = clip_box((y0 - CONTEXT_PX, x0 - CONTEXT_PX, y1 + CONTEXT_PX, x1 + CONTEXT_PX), get_shape(slide))
        grid = viewer.canvas.grid
        grid.enabled = False  # napari draws once for each change of an enabled grid
        grid.stride, grid.shape, grid.spacing = STRIDE, (1, -1), SPACING_PX
        for side, nuclei, status in zip(SIDES, (a, b), (Status.ONLY_A, Status.ONLY_B), strict=True):
            self._add(copy_slide(slide, f"{side}: {slide.name}"))
            twin = copy_nuclei(nuclei, slide, shown, STATUS_COLOURS[status])
            twin.name, twin.contour = f"{side}: {nuclei.name}", contour_px
            self._add(twin)
        link_layers([self.twins[0], self.twins[2]], ("opacity", "gamma", "contrast_limits"))
        for nuclei, twin in zip((a, b), (self.twins[1], self.twins[3]), strict=True):
            twin.name_overlay.visible = True
            for layer in (nuclei, twin):
                layer.events.paint.connect(self._pass_on_edit)
                layer.events.data.connect(self._pass_on_edit)
                layer.events.labels_update.connect(self._note_edit)
        viewer.layers.selection = {self.twins[1]}
        viewer.layers.events.removed.connect(self._layer_removed)
        viewer.bind_key(BLINK_KEY, lambda _: self.blink(), overwrite=True)
        bar = viewer.canvas.overlays.scale_bar
        bar.visible = bar.gridded = True
        self.show_side_by_side()
        self._show_region()
        self._sums = self._sum_labels()
        for layer in (a, b, self.twins[1], self.twins[3]):
            layer.events.set_data.connect(self._note_redraw)

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

    def show_difference(self, *, visible: bool) -> None:
        """Show or hide the difference, in a cell of its own."""
        if not self.is_active or self._difference is None:
            return
        if visible and len(self.twins) == 4:
            self._add_difference(*self._difference)
        for layer in self.twins[4:]:
            layer.visible = visible
        if visible:
            self.show_side_by_side()

    def _add_difference(self, data: Any, origin: tuple[int, int]) -> None:  # noqa: ANN401 - napari has no types
        slide = copy_slide(self._slide, f"difference: {self._slide.name}")
        placement = copy_placement(self._slide, origin)
        is_multiscale = isinstance(data, list)
        layer = Labels(
            data,
            name="difference",
            colormap=make_difference_colormap(),
            opacity=0.7,
            multiscale=is_multiscale,
            visible=False,
            **placement,
        )
        layer.editable = False
        selected = set(self._viewer.layers.selection)
        for one in (slide, layer):
            self._add(one)
        self._viewer.layers.selection = selected
        layer.name_overlay.visible = True

    def show_side_by_side(self) -> None:
        """Show A and B in two cells, and the difference in a third one if it is visible."""
        for layer in self.twins[:4]:
            layer.visible = True
        self._viewer.canvas.grid.enabled = True

    def blink(self) -> None:
        """Show A and B in turn in one canvas: A first, the other one at each call."""
        if not self.is_active:
            return
        self._blink_side = 1 - self._blink_side if self.is_blinking else 0
        shown = {id(self.twins[0]), id(self.twins[1 + 2 * self._blink_side])}
        for layer in self.twins:
            layer.visible = id(layer) in shown
        self._viewer.canvas.grid.enabled = False

    def go_to(self, y: float, x: float, ids: tuple[int, int] = (0, 0)) -> None:
        """Centre all cells on a position of the slide, in level-0 pixels, and select the nuclei there.

        Parameters
        ----------
        y, x
            The position.
        ids
            Labels in A and in B; 0 for none.
        """
        self._look_at(y, x, FIELD_PX, FIELD_PX, closer_only=True)
        for twin, number in zip((self.twins[1], self.twins[3]), ids, strict=True):
            if number:
                twin.selected_label = number

    def show_box(self, box: Box) -> None:
        """Fit a box of level-0 pixels of the slide into the cells."""
        y0, x0, y1, x1 = box
        self._look_at((y0 + y1 - 1) / 2, (x0 + x1 - 1) / 2, y1 - y0, x1 - x0)

    def leave(self) -> None:
        """Remove the layers of the comparison and restore the layout of the user."""
        layout, self._layout = self._layout, None
        if layout is None:
            return
        viewer = self._viewer
        viewer.layers.events.removed.disconnect(self._layer_removed)
        for layer in (*self._nuclei, self.twins[1], self.twins[3]):
            layer.events.paint.disconnect(self._pass_on_edit)
            layer.events.data.disconnect(self._pass_on_edit)
            layer.events.labels_update.disconnect(self._note_edit)
            layer.events.set_data.disconnect(self._note_redraw)
        viewer.canvas.grid.enabled = False
        for layer in self.twins:
            if layer in viewer.layers:
                viewer.layers.remove(layer)
        for layer in self._nuclei:
            layer.refresh()
        self.twins, self._nuclei, self._slide, self._difference, self._sums = [], (), None, None, None
        for layer, visible in layout.visible:
            if layer in viewer.layers:
                layer.visible = visible
        viewer.layers.selection = {layer for layer in layout.selected if layer in viewer.layers}
        if layout.active in viewer.layers:
            viewer.layers.selection.active = layout.active
        viewer.canvas.grid.update(layout.grid)
        viewer.canvas.overlays.scale_bar.update(layout.scale_bar)
        viewer.keymap = layout.keymap
        self.left.emit()

    def _record(self) -> _Layout:
        viewer = self._viewer
        grid, bar = viewer.canvas.grid, viewer.canvas.overlays.scale_bar
        return _Layout(
            tuple((layer, layer.visible) for layer in viewer.layers),
            tuple(viewer.layers.selection),
            viewer.layers.selection.active,
            {name: getattr(grid, name) for name in ("stride", "shape", "spacing", "enabled")},
            {name: getattr(bar, name) for name in ("visible", "gridded")},
            dict(viewer.keymap),
        )

    def _add(self, layer: Any) -> None:  # noqa: ANN401 - napari has no types
        """Insert a layer below those of the user, so that groups of `STRIDE` start with those of the comparison."""
        layer.metadata = {**layer.metadata, MARK: True, "is_finished": False}  # the shelf leaves it alone
        self._viewer.layers.insert(len(self.twins), layer)
        self.twins.append(layer)

    def _pass_on_edit(self, event: Any) -> None:  # noqa: ANN401 - napari has no types
        """Redraw the layer that shares the labels of the one that was edited."""
        pairs = zip(self._nuclei, (self.twins[1], self.twins[3]), strict=True)
        for nuclei, twin in pairs:
            if event.source is twin:
                nuclei.refresh()
            elif event.source is nuclei:
                twin.refresh()
        self._sums = None
        self.edited.emit()

    def _note_edit(self, event: object = None) -> None:
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
        arrays = [twin.data for twin in (self.twins[1], self.twins[3]) if twin.editable and not twin.multiscale]
        return tuple(int(part) for data in arrays for part in (np.count_nonzero(data), data.sum(dtype=np.int64)))

    def _layer_removed(self, event: Any) -> None:  # noqa: ANN401 - napari has no types
        gone = getattr(event.value, "__wrapped__", event.value)
        if any(gone is layer for layer in (*self.twins, *self._nuclei, self._slide)):
            self.leave()

    def _show_region(self) -> None:
        """Keep the view if it is centred on the compared region, else fit the region."""
        camera = self._viewer.scene.camera
        point = np.asarray(self._viewer.dims.point, float)
        point[list(self._viewer.dims.displayed)] = np.asarray(camera.center)[-len(self._viewer.dims.displayed) :]
        y, x = self._slide.world_to_data(point)[-2:]
        y0, x0, y1, x1 = self._region
        if not (y0 <= y < y1 and x0 <= x < x1):
            self.show_box(self._region)

    def _look_at(self, y: float, x: float, height_px: float, width_px: float, *, closer_only: bool = False) -> None:
        viewer, slide = self._viewer, self._slide
        centre = np.asarray(slide.data_to_world((y, x)))[-2:]
        step = np.asarray(slide.data_to_world((y + 1.0, x)))[-2:] - centre
        world_px = float(np.linalg.norm(step))
        canvas = viewer.canvas
        height, width = canvas.viewbox_size(viewer.layers) if canvas.grid.enabled else canvas.size
        zoom = min(height / (height_px * world_px), width / (width_px * world_px))
        camera = viewer.scene.camera
        camera.center = (0.0, float(centre[0]), float(centre[1]))
        camera.zoom = max(camera.zoom, zoom) if closer_only else 0.95 * zoom
