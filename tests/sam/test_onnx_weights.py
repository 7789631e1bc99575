"""Files that are not a mask decoder's export are refused, whatever they are."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from promptseg.errors import WeightsMismatchError
from promptseg.sam.onnx_weights import read_decoder_weights


def test_a_file_that_is_not_onnx_is_refused_with_its_path(tmp_path):
    (tmp_path / "sam.onnx").write_bytes(b"not a graph at all")
    with pytest.raises(WeightsMismatchError, match=r"sam\.onnx is not an ONNX file"):
        read_decoder_weights(tmp_path / "sam.onnx")


@pytest.mark.parametrize("named", [False, True])
def test_another_model_is_refused_with_what_it_lacks(named, tmp_path):
    weight = numpy_helper.from_array(np.ones((3, 3), np.float32), "model.prompt_encoder.no_such" if named else "onnx::MatMul_1")
    node = helper.make_node("MatMul", ["x", weight.name], ["y"], name="/layer/MatMul")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 3]) for name in "xy"]
    graph = helper.make_graph([node], "other", values[:1], values[1:], [weight])
    onnx.save(helper.make_model(graph), str(tmp_path / "sam.onnx"))
    with pytest.raises(WeightsMismatchError, match=r"sam\.onnx is not a mask decoder as segment-anything exports it: missing"):
        read_decoder_weights(tmp_path / "sam.onnx")


@pytest.mark.weights
def test_the_published_decoder_gives_its_parameters_by_their_names_in_segment_anything(mini_sam):
    from promptseg import registry

    weights = read_decoder_weights(registry.fetch("mini-sam").files["sam.onnx"])
    assert weights["output_tokens"].shape == (1, 5, 256)
    assert weights["no_mask_embed"].shape == (256,)
    assert weights["transformer.layers.1.cross_attn_token_to_image.q_proj.weight"].shape == (256, 128)
    assert weights["output_upscaling.1.weight"].shape == (64,)
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in weights.values())
