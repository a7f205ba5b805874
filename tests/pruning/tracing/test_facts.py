"""Facts about tensors, in a table beside them."""

import gc

import torch

from napari_pathprune.pruning.tracing.facts import NOTHING_KNOWN, FactsTable


def test_nothing_is_known_of_a_new_tensor():
    assert FactsTable({}).of(torch.zeros(1)) is NOTHING_KNOWN


def test_changes_keep_the_other_facts_and_the_tensor_as_it_is():
    table, x = FactsTable({}), torch.zeros(2)
    table.note(x, factors=())
    table.note(x, is_loud=True)
    assert (table.of(x).factors, table.of(x).is_loud, table.of(x).rows) == ((), True, None)
    assert table.of(x.clone()) is NOTHING_KNOWN
    assert not vars(x)


def test_a_new_tensor_at_the_address_of_an_old_one_has_no_facts():
    table = FactsTable({})
    for _ in range(50):
        x = torch.zeros(1)
        assert table.of(x) is NOTHING_KNOWN
        table.note(x, is_loud=True)
        del x
        gc.collect(0)


def test_only_parameters_and_buffers_have_names():
    weight = torch.zeros(1)
    table = FactsTable({"conv.weight": weight})
    assert table.name_of(weight) == "conv.weight"
    assert table.name_of(weight * 2) is None
