"""``pathprune finetune``."""

from __future__ import annotations

from collections.abc import Mapping

from napari_pathprune.cli.options.field_options import FieldOptions, Given, take_options
from napari_pathprune.cli.options.training_options import (
    Mpp,
    OptionalSource,
    Unlabelled,
    fit_options,
    loss_options,
    read_settings,
    run_training,
)
from napari_pathprune.cli.terminal import Json, Model, Out


def _options() -> Mapping[str, FieldOptions]:
    return {"fit": fit_options(), "losses": loss_options()}


@take_options(_options)
def finetune(
    model: Model,
    source: OptionalSource = None,
    *,
    out: Out,
    unlabelled: Unlabelled = None,
    mpp: Mpp = None,
    fit: Given,
    losses: Given,
    as_json: Json = False,
) -> None:
    """Train a model further, such as a compact one. A training that was stopped resumes when it is started again.

    `type_names` in the `[model]` of the config name the types, such as those of an imported model. Slides without
    annotation need a `--teacher`, such as the dense model that a compact one was cut from.

    Example: `pathprune finetune small.safetensors data/ -o tuned.safetensors --steps 200`
    """
    run_training(read_settings(source, fit, losses, unlabelled, mpp), out, start=model, as_json=as_json)
