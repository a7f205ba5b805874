"""The run of a model that a trace watches: in evaluation mode, and in training mode for heads that need it."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from napari_pathprune.pruning.cutting.verify import fix_randomness
from napari_pathprune.pruning.modules.example import Arguments, map_tensors, word_failure
from napari_pathprune.pruning.modules.kinds import first_line
from napari_pathprune.pruning.modules.replica import copy_empty, copy_model, empty_like, find_tensors, state_of
from napari_pathprune.pruning.tracing.operation_watcher import disable_fused_layers
from napari_pathprune.pruning.tracing.rules.rule_table import RULES
from napari_pathprune.pruning.tracing.tracer import Tracer

NOT_FOLLOWED: Final = "its operations cannot be watched"
NO_OUTPUT: Final = "the model returns no tensor"


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A model that has been run, and what was seen.

    Attributes
    ----------
    model, given
        The model and its arguments.
    tracer
        What was seen.
    passes
        Whether each run was in training mode.
    fails
        Whether the last run ended in an error: training mode can need targets.
    """

    model: nn.Module
    given: Arguments
    tracer: Tracer
    passes: tuple[bool, ...] = (False,)
    fails: bool = False


def run_traced(model: nn.Module, given: Arguments) -> Traced:
    """Run a model without values if possible, or else with values, and watch it.

    Raises
    ------
    ValueError
        If the model does not run on the example.
    """
    # an error of a run without values may be due to their absence; only a real run can show
    with contextlib.suppress(Exception):
        traced = _watch(model, given, empty=True)
        return _watch(model, given, empty=True, constants=True) if traced.tracer.misses_constants else traced
    try:
        return _watch(model, given, empty=False)
    except Exception as error:  # noqa: BLE001 (whose it is shows a run that nobody watches)
        _check_runs(model, given)
        return _freeze_model(model, given, f"{NOT_FOLLOWED} ({first_line(error)})")


def _check_runs(model: nn.Module, given: Arguments) -> None:
    """Raise if a model does not run on its arguments when nothing watches it."""
    copy = copy_model(model).eval()
    try:
        with torch.no_grad(), fix_randomness():
            args, kwargs = map_tensors(torch.clone, given)
            copy(*args, **kwargs)
    except Exception as error:
        raise ValueError(word_failure(given, error)) from error


def _freeze_model(model: nn.Module, given: Arguments, why: str) -> Traced:
    """Return a trace of a model that nothing is known of, in which all is frozen."""
    copy = copy_empty(model)
    tracer = Tracer(copy, state_of(copy), RULES, empty=True)
    tracer.freeze_all(why)
    return Traced(model, given, tracer, ())


def _watch(model: nn.Module, given: Arguments, *, empty: bool, constants: bool = False) -> Traced:
    copy = copy_empty(model) if empty else copy_model(model)
    tracer = Tracer(copy, state_of(copy), RULES, empty=empty)
    tracer.keeps_constants = constants
    if not _run_once(tracer, copy, given, training=False):
        tracer.freeze_all(NO_OUTPUT)
        return Traced(model, given, tracer)
    if not tracer.list_unmet():
        return Traced(model, given, tracer)
    counted, fails = len(tracer.ids.macs), False
    try:
        _run_once(tracer, copy, given, training=True)
    except Exception:  # noqa: BLE001 (training can need more than the example)
        fails = True
    if fails:  # after the error is gone, which holds all tensors of the run
        tracer.freeze_outputs([])
        tracer.freeze_unmet()
    del tracer.ids.macs[counted:]
    return Traced(model, given, tracer, (False, True), fails)


def _run_once(tracer: Tracer, copy: nn.Module, given: Arguments, *, training: bool) -> bool:
    """Run a copy and freeze what leaves it; return whether it returned tensors."""
    with torch.inference_mode(), disable_fused_layers(), fix_randomness(), tracer.watch():
        outputs = run_copy(copy, given, empty=tracer.empty, training=training, note=tracer.note_input)
        tensors = list(find_tensors(outputs))  # iterators run here
    tracer.freeze_outputs(tensors)
    return bool(tensors)


@contextlib.contextmanager
def pause_collector() -> Iterator[None]:
    """Switch the garbage collector off in a ``with`` block that makes many small objects, and little garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def run_copy(
    copy: nn.Module, given: Arguments, *, empty: bool, training: bool, note: Callable[[Tensor], None] | None = None
) -> object:
    """Run a copy of a model; in training mode, norms still use their statistics, as one image has none.

    Parameters
    ----------
    copy
        The model; its mode is changed.
    given
        Arguments.
    empty
        Whether to run without values.
    training
        The mode.
    note
        Called with each tensor among the arguments.
    """
    for module in copy.modules():
        module.training = training and not isinstance(module, _NormBase)
    args, kwargs = map_tensors(empty_like if empty else torch.clone, given)
    if note:
        for tensor in find_tensors((args, kwargs)):
            note(tensor)
    return copy(*args, **kwargs)
