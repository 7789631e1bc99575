"""What forked processes get: locks that are open, sessions of their own, and one thread of torch."""

import os
import pickle
import threading

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from forks import HANGS, forked
from promptseg.errors import BackendError
from promptseg.models.sam.cache import EmbeddingCache
from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.runtime import onnx as onnx_runtime
from promptseg.runtime.forking import Lock, PerProcess
from promptseg.runtime.onnx import Runtime, inference_session

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),  # Python warns of what these tests are about.
]


class TestTorch:
    @pytest.fixture(autouse=True)
    def _torch(self):
        pytest.importorskip("torch", reason="these forks need torch")

    @pytest.fixture
    def segmenter(self, tiny_sam):
        from promptseg.models.sam.session import SamSegmenter
        from promptseg.models.sam.torch.model import TorchSam, TorchSettings
        from promptseg.results import Provenance
        from promptseg.runtime.torch import chosen_device

        settings = TorchSettings(chosen_device("cpu"))
        return SamSegmenter(TorchSam(tiny_sam(), Provenance("tiny-sam", "sam", "1"), settings), EmbeddingCache())

    def test_a_model_and_its_session_answer_after_a_fork_as_before(self, segmenter, photo):
        from promptseg.runtime.torch import chosen_device

        prompts, session = [Prompt.point(3, 4)], segmenter.open(photo(60, 80))
        for call in (
            lambda: session.segment(prompts)[0].counts,
            lambda: [mask.counts for mask in session.everything(Prompt.everything(points_per_side=4))],
            lambda: segmenter.open(photo(60, 80)).segment(prompts)[0].counts,  # It is in the cache.
            lambda: segmenter.with_cache(None).open(photo(50, 50)).segment(prompts)[0].counts,
            lambda: str(chosen_device("cpu")),  # As another model is loaded.
        ):
            before = call()
            assert forked(call) == before
            assert forked(lambda call=call: forked(call)) == before  # And a grandchild.

    def test_the_buffers_of_its_library_are_freed_before_a_fork(self, segmenter, photo, monkeypatch):
        """MKL would wait forever for the buffers of threads of the parent."""
        from promptseg.runtime import torch as torch_runtime

        session, freed = segmenter.open(photo(60, 80)), []
        monkeypatch.setattr(torch_runtime, "_mkl_free_buffers", lambda: lambda: freed.append(torch_runtime._running))
        forked(lambda: session.segment([Prompt.point(3, 4)])[0].area)
        assert freed == [0]

    def test_it_is_refused_if_another_thread_computed_at_the_moment_of_the_fork(self, segmenter, photo):
        import torch

        from promptseg.runtime.torch import computing

        session = segmenter.open(photo(60, 80))
        with computing(torch.device("cpu")):
            error = forked(lambda: session.segment([Prompt.point(3, 4)]))
        assert isinstance(error, BackendError)
        assert "spawn" in str(error)
        assert forked(lambda: session.segment([Prompt.point(3, 4)])[0].area) > 0

    def test_a_forked_process_computes_in_one_thread_and_its_parent_in_as_many_as_before(self, segmenter):
        import torch

        before = torch.get_num_threads()
        assert forked(torch.get_num_threads) == 1
        assert torch.get_num_threads() == before

    def test_an_accelerator_that_the_parent_used_is_refused_by_name_and_the_cpu_is_not(self, monkeypatch):
        import torch

        from promptseg.runtime import torch as torch_runtime

        def use(name):
            with torch_runtime.computing(torch.device(name)):
                pass

        monkeypatch.setattr(torch_runtime, "_used", set())
        use("cuda")
        use("cuda")  # The process itself may use it as often as it likes.
        error = forked(lambda: use("cuda:0"))
        assert isinstance(error, BackendError)
        assert str(error).startswith("device cuda was in use when this process was forked")
        assert "get_context('spawn')" in str(error)
        assert forked(lambda: use("cpu")) is None
        assert forked(lambda: use("mps")) is None  # The parent did not use it.


@pytest.fixture
def graph():
    """A graph whose output is the product of its input with itself, as bytes. It is computed by several threads."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (256, 256)) for name in ("x", "y")]
    made = helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["y"])], "graph", values[:1], values[1:])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


class TestOnnxRuntime:
    ONES = np.ones((256, 256), np.float32)

    def answer(self, session):
        return float(session({"x": self.ONES})[0].numpy()[5, 7])

    def test_a_session_answers_in_a_forked_process(self, graph, tmp_path):
        (tmp_path / "a.onnx").write_bytes(graph)
        for source in (graph, tmp_path / "a.onnx"):
            session = Runtime("cpu", 4).session(source)
            assert self.answer(session) == 256
            assert forked(lambda session=session: self.answer(session)) == 256
            assert self.answer(session) == 256

    def test_it_is_another_one_than_that_of_the_parent_whose_threads_are_not_there(self, graph):
        session = Runtime("cpu", 4).session(graph)
        before = session._inference.get()
        assert session._inference.get() is before
        assert forked(lambda: session._inference.get() is not before)
        assert forked(lambda: session._inference.get() is session._inference.get())

    def test_it_answers_if_another_thread_computed_at_the_time_of_the_fork(self, graph):
        session, stop = Runtime("cpu", 4).session(graph), threading.Event()

        def compute():
            while not stop.is_set():
                self.answer(session)

        thread = threading.Thread(target=compute)
        thread.start()
        try:
            assert [forked(lambda: self.answer(session)) for _ in range(5)] == [256] * 5
        finally:
            stop.set()
            thread.join()

    def test_what_is_not_in_memory_of_the_host_is_refused_by_name(self, graph, monkeypatch):
        monkeypatch.setitem(onnx_runtime.PROVIDERS, "cuda", "CPUExecutionProvider")
        session = inference_session(graph, onnxruntime.SessionOptions(), "cuda")
        error = forked(session.get)
        assert isinstance(error, BackendError)
        assert str(error).startswith("device cuda was in use")
        assert "spawn" in str(error)


class TestPickling:
    @pytest.mark.parametrize("make", [Lock, EmbeddingCache, lambda: PerProcess(int), lambda: SamSegmenter(None)])
    def test_what_stays_in_its_process_says_to_load_it_in_each(self, make):
        with pytest.raises(BackendError, match="load it in each process"):
            pickle.dumps([make()])


class TestLocks:
    def test_a_lock_that_another_thread_held_is_open_after_a_fork(self):
        lock, held, leave = Lock(), threading.Event(), threading.Event()

        def hold():
            with lock:
                held.set()
                leave.wait(HANGS)

        def use():
            with lock:
                return "used"

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(HANGS)
        try:
            assert forked(use) == "used"
        finally:
            leave.set()
            thread.join()
        assert use() == "used"

    def test_a_thread_that_forks_inside_of_it_can_leave_it(self):
        lock = Lock()

        def leave():
            lock.__exit__(None, None, None)
            with lock:
                return "left and entered"

        with lock:
            assert forked(leave) == "left and entered"

    def test_one_thread_at_a_time_is_inside(self):
        lock, inside = Lock(), []

        def enter():
            for _ in range(200):
                with lock:
                    inside.append(1)
                    assert len(inside) == 1
                    inside.pop()

        threads = [threading.Thread(target=enter) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert inside == []

    def test_a_value_is_made_once_in_each_process(self):
        made = []
        value = PerProcess(lambda: made.append(os.getpid()) or len(made))
        assert (value.get(), value.get(), len(made)) == (1, 1, 1)
        assert forked(lambda: (value.get(), value.get(), len(made), made[1] == os.getpid())) == (2, 2, 2, True)
        assert value.get() == 1
