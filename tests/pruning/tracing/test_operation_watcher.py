"""Watching the operations that a model executes."""

import threading

import torch

from napari_pathprune.pruning.tracing.operation_watcher import disable_fused_layers


def test_threads_take_turns_to_disable_fused_layers():
    is_inside, may_leave, seen = threading.Event(), threading.Event(), []

    def hold():
        with disable_fused_layers():
            is_inside.set()
            may_leave.wait(10)

    def enter():
        with disable_fused_layers():
            seen.append(may_leave.is_set())

    holder, other = threading.Thread(target=hold), threading.Thread(target=enter)
    holder.start()
    assert is_inside.wait(10)
    assert not torch.backends.mha.get_fastpath_enabled()
    other.start()
    other.join(0.05)
    may_leave.set()
    holder.join(10)
    other.join(10)
    assert seen == [True], "the second thread enters after the first one has left"
    assert torch.backends.mha.get_fastpath_enabled()
