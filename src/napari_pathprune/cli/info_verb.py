"""``pathprune info``."""

from __future__ import annotations

from napari_pathprune.cli.terminal import Json, Model, say, say_json, table_of


def info(model: Model, as_json: Json = False) -> None:
    """Tell what a model is, what it costs, what happened to it, and its channel groups.

    Example: `pathprune info hovernet-s`
    """
    from napari_pathprune.workflows.info.model_info import describe

    description = describe(model)
    if as_json:
        say_json(description.to_dict())
        return
    say(table_of(("", "value"), description.facts(), str(model)))
    say(table_of(description.GROUP_COLUMNS, description.group_rows(), "Channel groups"))
