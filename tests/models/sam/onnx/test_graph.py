"""The builder of ONNX graphs."""

import numpy as np
import onnxruntime

from promptseg.models.sam.onnx.graph import Graph


def test_a_scan_takes_one_entry_at_each_turn_and_stacks_the_results():
    graph = Graph()
    graph.input("values", ["n", 2])
    factor = graph.op("Add", graph.input("factor", [1]), np.float32(1))
    turn = Graph("turn_")
    value = turn.input("value", [2])
    product = turn.op("Mul", turn.op("Mul", value, factor), turn.input("row", [2]))  # `factor` is a value of the graph around it.
    doubled = turn.op("Add", value, value)
    first, second = graph.scan(turn, {"value": "values", "row": np.array([[1, 0], [0, 1], [1, 1]], np.float32)}, [product, doubled])
    session = onnxruntime.InferenceSession(graph.build(products=first, doubled=second), providers=["CPUExecutionProvider"])
    values = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    products, twice = session.run(None, {"values": values, "factor": np.array([9], np.float32)})
    assert products.tolist() == [[10, 0], [0, 40], [50, 60]]
    assert np.array_equal(twice, 2 * values)
