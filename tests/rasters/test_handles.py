import threading

import pytest

from forks import forked
from promptseg.rasters.handles import ClosedError, Handles


class Handle:
    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


@pytest.fixture
def opened():
    return []


@pytest.fixture
def handles(opened):
    def open_one():
        opened.append(Handle())
        return opened[-1]

    return Handles(open_one, most=2)


def test_a_handle_that_came_back_is_lent_again(handles, opened):
    for _ in range(3):
        with handles.borrowed():
            pass
    assert len(opened) == 1


def test_a_thread_beyond_the_last_handle_waits_for_one(handles, opened):
    got = threading.Event()

    def borrow():
        with handles.borrowed():
            got.set()

    with handles.borrowed() as first, handles.borrowed() as second:
        assert first is not second
        thread = threading.Thread(target=borrow)
        thread.start()
        assert not got.wait(0.05)
    assert got.wait(60)
    thread.join()
    assert len(opened) == 2


def test_a_handle_comes_back_after_an_error(handles, opened):
    for _ in range(3):
        with pytest.raises(KeyError), handles.borrowed():
            raise KeyError
    assert len(opened) == 1


def test_closing_closes_idle_handles_at_once_and_lent_ones_when_they_come_back(handles, opened):
    with handles.borrowed() as lent:
        with handles.borrowed() as idle:
            pass
        handles.close()
        assert (idle.closed, lent.closed) == (True, False)
    assert lent.closed
    with pytest.raises(ClosedError), handles.borrowed():
        pass


def test_a_forked_process_opens_its_own_even_while_all_are_lent(handles, opened):
    with handles.borrowed(), handles.borrowed():

        def borrow():
            with handles.borrowed() as own:
                return own is opened[-1] and len(opened)

        assert forked(borrow) == 3
