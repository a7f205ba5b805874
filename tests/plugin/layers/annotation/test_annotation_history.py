"""Edits that are undone and redone in order."""

from napari_pathprune.plugin.layers.annotation.annotation_history import HISTORY, AnnotationHistory, Edit


def make_edit(number):
    return Edit(has_pixels=False, before={number: 0}, after={number: 1})


def test_edits_are_undone_from_the_last_and_redone_from_the_first():
    history, edits = AnnotationHistory(), [make_edit(number) for number in range(3)]
    for edit in edits:
        history.add(edit)
    assert [history.undo() for _ in range(4)] == [*reversed(edits), None]
    assert [history.redo() for _ in range(4)] == [*edits, None]


def test_a_new_edit_forgets_those_that_were_undone():
    history = AnnotationHistory()
    history.add(make_edit(1))
    history.undo()
    assert history.can_redo
    history.add(make_edit(2))
    assert (history.can_redo, history.undo()) == (False, make_edit(2))


def test_the_oldest_edits_are_forgotten():
    history = AnnotationHistory()
    for number in range(HISTORY + 5):
        history.add(make_edit(number))
    undone = [history.undo() for _ in range(HISTORY + 5)]
    assert undone[HISTORY - 1] == make_edit(5)
    assert undone[HISTORY:] == [None] * 5
