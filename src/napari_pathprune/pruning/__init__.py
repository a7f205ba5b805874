"""Cut channels out of any network, its skip connections kept whole."""

from napari_pathprune.pruning.choose import choose
from napari_pathprune.pruning.cost import Cost, cost_after, cost_of, latency_of
from napari_pathprune.pruning.cost_table import GroupCost, cost_table
from napari_pathprune.pruning.criteria import CRITERIA
from napari_pathprune.pruning.deciders import Decider
from napari_pathprune.pruning.edit import Change, changes, keep_whole, prune_more
from napari_pathprune.pruning.graph import ChannelGraph, ChannelGroup, Member
from napari_pathprune.pruning.importance import importance
from napari_pathprune.pruning.plan import PrunePlan, compose, identity_plan
from napari_pathprune.pruning.recalibrate import recalibrate
from napari_pathprune.pruning.schedule import (
    Step,
    cubic_steps,
    fixed_steps,
    gradual,
    iterative,
    linear_steps,
    one_shot,
)
from napari_pathprune.pruning.search import choose_for_macs, choose_for_params, choose_for_speed
from napari_pathprune.pruning.slimming import slimming_penalty
from napari_pathprune.pruning.surgery import compact, mask, reshape
from napari_pathprune.pruning.taylor import taylor
from napari_pathprune.pruning.trace import trace

__all__ = [
    "CRITERIA",
    "Change",
    "ChannelGraph",
    "ChannelGroup",
    "Cost",
    "Decider",
    "GroupCost",
    "Member",
    "PrunePlan",
    "Step",
    "changes",
    "choose",
    "choose_for_macs",
    "choose_for_params",
    "choose_for_speed",
    "compact",
    "compose",
    "cost_after",
    "cost_of",
    "cost_table",
    "cubic_steps",
    "fixed_steps",
    "gradual",
    "identity_plan",
    "importance",
    "iterative",
    "keep_whole",
    "latency_of",
    "linear_steps",
    "mask",
    "one_shot",
    "prune_more",
    "recalibrate",
    "reshape",
    "slimming_penalty",
    "taylor",
    "trace",
]
