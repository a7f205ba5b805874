"""The description of a model in words, for the rows of the Model dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from napari_pathprune.base.time_left import format_duration

if TYPE_CHECKING:
    from napari_pathprune.workflows.info.measure_speed import Speed
    from napari_pathprune.workflows.info.model_info import Description

Rows = list[tuple[str, str]]
ARCHITECTURES: Final = {"hovernet": "HoVer-Net"}
CARD: Final = "card: "
TRAINED: Final = "trained on"


def list_facts(description: Description) -> Rows:
    """Return the main facts about a model: architecture, pixel size, cost, licence."""
    known, cost = description.checkpoint, description.cost
    settings = ", ".join(f"{key} {value}" for key, value in known.config.items() if key != "num_types")
    params, dense = cost.cost.params, description.dense_params
    kept = f" ({params / dense:.0%} of {dense:,} before pruning)" if params < dense else ""
    return [
        ("Architecture", f"{ARCHITECTURES.get(known.architecture, known.architecture)} ({settings})"),
        ("Pixel size", "unknown" if known.mpp is None else f"{known.mpp:g} µm/px"),
        ("Parameters", f"{params:,}{kept}"),
        ("MACs", f"{cost.cost.macs / 1e9:.3g} G for {cost.input_px} px in, {cost.output_px} px out"),
        ("Licence", known.licence),
    ]


def list_card(description: Description) -> Rows:
    """Return what the card of a model states besides its training data: purpose, scores, limits."""
    facts = [(name.removeprefix(CARD), text) for name, text in description.facts() if name.startswith(CARD)]
    return [(_capitalise(name), text) for name, text in facts if name != TRAINED]


def list_history(description: Description) -> Rows:
    """Return the training data of a model, and one row for each step of its lineage."""
    trained = description.checkpoint.card.get(TRAINED)
    steps = [text.partition(": ") for name, text in description.facts() if name.startswith("step ")]
    rows = [(f"Step {number}", f"{_capitalise(head)}: {rest}") for number, (head, _, rest) in enumerate(steps, start=1)]
    return [*([("Trained on", str(trained))] if trained else []), *(rows or [("Steps", "not recorded")])]


def describe_speed(speed: Speed) -> str:
    """Return a measured speed in words, such as "1 mm² takes about 20 s (CPU, 2 threads)"."""
    return f"1 mm² takes about {format_duration(speed.seconds_per_mm2)} ({speed.device})"


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]
