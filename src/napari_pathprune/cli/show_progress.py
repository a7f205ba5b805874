"""How far a workflow is: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Event = TypeVar("Event")

err: Final = Console(stderr=True)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=err,
        disable=not err.is_terminal,
    )


def followed(events: Iterable[Event], label: str) -> Iterator[Event]:
    """Show the progress of a workflow on a terminal, and a line every ten seconds elsewhere."""
    with _progress() as progress:
        task = progress.add_task(label, total=None, note="")
        begin = shown = time.monotonic()
        first = before = 0  # how far it was at `begin`: the first step warms up, a resumed run starts further on
        for event in events:
            done, total, note = _position(event)
            if total is not None:
                progress.update(task, completed=done, total=total, note=note)
                now = time.monotonic()
                if (not first and done) or done < before:
                    first, begin = done, now
                before = done
                if not err.is_terminal and (now - shown > 10.0 or done == total):
                    pace = (now - begin) / (done - first) if done > first else None
                    left = "" if pace is None else f"about {pace * (total - done):.0f} s left "
                    err.print(f"{label}: {done}/{total}, {left}{note}", highlight=False, soft_wrap=True)
                    shown = now
            line = _line(event)
            if line:
                err.print(line, highlight=False, soft_wrap=True)
            yield event


def _position(event: object) -> tuple[int, int | None, str]:
    from napari_pathprune.training.fit_events import StepDone
    from napari_pathprune.workflows.evaluate.score import ImageScored
    from napari_pathprune.workflows.segment.segment import SegmentStarted, TileDone

    match event:
        case TileDone(done=done, total=total):
            return done, total, f"{len(event.table)} nuclei in this tile"
        case SegmentStarted(tiles=tiles):
            return 0, tiles, ""
        case ImageScored(model=model, image=image, pq=pq, done=done, total=total):
            return done, total, f"{model} on {image}: PQ {pq:.3f}"
        case StepDone(step=step, steps=steps):
            return step, steps, f"loss {sum(event.losses.values()):.2f}"
        case _:
            return 0, None, ""


def _line(event: object) -> str:
    """Tell what deserves a line of its own."""
    from napari_pathprune.training.fit_events import BatchSplit, Validated
    from napari_pathprune.workflows.compress.compress import StageDone, StageStarted

    match event:
        case BatchSplit(step=step, pieces=pieces):
            return f"memory ran out at step {step}: batches are computed in {pieces} pieces from here on"
        case Validated(step=step, scores=scores, best=best):
            told = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
            return f"validated at step {step}: {told}{', the best so far' if best else ''}"
        case StageStarted(number=number, stages=stages, params=params, dense_params=dense):
            return f"stage {number} of {stages}: {params:,} parameters, {params / dense:.1%} of the dense model's"
        case StageDone(stage=stage, within=False):
            return f"stage {stage.number} lost more than is allowed: the one before it is kept"
        case _:
            return ""
