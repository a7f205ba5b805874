"""Reading labels outside their array, and looking up types."""

import numpy as np

from napari_pathprune.workflows.compare.segmentation import Segmentation


def test_labels_are_read_at_their_origin_and_are_zero_elsewhere():
    found = Segmentation("a", np.arange(1, 7).reshape(2, 3), (10, 20, 12, 23), (50, 50), origin=(10, 20))
    assert found.read((9, 21, 12, 25)).tolist() == [[0, 0, 0, 0], [2, 3, 0, 0], [5, 6, 0, 0]]
    assert found.read((11, 20, 12, 22)).tolist() == [[4, 5]]
    assert found.read((0, 0, 2, 2)).tolist() == [[0, 0], [0, 0]]


def test_types_are_looked_up_by_id_and_unknown_ids_have_none():
    found = Segmentation(
        "a",
        np.zeros((2, 2), int),
        (0, 0, 2, 2),
        (2, 2),
        ids=np.array([9, 4]),
        types=np.array([1, 2]),
        probabilities=np.array([0.5, 0.75]),
    )
    types, probabilities = found.look_up(np.array([4, 5, 9, 100]))
    assert types.tolist() == [2, 0, 1, 0]
    assert probabilities.tolist() == [0.75, 0, 0.5, 0]
