"""A small plot of curves by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

HEIGHT_PX: Final = 110
MOST_POINTS: Final = 400
"""Points that are drawn of a curve; a dock is not wider than that."""
COLOURS: Final = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#999999")
"""Of Okabe and Ito, told apart by the colour-blind."""

Curves = Mapping[str, Mapping[int, float]]


class CurvePlot(QWidget):  # type: ignore[misc]
    """Curves with their names, and the largest and smallest values at the edges.

    It is painted by hand: a plotting library would take up to a second to import in the thread of the window.

    Parameters
    ----------
    title
        What the values are, for the accessible name and the tooltip.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._curves: Curves = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)
        self.setToolTip(title)

    def show_curves(self, curves: Curves) -> None:
        """Show curves: name -> step -> value."""
        self._curves = curves
        last = (f"{name} {points[max(points)]:.3g}" for name, points in curves.items())
        self.setAccessibleDescription(", ".join(last))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that suits a dock."""
        return QSize(280, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the smallest size in which curves can be told apart."""
        return QSize(120, HEIGHT_PX)

    def paintEvent(self, event: Any) -> None:  # noqa: ANN401, N802 - Qt's name, and Qt has no types
        """Paint frame, labels and curves."""
        del event
        values = [value for points in self._curves.values() for value in points.values()]
        if not values:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line_px = painter.fontMetrics().height()
        low, high = min(0.0, *values), max(values)
        steps = [step for points in self._curves.values() for step in points]
        first, last = min(steps), max(steps)
        left = painter.fontMetrics().horizontalAdvance(f"{high:.3g} ") + 2
        frame = QRectF(left, line_px + 2, self.width() - left - 4, self.height() - 2 * line_px - 4)
        self._paint_labels(painter, frame, (low, high), (first, last))
        for colour, (name, points) in zip(_cycle(len(self._curves)), self._curves.items(), strict=True):
            del name
            polygon = QPolygonF(
                [
                    QPointF(
                        frame.left() + frame.width() * (step - first) / max(last - first, 1),
                        frame.bottom() - frame.height() * (points[step] - low) / ((high - low) or 1.0),
                    )
                    for step in thin_out(points)
                ]
            )
            painter.setPen(QPen(colour, 1.5))
            painter.drawPolyline(polygon)
            if len(points) < 12:  # few validations, or the first steps: a line may be too short to see
                painter.setBrush(colour)
                for index in range(polygon.count()):
                    painter.drawEllipse(polygon.at(index), 2.0, 2.0)
                painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.end()

    def _paint_labels(
        self, painter: QPainter, frame: QRectF, values: tuple[float, float], steps: tuple[int, int]
    ) -> None:
        text = self.palette().color(QPalette.ColorRole.WindowText)
        metrics = painter.fontMetrics()
        x = frame.left()
        for colour, name in zip(_cycle(len(self._curves)), self._curves, strict=True):
            painter.setPen(colour)
            painter.drawText(QPointF(x, metrics.ascent()), name)
            x += metrics.horizontalAdvance(f"{name}  ")
        painter.setPen(text)
        low, high = values
        painter.drawText(QPointF(0, frame.top() + metrics.ascent() / 2), f"{high:.3g}")
        painter.drawText(QPointF(0, frame.bottom()), f"{low:.3g}")
        below, end = self.height() - metrics.descent(), f"step {steps[1]:,}"
        painter.drawText(QPointF(frame.left(), below), f"{steps[0]:,}")
        painter.drawText(QPointF(frame.right() - metrics.horizontalAdvance(end), below), end)
        faint = QColor(text)
        faint.setAlphaF(0.4)
        painter.setPen(faint)
        painter.drawLine(frame.bottomLeft(), frame.bottomRight())
        painter.drawLine(frame.bottomLeft(), frame.topLeft())


def thin_out(points: Mapping[int, float], most: int = MOST_POINTS) -> list[int]:
    """Return the steps of a curve in order, evenly thinned out to about a number; the last one is among them.

    Examples
    --------
    >>> thin_out(dict.fromkeys(range(10), 0.0), most=4)
    [0, 3, 6, 9]
    """
    steps = sorted(points)
    every = -(-len(steps) // most)
    return steps[(len(steps) - 1) % every :: every]


def _cycle(count: int) -> list[QColor]:
    return [QColor(COLOURS[index % len(COLOURS)]) for index in range(count)]
