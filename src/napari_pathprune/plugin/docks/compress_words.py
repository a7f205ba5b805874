"""What the Compress dock says about jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pathprune.plugin.widgets.compress.compress_cut import format_count

if TYPE_CHECKING:
    from napari_pathprune.plugin.jobs.job import JobEnd
    from napari_pathprune.plugin.jobs.processes.process_job import ProcessJob


def name_job(job: ProcessJob) -> str:
    """Return what a job does, as a noun phrase."""
    what = "compression" if job.arguments[0] == "compress" else "fine-tuning"
    return f"{what} of {Path(str(job.notes['model'])).stem}"


def describe_result(end: JobEnd, out: str) -> str:
    """Return one or two lines about a job that has run to its end.

    Parameters
    ----------
    end
        Its last event is a logged `CompressDone` or `FitDone`.
    out
        Name of the file that was written.

    Examples
    --------
    >>> from napari_pathprune.base.event_log import LoggedEvent
    >>> from napari_pathprune.plugin.jobs.job import JobFinished
    >>> done = LoggedEvent(20, 20, "", False, "FitDone", {"best_step": 20, "scores": {"pq": 0.61}})
    >>> describe_result(JobFinished("", done), "tuned.safetensors")
    'Wrote tuned.safetensors: pq 0.610.'
    """
    facts: Mapping[str, Any] = getattr(end.last, "facts", {})
    report = facts.get("report")
    if report is None:
        scores = ", ".join(f"{name} {value:.3f}" for name, value in (facts.get("scores") or {}).items())
        return f"Wrote {out}: {scores}." if scores else f"Wrote {out}."
    stages, kept = report["stages"], report["kept"]
    if not kept:
        return "Even the first cut lost more than allowed, so no model was written. The report shows what it lost."
    dense, small = stages[0], stages[kept]
    sizes = f"parameters {format_count(dense['params'])} \u2192 {format_count(small['params'])}"
    scores = "".join(
        f", {name} {dense['scores'][name]:.3f} \u2192 {value:.3f}"
        for name, value in small["scores"].items()
        if value is not None and dense["scores"].get(name) is not None
    )
    return f"Wrote {out}: {sizes} ({small['params'] / dense['params']:.1%}){scores or ', not scored'}."
