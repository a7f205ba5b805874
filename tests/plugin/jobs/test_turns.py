"""Steps of the window's thread."""

import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def turns(qtbot):  # noqa: ARG001 - it makes the application
    from napari_pathprune.plugin.jobs.turns import Turns

    return Turns()


def test_steps_run_in_order_and_in_turns_of_their_own(turns, qtbot):
    done = []

    def count(name, steps):
        for number in range(steps):
            done.append(f"{name}{number}")
            yield

    with qtbot.waitSignal(turns.ended):
        turns.add(count("a", 2))
        turns.add(count("b", 1))
        assert (done, turns.is_running) == ([], True)
    assert (done, turns.is_running) == (["a0", "a1", "b0"], False)


def test_what_is_left_can_be_done_at_once(turns, qtbot):
    done = []
    turns.add(iter(done.append(number) for number in range(3)))
    with qtbot.waitSignal(turns.ended):
        turns.finish()
    assert (done, turns.is_running) == ([0, 1, 2], False)


def test_steps_that_fail_do_not_stop_those_after_them(turns, qtbot):
    def fail():
        raise ValueError("no")
        yield

    done = []
    with qtbot.captureExceptions() as errors, qtbot.waitSignal(turns.ended):
        turns.add(fail())
        turns.add(iter(done.append(number) for number in range(2)))
    assert [str(error) for _, error, _ in errors] == ["no"]
    assert done == [0, 1]
