"""Channel pruning for any network, with its skip connections kept intact."""

from napari_pathprune.pruning.choosing.choose import choose
from napari_pathprune.pruning.choosing.edit import Change, changes, keep_whole, prune_more
from napari_pathprune.pruning.choosing.limits import Limits
from napari_pathprune.pruning.choosing.search_latency import choose_for_latency
from napari_pathprune.pruning.choosing.target import Target
from napari_pathprune.pruning.costing.cost import Cost, cost_after, cost_of, latency_of
from napari_pathprune.pruning.costing.cost_table import GroupCost, cost_table
from napari_pathprune.pruning.cutting.recalibrate import recalibrate
from napari_pathprune.pruning.cutting.surgery import compact, mask, reshape
from napari_pathprune.pruning.graph import ChannelGraph, ChannelGroup, Member
from napari_pathprune.pruning.plan import PrunePlan, compose, identity_plan
from napari_pathprune.pruning.schedule import (
    Step,
    cubic_steps,
    fixed_steps,
    gradual,
    iterative,
    linear_steps,
    one_shot,
)
from napari_pathprune.pruning.scoring.criteria import CRITERIA
from napari_pathprune.pruning.scoring.deciders import Decider
from napari_pathprune.pruning.scoring.importance import importance
from napari_pathprune.pruning.scoring.slimming import slimming_penalty
from napari_pathprune.pruning.scoring.taylor import taylor
from napari_pathprune.pruning.tracing.trace import trace

__all__ = [
    "CRITERIA",
    "Change",
    "ChannelGraph",
    "ChannelGroup",
    "Cost",
    "Decider",
    "GroupCost",
    "Limits",
    "Member",
    "PrunePlan",
    "Step",
    "Target",
    "changes",
    "choose",
    "choose_for_latency",
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
