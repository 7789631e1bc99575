"""From a torch module to an ONNX file."""

import warnings

import numpy as np
import onnx
import pytest

from promptseg.errors import BackendError

torch = pytest.importorskip("torch", reason="the export needs torch")

from promptseg.export.graphs import TracedGraph, join_weights, write_graph  # noqa: E402 - It imports torch.


def linear(inputs=3, example=3):
    return TracedGraph(torch.nn.Linear(inputs, 2), {"x": torch.zeros(1, example)}, ["y"], {"x": {0: "rows"}, "y": {0: "rows"}})


def test_the_graph_has_the_given_names_and_computes_what_the_module_does(tmp_path, run_graph):
    graph = linear()
    write_graph(graph, tmp_path / "a.onnx")
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_allclose(run_graph(tmp_path / "a.onnx", x=x)["y"], graph.module(torch.from_numpy(x)).detach().numpy(), rtol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


def test_a_module_that_cannot_be_exported_leaves_nothing_and_its_error_is_the_cause(tmp_path):
    with pytest.raises(BackendError, match=r"could not export a\.onnx") as caught:
        write_graph(linear(example=5), tmp_path / "a.onnx")
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert not list(tmp_path.iterdir())


def test_exporting_a_new_module_leaves_the_model_within_it_in_evaluation_mode(tmp_path):
    model = torch.nn.Linear(3, 2).eval()
    write_graph(TracedGraph(torch.nn.Sequential(model), {"x": torch.zeros(1, 3)}, ["y"]), tmp_path / "a.onnx")
    assert not model.training


def test_the_exporters_warnings_stay_within(tmp_path):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        write_graph(linear(), tmp_path / "a.onnx")
    assert not seen


class TestOverTwoGigabytes:
    """torch then writes a file for each tensor."""

    @pytest.fixture
    def scattered(self, tmp_path):
        folder = tmp_path / "scattered"
        folder.mkdir()

        def write(seed=0):
            graph = linear(400, 400)
            torch.nn.init.constant_(graph.module.weight, seed + 1)
            write_graph(graph, folder / "a.onnx")
            model = onnx.load(str(folder / "a.onnx"))
            onnx.save_model(model, str(folder / "a.onnx"), save_as_external_data=True, all_tensors_to_one_file=False, size_threshold=0)
            return folder / "a.onnx"

        return write

    def test_all_weights_are_joined_in_one_file_beside_the_graph(self, scattered, tmp_path, run_graph):
        path = scattered()
        x = np.ones((1, 400), np.float32)
        expected = run_graph(path, x=x)["y"]
        (tmp_path / "out").mkdir()
        join_weights(path, tmp_path / "out" / "a.onnx")
        np.testing.assert_array_equal(run_graph(tmp_path / "out" / "a.onnx", x=x)["y"], expected)
        assert {file.name for file in (tmp_path / "out").iterdir()} == {"a.onnx", "a.onnx.data"}

    def test_other_weights_make_another_graph_file(self, scattered, tmp_path):
        found = []
        for seed in range(2):
            join_weights(scattered(seed), tmp_path / "a.onnx")
            found.append((tmp_path / "a.onnx").read_bytes())
        assert found[0] != found[1]
