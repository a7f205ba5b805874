"""``pathprune train``."""

from __future__ import annotations

from collections.abc import Mapping

from napari_pathprune.cli.options.field_options import FieldOptions, Given, take_options
from napari_pathprune.cli.options.training_options import Source, fit_options, read_settings, run_training
from napari_pathprune.cli.terminal import Json, Out


def _options() -> Mapping[str, FieldOptions]:
    return {"fit": fit_options()}


@take_options(_options)
def train(source: Source, out: Out, fit: Given, as_json: Json = False) -> None:
    """Train a new model. A training that was stopped resumes when it is started again.

    Example: `pathprune train train.toml -o model.safetensors`
    """
    run_training(read_settings(source, fit), out, start=None, as_json=as_json)
