"""Tracing and cutting the full HoVer-Net take less CPU time than Torch-Pruning's graph and pruning step."""

import copy
import statistics
import time

import pytest
import torch

from napari_pathprune.models import build
from napari_pathprune.pruning import choose, compact, importance, trace

pytestmark = [pytest.mark.peers, pytest.mark.timeout(1800)]

EXAMPLE = torch.zeros(1, 3, 128, 128)
RUNS = 3


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def hovernet():
    torch.manual_seed(0)
    return build("hovernet", mode="fast", num_types=6).eval()


def cpu_seconds(work):
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def ours(model):
    tracing, graph = cpu_seconds(lambda: trace(model, EXAMPLE))

    def cut():
        plan = choose(graph, importance(model, graph, criterion="l2"), ratio=0.5)
        return compact(model, graph, plan, verify=False)

    cutting, small = cpu_seconds(cut)
    return tracing, cutting, small


def theirs(tp, model):
    tracing, _ = cpu_seconds(lambda: tp.DependencyGraph().build_dependency(model, EXAMPLE))
    pruner = tp.pruner.BasePruner(
        model,
        EXAMPLE,
        importance=tp.importance.MagnitudeImportance(p=2),
        pruning_ratio=0.5,
        ignored_layers=list(model.output_layers().values()),
    )
    cutting, _ = cpu_seconds(pruner.step)
    return tracing, cutting, model


@pytest.mark.usefixtures("one_thread")
@pytest.mark.filterwarnings("ignore")  # of a project that is not ours
def test_less_cpu_time_than_torch_pruning(torch_pruning, hovernet):
    rounds = [(ours(hovernet), theirs(torch_pruning, copy.deepcopy(hovernet))) for _ in range(RUNS)]
    times = {
        step: [statistics.median(round_[side][index] for round_ in rounds) for side in (0, 1)]
        for index, step in enumerate(("graph", "cut"))
    }
    for step, (own, peer) in times.items():
        print(f"{step}: {own:.2f} CPU s here, {peer:.2f} CPU s in Torch-Pruning")  # noqa: T201 - a measurement
    (_, _, small), (_, _, cut) = rounds[-1]
    sizes = [sum(p.numel() for p in model.parameters()) for model in (small, cut)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02), "both remove half the channels"
    for step, (own, peer) in times.items():
        assert own < peer, step
