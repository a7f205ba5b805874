"""Description of a model file: its architecture, its cost and its history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from napari_pathprune.pruning import ChannelGraph, trace
from napari_pathprune.workflows.checkpoint import Checkpoint, find, load
from napari_pathprune.workflows.evaluate.ceiling import CARD_KEY, advise_on_ceiling
from napari_pathprune.workflows.prune.prune import PatchCost, compute_patch_cost, make_example


@dataclass(frozen=True, slots=True)
class GroupWidth:
    """One channel group of a model, today and before the first cut.

    Attributes
    ----------
    name, kind, splits
        See `pruning.graph.ChannelGroup`.
    width, dense_width
        Number of channels now and in the dense model.
    members
        Number of places that hold these channels.
    """

    name: str
    kind: str
    width: int
    dense_width: int
    splits: int
    members: int


@dataclass(frozen=True, slots=True)
class Description:
    """Description of a model file.

    Attributes
    ----------
    file
        Path of the file.
    checkpoint
        Its content.
    cost
        Cost of the model for one patch.
    graph
        Channel graph of the model.
    """

    GROUP_COLUMNS: ClassVar[tuple[str, ...]] = ("group", "kind", "width", "dense width", "splits", "members")

    file: str
    checkpoint: Checkpoint
    cost: PatchCost
    graph: ChannelGraph

    def facts(self) -> list[tuple[str, str]]:
        """Return rows of a name and a value, for a table."""
        known, cost = self.checkpoint, self.cost
        rows = [
            ("file", self.file),
            ("architecture", f"{known.architecture} {json.dumps(dict(known.config))}"),
            ("types", ", ".join(known.type_names) or "untyped"),
            ("pixel size", "unknown" if known.mpp is None else f"{known.mpp} um"),
            ("licence", known.licence),
            ("parameters", f"{cost.cost.params:,}"),
            ("MACs", f"{cost.cost.macs / 1e9:.2f} G for {cost.input_px} px in, {cost.output_px} px out"),
        ]
        rows += [(f"step {i}", _describe_step(step)) for i, step in enumerate(known.lineage, start=1)]
        card = {key: _join(value) for key, value in known.card.items()}
        card.setdefault(CARD_KEY, advise_on_ceiling(self.file).removeprefix("ceiling "))
        return rows + [(f"card: {key}", text) for key, text in card.items()]

    def group_rows(self) -> list[tuple[str, ...]]:
        """Return one row for each channel group, with cells for `GROUP_COLUMNS`."""
        return [
            (group.name, group.kind, *map(str, (group.width, group.dense_width, group.splits, group.members)))
            for group in self.group_widths()
        ]

    def group_widths(self) -> tuple[GroupWidth, ...]:
        """Return the widths of the channel groups, in the order of the network."""
        dense = self._dense_widths()
        return tuple(
            GroupWidth(
                group.name,
                group.kind,
                group.width,
                dense.get(group.name, group.width),
                group.splits,
                len(group.members),
            )
            for group in self.graph.groups
        )

    @property
    def dense_params(self) -> int:
        """Number of parameters before the first cut."""
        cuts = [step["params_before"] for step in self.checkpoint.lineage if step["step"] == "pruned"]
        return int(cuts[0]) if cuts else self.cost.cost.params

    def to_dict(self) -> dict[str, Any]:
        """Return the description as JSON values, without plans."""
        known, cost = self.checkpoint, self.cost
        return {
            "file": self.file,
            "architecture": known.architecture,
            "config": dict(known.config),
            "type_names": list(known.type_names),
            "mpp": known.mpp,
            "licence": known.licence,
            "params": cost.cost.params,
            "macs": cost.cost.macs,
            "input_px": cost.input_px,
            "output_px": cost.output_px,
            "lineage": [{k: v for k, v in step.items() if k != "plan"} for step in known.lineage],
            "card": dict(known.card),
            "groups": [dict(zip(self.GROUP_COLUMNS, row, strict=True)) for row in self.group_rows()],
        }

    def _dense_widths(self) -> dict[str, int]:
        """Return the width of each group before the first cut."""
        widths: dict[str, int] = {}
        for step in self.checkpoint.lineage:
            for name, (before, _) in step.get("widths", {}).items():
                widths.setdefault(name, before)
        return widths


def _join(value: object) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def _describe_step(step: Mapping[str, Any]) -> str:
    """Return a step of a lineage in one line."""
    if step["step"] == "pruned":
        cut = sum(before - after for before, after in step["widths"].values())
        whole = sum(before for before, _ in step["widths"].values())
        criterion, params = step["plan"].get("criterion"), step["params_before"]
        return f"pruned by {criterion}: {cut} of {whole} channels cut, from {params:,} parameters"
    return f"{step['step']}: " + ", ".join(f"{key} {value}" for key, value in step.items() if key != "step")


def describe(model_name: str) -> Description:
    """Read and trace a model file.

    Parameters
    ----------
    model_name
        A file, or the name of a packaged model.

    Raises
    ------
    ValueError
        If the file cannot be read.
    """
    checkpoint = load(model_name)
    model = checkpoint.model()
    return Description(
        str(find(model_name)), checkpoint, compute_patch_cost(checkpoint), trace(model, make_example(model))
    )
