"""Operations on nuclei, with colours, features, counts and one history."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.annotation.annotation import Annotation

NAMES = ("background", "neoplastic", "inflammatory")
RED, GREEN = np.divide((237, 28, 36), 255), np.divide((33, 217, 51), 255)


@pytest.fixture
def annotation():
    """Nuclei 3 (neoplastic), 7 (inflammatory) and 9 (no type) in a layer of 40 x 60 px."""
    labels = np.zeros((40, 60), np.int32)
    labels[4:10, 4:14], labels[4:10, 14:24], labels[20:30, 30:40] = 3, 7, 9
    layer = ViewerModel().add_labels(labels)
    return Annotation(layer, (100, 200, 140, 260), (0.5, 0.5), NAMES, {3: 1, 7: 2})


def state(annotation):
    """Everything that a person sees of an annotation."""
    kinds = {number: annotation.type_of(number) for number in annotation.nuclei.areas}
    return annotation.layer.data.copy().tolist(), kinds, annotation.counts(), list(annotation.layer.features["type"])


def test_features_and_colours_are_those_of_the_types(annotation):
    features = annotation.layer.features
    assert list(features["index"]) == [3, 7, 9]
    assert list(features["type"]) == ["neoplastic", "inflammatory", "no type"]
    assert list(features["area_um2"]) == [15, 15, 25]
    assert (features["y_px"][2], features["x_px"][2]) == (124.5, 234.5)
    np.testing.assert_allclose(annotation.layer.colormap.map(3)[:3], RED, atol=1e-6)
    assert annotation.counts() == (1, 1, 1)


@pytest.mark.parametrize(
    "edit",
    [
        lambda a: (a.select([3, 9]), a.set_type(2)),
        lambda a: (a.select([3, 9]), a.delete()),
        lambda a: (a.select([3, 7]), a.merge()),
        lambda a: a.split((25, 31)),
        lambda a: a.cut((0, 8.5), (39, 8.5)),
        lambda a: (a.start_new(), a.layer.paint((35, 5), a.layer.selected_label)),
        lambda a: a.layer.fill((5, 5), 0),
    ],
)
def test_every_edit_is_undone_and_redone(annotation, edit):
    before = state(annotation)
    edit(annotation)
    after = state(annotation)
    assert after != before
    assert sum(annotation.counts()) == len(annotation.layer.features) == len(np.unique(annotation.layer.data)) - 1
    annotation.undo()
    assert state(annotation) == before
    assert not annotation.history.can_undo
    annotation.redo()
    assert state(annotation) == after


def test_edits_of_pixels_and_types_are_undone_in_order(annotation):
    states = [state(annotation)]
    for edit in (
        lambda: (annotation.select([3]), annotation.set_type(2)),
        lambda: annotation.split((25, 31)),
        lambda: annotation.set_type(1),
        lambda: annotation.layer.paint((35, 50), 77),
        lambda: (annotation.select([7]), annotation.delete()),
    ):
        edit()
        states.append(state(annotation))
    for expected in reversed(states[:-1]):
        annotation.undo()
        assert state(annotation) == expected
    for expected in states[1:]:
        annotation.redo()
        assert state(annotation) == expected


def test_a_new_nucleus_is_visible_at_once_and_has_the_current_type(annotation):
    annotation.set_type(2)
    new = annotation.start_new()
    assert annotation.layer.mode == "paint"
    np.testing.assert_allclose(annotation.layer.colormap.map(new)[:3], GREEN, atol=1e-6)  # before the first pixel
    annotation.layer.paint((35, 5), new)
    assert annotation.type_of(new) == 2
    assert annotation.selection == (new,)
    annotation.select([])
    np.testing.assert_allclose(annotation.layer.colormap.map(new)[:3], GREEN, atol=1e-6)
    assert annotation.start_new() > new


def test_a_number_is_not_used_again_after_undo(annotation):
    new = annotation.start_new()
    annotation.layer.paint((35, 5), new)
    annotation.undo()
    assert annotation.start_new() == new + 1


def test_split_parts_have_the_type_of_the_nucleus_and_are_selected(annotation):
    new = annotation.split((5, 5))
    assert annotation.type_of(new) == annotation.type_of(3) == 1
    assert set(annotation.selection) == {3, new}
    assert annotation.merge() == 3
    assert (annotation.layer.data == 3).sum() == 60


def test_one_line_cuts_several_nuclei_in_one_step(annotation):
    new = annotation.cut((6.5, 0), (6.5, 59))
    assert [annotation.type_of(number) for number in new] == [1, 2]
    annotation.undo()
    assert annotation.counts() == (1, 1, 1)


def test_selected_nuclei_are_white(annotation):
    annotation.select([3, 1000])
    np.testing.assert_allclose(annotation.layer.colormap.map(3), 1)
    annotation.toggle(7)
    assert annotation.selection == (3, 7)
    annotation.toggle(3)
    assert annotation.selection == (7,)
    np.testing.assert_allclose(annotation.layer.colormap.map(3)[:3], RED, atol=1e-6)


def test_a_label_picked_with_the_tools_of_napari_is_selected(annotation):
    annotation.layer.selected_label = 9
    assert annotation.selection == (9,)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda a: a.merge(), "select two nuclei"),
        (lambda a: a.split((39, 59)), "point at a nucleus"),
        (lambda a: a.set_type(3), "1 neoplastic, 2 inflammatory"),
    ],
)
def test_what_is_not_possible_is_explained_and_changes_nothing(annotation, act, message):
    before = state(annotation)
    with pytest.raises(ValueError, match=message):
        act(annotation)
    assert state(annotation) == before
    assert not annotation.history.can_undo


def test_nuclei_without_types_can_be_edited():
    layer = ViewerModel().add_labels(np.eye(8, dtype=np.int32) * 4)
    annotation = Annotation(layer, (0, 0, 8, 8), (1.0, 1.0), (), {})
    annotation.select([4])
    with pytest.raises(ValueError, match="have no types"):
        annotation.set_type(1)
    annotation.delete()
    assert annotation.counts() == (0,)


def test_each_edit_is_reported(annotation):
    calls = []
    annotation.changed.connect(lambda: calls.append(annotation.counts()))
    annotation.select([9])
    annotation.set_type(2)
    annotation.delete()
    assert calls[-1] == (0, 1, 1)
    annotation.disconnect_layer()
    annotation.layer.paint((35, 5), 1)
    assert calls[-1] == (0, 1, 1)


def test_colours_are_set_only_where_a_nucleus_would_have_a_wrong_one(annotation):
    annotation.set_type(2)
    changes = []
    annotation.layer.events.colormap.connect(lambda: changes.append(1))
    annotation.layer.paint((35, 5), annotation.start_new())
    assert len(changes) == 1  # it is selected, and so white
    annotation.delete()
    annotation.undo()
    assert len(changes) == 2  # not selected any more
    annotation.select([3])
    annotation.set_type(2)
    assert len(changes) == 3  # white before and after
    annotation.select([])
    np.testing.assert_allclose(annotation.layer.colormap.map(3)[:3], GREEN, atol=1e-6)
