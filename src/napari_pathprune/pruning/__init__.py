"""Cut channels out of any network, its skip connections kept whole."""

from napari_pathprune.pruning.cost import Cost, cost_after, cost_of, latency_of
from napari_pathprune.pruning.graph import ChannelGraph, ChannelGroup, Member
from napari_pathprune.pruning.importance import CRITERIA, importance
from napari_pathprune.pruning.plan import PrunePlan, choose, compose, identity_plan
from napari_pathprune.pruning.schedule import Step, iterative, one_shot
from napari_pathprune.pruning.search import choose_for_macs, choose_for_params
from napari_pathprune.pruning.surgery import compact, mask, reshape
from napari_pathprune.pruning.trace import trace

__all__ = [
    "CRITERIA",
    "ChannelGraph",
    "ChannelGroup",
    "Cost",
    "Member",
    "PrunePlan",
    "Step",
    "choose",
    "choose_for_macs",
    "choose_for_params",
    "compact",
    "compose",
    "cost_after",
    "cost_of",
    "identity_plan",
    "importance",
    "iterative",
    "latency_of",
    "mask",
    "one_shot",
    "reshape",
    "trace",
]
