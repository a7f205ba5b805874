"""Multiply-accumulates of single operations, by hand."""

import pytest
import torch

from napari_pathprune.pruning.tracing.macs import attention_macs, macs_of_call


@pytest.mark.parametrize(
    ("name", "shapes", "out", "macs"),
    [
        ("conv2d", [(1, 4, 5, 5), (8, 2, 3, 3)], (1, 8, 5, 5), 25 * 8 * 2 * 9),
        ("conv_transpose2d", [(1, 4, 5, 5), (4, 8, 2, 2)], (1, 8, 10, 10), 25 * 4 * 8 * 4),
        ("linear", [(3, 6), (7, 6)], (3, 7), 3 * 6 * 7),
        ("bmm", [(2, 3, 4), (2, 4, 5)], (2, 3, 5), 2 * 3 * 4 * 5),
        ("addmm", [(5,), (3, 4), (4, 5)], (3, 5), 3 * 4 * 5),
        ("relu", [(3, 4)], (3, 4), 0),
    ],
)
def test_single_operations(name, shapes, out, macs):
    assert macs_of_call(name, [torch.zeros(shape) for shape in shapes], [torch.zeros(out)]) == macs


def test_attention_counts_scores_and_weighted_values():
    query, key, value = torch.zeros(2, 3, 5, 8), torch.zeros(2, 3, 7, 8), torch.zeros(2, 3, 7, 4)
    scores, mixed = attention_macs(query, key, value)
    assert (scores, mixed) == (2 * 3 * 5 * 7 * 8, 2 * 3 * 5 * 7 * 4)
    assert macs_of_call("scaled_dot_product_attention", [query, key, value], []) == scores + mixed
