"""Draw HoVer-Net's layers, coloured by the channel groups that `trace` finds: python draw_channel_groups.py OUT.png."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from napari_pathprune.models import build
from napari_pathprune.pruning import ChannelGraph, trace

ROWS = {"d0": 0, "d1": 1, "d2": 2, "d3": 3, "conv0": 0, "conv_bot": 2, "u3": 2, "u2": 1, "u1": 0, "u0": 0}
COLUMNS = {"encoder": 0.0, "tp": 26.0, "np": 46.0, "hv": 66.0}
TITLES = {"encoder": "encoder", "tp": "types (tp)", "np": "nuclear pixels (np)", "hv": "distances (hv)"}
SKIP_COLOURS = ("#d1495b", "#edae49", "#00798c", "#7b4fa3")
INTERNAL = "#c9ced6"


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution: its name, its channels, the row and column it is drawn in, and the group that it feeds."""

    name: str
    width: int
    row: int
    column: str
    group: str
    skip: bool


def layers_of(graph: ChannelGraph) -> Iterator[Layer]:
    """Return every layer that makes channels."""
    rows = {g.name: ROWS[g.name.split(".")[0]] for g in graph.groups if g.kind == "skip"}
    for group in graph.groups:
        for member in group.producers:
            parts = member.module.split(".")
            column, stage = (parts[1], parts[2]) if parts[0] == "decoder" else ("encoder", parts[0])
            row = rows.get(group.name, ROWS[stage])  # what makes a skip connection stands where it is added
            yield Layer(member.module, group.width, row, column, group.name, group.kind == "skip")


def draw(graph: ChannelGraph, path: str) -> None:
    """Draw one bar a layer, the higher the more channels it makes, in the colour of its skip group."""
    skips = [group for group in graph.groups if group.kind == "skip"]
    colours = dict(zip((g.name for g in skips), SKIP_COLOURS, strict=True))
    figure = Figure(figsize=(12, 6.2), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    places: dict[tuple[int, str], float] = {}
    for layer in sorted(layers_of(graph), key=lambda layer: not layer.skip and layer.column != "encoder"):
        x = places.get((layer.row, layer.column), COLUMNS[layer.column])
        height = 0.14 + 0.66 * (layer.width / 2048) ** 0.5
        bar = Rectangle(
            (x, layer.row - height / 2), 0.72, height, color=colours.get(layer.group, INTERNAL), linewidth=0
        )
        axes.add_patch(bar)
        places[layer.row, layer.column] = x + 1.0
    for group in skips:
        row, count = ROWS[group.name.split(".")[0]], len(group.producers)
        axes.text(
            -1.5,
            row,
            f"{group.width} channels,\nmade by {count} layers",
            ha="right",
            va="center",
            fontsize=10,
            color=colours[group.name],
            weight="bold",
        )
    for column, x in COLUMNS.items():
        axes.text(x, -0.62, TITLES[column], fontsize=11, weight="bold")
    internal = sum(group.kind != "skip" for group in graph.prunable)
    axes.text(
        26,
        3.0,
        f"One bar is one convolution, the higher the more channels it makes.\n"
        f"Bars of one colour lose the same channels: they are added to each other.\n"
        f"Grey: {internal} groups inside a unit or block, each cut on its own.",
        fontsize=10.5,
        va="center",
        linespacing=1.6,
    )
    axes.set(xlim=(-13, 86), ylim=(3.6, -0.9))
    axes.set_axis_off()
    figure.savefig(path)


if __name__ == "__main__":
    hovernet = build("hovernet", mode="fast", num_types=6).eval()
    draw(trace(hovernet, torch.zeros(1, 3, 128, 128)), sys.argv[1])
