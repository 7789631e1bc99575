"""ONNX files that are damaged or hostile are refused before anything relies on what they say about themselves."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from promptseg.errors import WeightsMismatchError
from promptseg.runtime.onnx_files import check_onnx, read_onnx

ADD = [helper.make_node("Add", ["x", "w"], ["y"])]


@pytest.fixture
def write(tmp_path):
    def written(nodes=ADD, tensors=(), functions=()):
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])]
        outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
        model = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, list(tensors)))
        model.functions.extend(functions)
        (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
        return tmp_path / "model.onnx"

    return written


def outside(location, dims=(4,), **others):
    """Return a tensor whose numbers are in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **others}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def test_weights_in_the_file_and_in_files_beside_it_are_read(write, tmp_path):
    stored = np.arange(8, dtype=np.float32)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.data").write_bytes(stored.tobytes())
    other = numpy_helper.from_array(stored, "v")
    graph = read_onnx(write(tensors=[outside("sub/w.data", offset=16, length=16), other])).graph
    assert np.array_equal(numpy_helper.to_array(graph.initializer[0]), stored[4:])
    assert np.array_equal(numpy_helper.to_array(graph.initializer[1]), stored)


def test_weights_beside_the_file_may_be_links_as_in_the_cache_of_the_hub(write, tmp_path):
    (tmp_path / "blob").write_bytes(bytes(16))
    (tmp_path / "w.data").symlink_to("blob")
    assert len(read_onnx(write(tensors=[outside("w.data")])).graph.initializer[0].raw_data) == 16


def test_a_file_without_its_weights_is_not_called_damaged(write):
    with pytest.raises(WeightsMismatchError, match=r"model\.onnx is not whole: its weights are in 'w\.data', and there is no such file"):
        read_onnx(write(tensors=[outside("w.data")]))


@pytest.mark.parametrize(
    "location", ["../w.data", "a/../../w.data", "/etc/passwd", "C:\\w.data", "\\\\host\\share\\w", "..\\w.data", "", "absent", ".", "w\0"]
)
@pytest.mark.parametrize("read", [read_onnx, check_onnx])
def test_weights_outside_of_the_folder_are_refused(read, location, write, tmp_path):
    (tmp_path.parent / "w.data").write_bytes(bytes(16))
    with pytest.raises(WeightsMismatchError, match=r"which is not in the folder of the file|no such file beside it"):
        read(write(tensors=[outside(location)]))


@pytest.mark.parametrize(
    "values",
    [{"length": 1 << 40}, {"offset": 8}, {"offset": -4}, {"offset": "9" * 500}, {"offset": "x"}, {"length": -16}, {"dims": (1 << 40,)}],
    ids=repr,
)
def test_weights_beyond_the_file_beside_it_are_refused(values, write, tmp_path):
    (tmp_path / "w.data").write_bytes(bytes(16))
    if values == {"offset": 8}:
        values = {"offset": 8, "length": 16}
    with pytest.raises(WeightsMismatchError, match="is not an ONNX file, or is damaged"):
        check_onnx(write(tensors=[outside("w.data", **values)]))


def test_weights_that_are_read_many_times_are_refused(write, tmp_path):
    (tmp_path / "w.data").write_bytes(bytes(16))
    with pytest.raises(WeightsMismatchError, match="more than twice as long"):
        read_onnx(write(tensors=[outside("w.data")] * 3))


HUGE = [
    TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 40]),
    TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 31, 4], raw_data=b"1234"),
    TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 62, 1 << 62], float_data=[1.0]),
    TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-4], raw_data=b"1234"),
]


@pytest.mark.parametrize("tensor", HUGE, ids=range(4))
@pytest.mark.parametrize("place", ["weights", "constant", "inner graph"])
def test_tensors_larger_than_their_bytes_are_refused(place, tensor, write):
    constant = helper.make_node("Constant", [], ["w"], value=tensor)
    inner = helper.make_graph([constant], "inner", [], [helper.make_tensor_value_info("w", TensorProto.FLOAT, None)])
    nodes = {"weights": ADD, "constant": [constant, *ADD], "inner graph": [helper.make_node("If", ["c"], ["w"], then_branch=inner), *ADD]}[
        place
    ]
    with pytest.raises(WeightsMismatchError, match=r"declares|negative length"):
        check_onnx(write(nodes, [tensor] if place == "weights" else []))


def test_a_sparse_tensor_larger_than_the_file_is_refused(write):
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(1, np.float32), "w"), numpy_helper.from_array(np.zeros(1, np.int64), "i"), [1 << 40]
    )
    with pytest.raises(WeightsMismatchError, match="declares 1099511627776 elements"):
        check_onnx(write([helper.make_node("Constant", [], ["w"], sparse_value=sparse), *ADD]))


def test_a_circle_of_nodes_is_refused(write):
    nodes = [
        helper.make_node("Cast", ["b"], ["a"], to=1),
        helper.make_node("Mul", ["a", "x"], ["b"]),
        helper.make_node("Identity", ["a"], ["y"]),
    ]
    with pytest.raises(WeightsMismatchError, match="its graph has a circle"):
        read_onnx(write(nodes))


def test_a_circle_of_functions_is_refused(write):
    version = [helper.make_opsetid("", 17)]
    one, other = (
        helper.make_function("d", name, ["a"], ["b"], [helper.make_node(called, ["a"], ["b"], domain="d")], version)
        for name, called in (("f", "g"), ("g", "f"))
    )
    with pytest.raises(WeightsMismatchError, match="call one another in a circle"):
        check_onnx(write([helper.make_node("f", ["x"], ["y"], domain="d")], functions=[one, other]))


def test_nodes_in_another_order_are_accepted(write):
    check_onnx(write([helper.make_node("Neg", ["a"], ["y"]), helper.make_node("Neg", ["x"], ["a"])]))


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_short_is_refused(share, write):
    path = write(tensors=[numpy_helper.from_array(np.ones(1000, np.float32), "w")])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WeightsMismatchError, match=r"model\.onnx is not an ONNX file"):
        read_onnx(path)


@pytest.mark.parametrize("content", [b"text", b"\xff" * 100, b"\x3a" * 5000, b"PK\x03\x04"], ids=range(4))
def test_another_file_is_refused(content, tmp_path):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(WeightsMismatchError, match="is not an ONNX file"):
        check_onnx(tmp_path / "model.onnx")


def test_graphs_in_graphs_are_counted(write, monkeypatch):
    monkeypatch.setattr("promptseg.runtime.onnx_files._MAX_NESTING", 2)
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    nodes = ADD
    for depth in range(4):
        check = pytest.raises(WeightsMismatchError, match="graphs in graphs") if depth == 3 else None
        if check is None:
            check_onnx(write(nodes))
        else:
            with check:
                check_onnx(write(nodes))
        nodes = [helper.make_node("If", ["c"], ["y"], then_branch=helper.make_graph(nodes, "g", [], [output]))]


def test_what_onnx_itself_writes_beside_a_file_is_read(tmp_path):
    weight = numpy_helper.from_array(np.arange(2000, dtype=np.float32), "w")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2000])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    model = helper.make_model(helper.make_graph(ADD, "g", inputs, outputs, [weight]))
    onnx.save_model(model, str(tmp_path / "m.onnx"), save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    assert np.array_equal(numpy_helper.to_array(read_onnx(tmp_path / "m.onnx").graph.initializer[0]), np.arange(2000))
