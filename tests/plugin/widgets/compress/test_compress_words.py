"""The dock states in one line what a job has made."""

from napari_pathprune.base.event_log import LoggedEvent
from napari_pathprune.plugin.jobs.job import JobFinished
from napari_pathprune.plugin.widgets.compress.compress_words import describe_result


def finish(kept, scores):
    dense = {"params": 2_000_000, "scores": {"pq": 0.612}}
    stages = [dense, {"params": 200_000, "scores": scores}]
    return JobFinished("", LoggedEvent(2, 2, "", False, "CompressDone", {"report": {"kept": kept, "stages": stages}}))


def test_a_compression_states_sizes_and_scores():
    line = describe_result(finish(1, {"pq": 0.59}), "small.safetensors")
    assert line == "Wrote small.safetensors: parameters 2 M \u2192 200 k (10.0%), pq 0.612 \u2192 0.590."
    assert describe_result(finish(1, {}), "small.safetensors").endswith("(10.0%), not scored.")


def test_a_compression_that_kept_nothing_says_so():
    assert "no model was written" in describe_result(finish(0, {}), "small.safetensors")
