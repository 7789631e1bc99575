"""torch is limited to one thread, and other threads are not affected."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

torch = pytest.importorskip("torch", reason="package torch is not installed")
threadpoolctl = pytest.importorskip("threadpoolctl")

from promptseg.models.sam.torch import threads as torch_threads  # noqa: E402 - After it is known that there is torch.


@pytest.fixture(autouse=True)
def _two_threads():
    """Set two threads for torch, however many processors the host has."""
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


def mkl_threads():
    """Return the number of threads that MKL uses in this thread; without MKL, that of torch."""
    found = re.search(r"mkl_get_max_threads\(\) : (\d+)", torch.__config__.parallel_info())
    return int(found[1]) if found else torch.get_num_threads()


@pytest.mark.parametrize("where", ["in this thread", "in a new one"])
def test_matrix_products_have_one_thread_also_where_the_program_has_set_a_number_for_torch(where):
    def work():
        before = mkl_threads()
        with torch_threads.one_thread():
            return before, mkl_threads()

    torch.set_num_threads(2)
    assert (work() if where == "in this thread" else in_a_new_thread(work)) == (2, 1)
    assert mkl_threads() == 2


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


class TestCrew:
    """Distribution of the parts of a computation."""

    CPU = torch.device("cpu")

    def test_every_part_is_done_once_on_threads_of_one_processor_each(self):
        done = []
        with torch_threads.worker_pool(self.CPU) as for_each:
            for_each(lambda part, _: done.append((part, torch.get_num_threads(), threading.get_ident())), range(50))
        assert sorted(part for part, _, _ in done) == list(range(50))
        assert {threads for _, threads, _ in done} == {1}
        assert threading.get_ident() not in {thread for _, _, thread in done}

    def test_all_are_done_when_it_returns(self):
        done = []
        with torch_threads.worker_pool(self.CPU) as for_each:
            for_each(lambda part, _: (time.sleep(0.02), done.append(part)), [1, 2, 3])
            assert len(done) == 3

    def test_no_two_threads_share_a_workspace(self):
        users = {}
        both = threading.Barrier(2, timeout=60)
        with torch_threads.worker_pool(self.CPU) as for_each:
            for_each(lambda _, workspace: (both.wait(), users.setdefault(threading.get_ident(), workspace)), [1, 2])
        first, second = users.values()
        assert first is not second

    @pytest.mark.parametrize("inference", [True, False])
    def test_they_are_in_inference_mode_where_the_caller_is(self, inference):
        modes = []
        with torch.inference_mode(inference), torch_threads.worker_pool(self.CPU) as for_each:
            for_each(lambda part, _: modes.append(torch.is_inference_mode_enabled()), [1, 2, 3])
        assert modes == [inference] * 3

    def test_an_error_reaches_the_caller(self):
        with pytest.raises(ZeroDivisionError), torch_threads.worker_pool(self.CPU) as for_each:
            for_each(lambda part, _: 1 / part, [1, 0, 2])

    def test_elsewhere_and_with_one_thread_the_caller_does_it(self):
        done = []
        with torch_threads.worker_pool(torch.device("meta")) as for_each:
            for_each(lambda part, _: done.append((part, threading.get_ident())), [3, 1, 2])
        torch.set_num_threads(1)
        with torch_threads.worker_pool(self.CPU) as for_each:
            for_each(lambda part, _: done.append((part, threading.get_ident())), [4])
        assert done == [(part, threading.get_ident()) for part in (3, 1, 2, 4)]
