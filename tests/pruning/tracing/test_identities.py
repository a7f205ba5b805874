"""Channel identities: numbers, classes, roles."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pathprune.pruning.tracing.identities import MADE, READ, Identities

pairs = st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40)


def test_positions_are_numbered_one_after_the_other():
    ids = Identities()
    assert ids.number_axis("weight", 0, 3).tolist() == [0, 1, 2]
    assert ids.number_positions(2).tolist() == [3, 4]
    assert [(axis.name, axis.axis, axis.splits) for axis in ids.axes] == [("weight", 0, 1)]
    ids.number_positions(10_000)
    assert len(ids.roles) >= ids.count == 10_005


@settings(max_examples=50, deadline=None, derandomize=True)
@given(pairs)
def test_classes_are_the_connected_components(united):
    ids = Identities()
    ids.number_positions(30)
    component = list(range(30))
    for a, b in united:
        ids.unite(np.array([a]), np.array([b]))
        old, new = max(component[a], component[b]), min(component[a], component[b])
        component = [new if label == old else label for label in component]
    assert ids.classes().tolist() == component


def test_the_first_role_counts():
    ids = Identities()
    channels = ids.number_positions(4)
    ids.mark(channels[:2], MADE)
    ids.mark(channels, READ)
    assert ids.roles[:4].tolist() == [MADE, MADE, READ, READ]
    assert ids.is_made(channels)
    assert not ids.is_made(channels[2:])
