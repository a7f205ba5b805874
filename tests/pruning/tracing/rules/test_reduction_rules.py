"""Rules for operations that mix entries along axes."""

import pytest
import torch
import torch.nn.functional as F
from rule_law import check_rule


@pytest.mark.parametrize(
    "operation",
    [
        lambda y: y.mean(dim=(2, 3), keepdim=True),
        lambda y: y.amax(dim=2).unsqueeze(2),
        lambda y: y.softmax(dim=2),
        lambda y: y.cumsum(dim=3),
        lambda y: F.max_pool2d(y, 2),
        lambda y: F.adaptive_avg_pool2d(y, 1),
        lambda y: F.interpolate(y, scale_factor=2.0),
        lambda y: F.interpolate(y, scale_factor=2.0, mode="bilinear"),
        lambda y: F.pad(y, (1, 1, 2, 0)),
        lambda y: torch.maximum(y, 2 * y),
        lambda y: y.roll(1, dims=2),
    ],
    ids=["mean", "amax", "softmax", "cumsum", "pool", "adaptive", "nearest", "bilinear", "pad", "maximum", "roll"],
)
def test_other_axes_may_be_mixed(operation):
    check_rule(operation)


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (lambda y: y.softmax(dim=1), "softmax mixes channels"),
        (lambda y: y - y.mean(dim=1, keepdim=True), "mean mixes channels"),
        (lambda y: y.roll(1, dims=1), "roll mixes channels"),
        (lambda y: y.sigmoid().sum(dim=1, keepdim=True) * y, "sum mixes channels"),
    ],
    ids=["softmax", "mean", "roll", "sum of loud channels"],
)
def test_mixed_channels_freeze(operation, why):
    check_rule(operation, why=why)


def test_a_sum_over_silent_channels_leaves_them_free():
    check_rule(lambda y: y.relu().sum(dim=1, keepdim=True) * y)
