"""``pathprune prune``."""

from __future__ import annotations

from collections.abc import Mapping

from napari_pathprune.cli.options.cut_options import (
    METAVARS,
    NOTES,
    Faster,
    Macs,
    Params,
    Ratio,
    find_target,
    list_names,
    parse_caps,
)
from napari_pathprune.cli.options.field_options import FieldOptions, Given, take_options
from napari_pathprune.cli.terminal import Json, Model, Out, print_json, print_result


def _options() -> Mapping[str, FieldOptions]:
    from napari_pathprune.pruning import Limits
    from napari_pathprune.workflows.config.compress_settings import CompressSettings

    parse = {"caps": parse_caps}
    how = {"criterion": "`taylor` needs `compress`.", "decider": "", "scope": ""}
    return {
        "how": FieldOptions(CompressSettings, tuple(how), notes=how, show_defaults=True),
        "limits": FieldOptions(
            Limits, names={"caps": "cap"}, notes=NOTES, metavars=METAVARS, parse=parse, show_defaults=True
        ),
    }


@take_options(_options)
def prune(
    model: Model,
    out: Out,
    *,
    ratio: Ratio = None,
    params: Params = None,
    macs: Macs = None,
    faster: Faster = None,
    how: Given,
    limits: Given,
    as_json: Json = False,
) -> None:
    """Prune a model in one shot; layers whose outputs are added lose the same channels.

    `pathprune info MODEL` lists the channel groups that `--keep` and `--cap` name.

    Example: `pathprune prune hovernet-s -o small.safetensors --params 0.1`
    """
    from napari_pathprune.pruning import Limits
    from napari_pathprune.workflows.prune.prune import prune_checkpoint

    target = find_target(ratio=ratio, params=params, macs=macs, faster=faster)
    if target is None:
        raise ValueError(f"give one of {list_names(['ratio', 'params', 'macs', 'faster'])}")
    report = prune_checkpoint(model, out, target, **how, limits=Limits(**limits))
    if as_json:
        print_json(report.to_dict())
    else:
        print_result(report.summary())
