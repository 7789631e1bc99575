"""Sessions of ONNX Runtime: threads, devices, and the errors of graphs."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from onnx import TensorProto, helper

from promptseg.errors import BackendError, ConfigError, WeightsMismatchError
from promptseg.runtime import onnx
from promptseg.runtime.onnx import Runtime, device_of


@pytest.fixture
def doubling():
    """A graph whose output is twice its input, as bytes."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, None, 3)) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "graph", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def test_a_cpu_has_a_worker_for_each_thread_and_a_gpu_has_one():
    assert (Runtime("cpu", 6).workers, Runtime("cuda", 6).workers, Runtime("cpu", 6).one_thread().workers) == (6, 1, 1)


def test_a_session_says_what_it_takes_and_gives(doubling):
    session = Runtime("cpu", 1).session(doubling)
    assert {name: str(value) for name, value in session.inputs.items()} == {"x": "tensor(float) 1 x ? x 3"}
    (found,) = session({"x": np.ones((1, 2, 3), np.float32)})
    assert found.numpy().tolist() == [[[2, 2, 2], [2, 2, 2]]]


def test_an_input_of_another_shape_and_a_file_that_is_no_graph_are_errors_of_ours(doubling, tmp_path):
    with pytest.raises(BackendError, match="ONNX Runtime failed"):
        Runtime("cpu", 1).session(doubling)({"x": np.ones((1, 2, 4), np.float32)})
    (tmp_path / "a.onnx").write_bytes(b"no graph")
    with pytest.raises(WeightsMismatchError, match=r"a\.onnx is not an ONNX file, or is damaged"):
        Runtime("cpu", 1).session(tmp_path / "a.onnx")


def test_auto_is_the_cpu_and_another_device_is_refused_by_name():
    assert device_of("auto") == "cpu"
    with pytest.raises(ConfigError, match="device 'tpu' is not available in this build of ONNX Runtime: use auto or cpu"):
        device_of("tpu")


def test_a_gpu_is_chosen_by_its_number(monkeypatch):
    monkeypatch.setattr(onnx.onnxruntime, "get_available_providers", lambda: [*onnx.PROVIDERS.values()])
    monkeypatch.setattr(onnx, "gpu_count", lambda: 2)
    assert [device_of(name) for name in ("cuda", "cuda:1")] == ["cuda", "cuda:1"]
    with pytest.raises(ConfigError, match=r"there is no GPU 2 for device 'cuda:2': this process sees 2, cuda:0 to cuda:1"):
        device_of("cuda:2")


def test_a_session_computes_on_the_gpu_of_its_number(doubling, fake_onnx_cuda):
    session = Runtime("cuda:1", 1).session(doubling)
    (once,) = session({"x": np.ones((1, 2, 3), np.float32)})
    assert fake_onnx_cuda.gpus == {"1"}
    assert once.gpu == 1
    assert once.numpy().tolist() == [[[2] * 3] * 2]


def test_on_a_device_arrays_are_copied_there_and_results_stay_and_are_passed_on(doubling, fake_onnx_cuda):
    session = Runtime("cuda", 1).session(doubling)
    (once,) = session({"x": np.ones((1, 3, 2), np.float32).transpose(0, 2, 1)})
    (twice,) = session({"x": once})
    assert fake_onnx_cuda == ["copy x", "pass x"]
    assert twice.numpy().tolist() == [[[4] * 3] * 2]
    assert fake_onnx_cuda[2:] == ["read y"]


def test_an_input_of_another_shape_is_an_error_of_ours_on_a_device_too(doubling, fake_onnx_cuda):
    with pytest.raises(BackendError, match="ONNX Runtime failed"):
        Runtime("cuda", 1).session(doubling)({"x": np.ones((1, 2, 4), np.float32)})


def test_a_run_on_shapes_seen_before_takes_no_further_memory():
    code = textwrap.dedent("""\
        import resource

        import numpy as np
        import onnx
        from onnx import helper

        from promptseg.runtime.onnx import Runtime

        kinds = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [4096, 4096]) for name in "xy"]
        nodes = [helper.make_node(kind, [before], [after]) for kind, before, after in zip(("Exp", "Sin", "Cos"), "xab", "aby")]
        graph = helper.make_graph(nodes, "g", kinds[:1], kinds[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        session, array = Runtime("cpu", 1).session(model.SerializeToString()), np.zeros((4096, 4096), np.float32)
        peaks = []
        for _ in range(3):
            session({"x": array})
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        print(*peaks)
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, _, last = map(int, done.stdout.split())
    assert last - first < 32  # The array has 64 MiB.
