"""``pathprune info``."""

from __future__ import annotations

from napari_pathprune.cli.terminal import Json, Model, make_table, print_json, print_result


def info(model: Model, as_json: Json = False) -> None:
    """Describe a model: its architecture, its cost, its history and its channel groups.

    Example: `pathprune info hovernet-s`
    """
    from napari_pathprune.workflows.info.model_info import describe

    description = describe(model)
    if as_json:
        print_json(description.to_dict())
        return
    print_result(make_table(("", "value"), description.facts(), str(model)))
    print_result(make_table(description.GROUP_COLUMNS, description.group_rows(), "Channel groups"))
