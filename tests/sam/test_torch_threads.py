"""torch on one thread, and nobody else's threads changed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

torch = pytest.importorskip("torch", reason="package torch is not installed")
threadpoolctl = pytest.importorskip("threadpoolctl")

from promptseg.sam import torch_threads  # noqa: E402 - After it is known that there is torch.


@pytest.fixture(autouse=True)
def _two_threads():
    """torch with two threads, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def in_a_new_thread(call):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def test_within_the_block_torch_has_one_thread_and_after_it_as_many_as_before():
    with torch_threads.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_the_first_use_of_torch_in_a_thread_does_not_undo_it():
    def work():
        with torch_threads.one_thread():
            torch.ones(300, 300) @ torch.ones(300, 300)
            return torch.get_num_threads()

    assert in_a_new_thread(work) == 1


def test_other_threads_old_and_new_keep_theirs():
    with ThreadPoolExecutor(1) as old:
        assert old.submit(torch.get_num_threads).result() == 2
        with torch_threads.one_thread():
            assert old.submit(torch.get_num_threads).result() == 2
            assert in_a_new_thread(torch.get_num_threads) == 2


def test_an_error_within_the_block_changes_nothing_either():
    with pytest.raises(ValueError, match="mine"), torch_threads.one_thread():
        raise ValueError("mine")
    assert torch.get_num_threads() == 2


def test_as_many_work_side_by_side_as_the_user_lets_torch_have_threads():
    assert torch_threads.workers() == 2
    torch.set_num_threads(1)
    assert torch_threads.workers() == 1


def test_where_threads_cannot_be_set_one_works_alone(monkeypatch):
    none = threadpoolctl.ThreadpoolController().select(user_api="none")
    monkeypatch.setattr(torch_threads, "_openmp", lambda: none)
    assert torch_threads.workers() == 1
    with torch_threads.one_thread():
        assert torch.get_num_threads() == 2
