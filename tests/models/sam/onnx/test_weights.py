"""Files that are not a mask decoder's export are refused, whatever they are."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from promptseg.errors import WeightsMismatchError
from promptseg.models.sam.onnx.weights import read_decoder_weights


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
    with pytest.raises(WeightsMismatchError, match=r"sam\.onnx is not a mask decoder as .*: it lacks .* and 13[0-9] more"):
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


class TestQuantized:
    """`sam_pair`'s decoder, quantized in the ways in which decoders are."""

    def read(self, folder):
        (decoder,) = folder.glob("decoder*.onnx")
        return read_decoder_weights(decoder)

    @pytest.fixture(scope="class")
    @staticmethod
    def original(sam_pair):
        return read_decoder_weights(sam_pair / "decoder.onnx")

    @pytest.mark.parametrize("simplified", [True, False])
    @pytest.mark.parametrize(("weight_type", "per_channel"), [("QUInt8", False), ("QInt8", True)])
    def test_every_parameter_is_within_half_a_step_of_what_it_was(
        self, simplified, weight_type, per_channel, original, sam_pair, quantized, tmp_path
    ):
        from onnxruntime.quantization import QuantType

        quantized(sam_pair, tmp_path, simplified, getattr(QuantType, weight_type), per_channel=per_channel)
        found = self.read(tmp_path)
        assert set(found) == set(original)
        changed = 0
        for name, array in found.items():
            assert array.shape == original[name].shape
            difference = np.abs(array - original[name])
            step = 2 * np.abs(original[name]).max() / 254  # At most; a range with 0 near its edge has smaller ones.
            assert difference.max() <= 0.51 * step, name
            changed += bool(difference.any())
        assert changed > 40

    def test_weights_that_were_turned_round_under_their_own_name_are_read_alike(self, original, sam_int8_pair, tmp_path):
        """As ONNX Runtime quantized until version 1.15."""
        model = onnx.load(str(sam_int8_pair / "decoder.quantized.onnx"))
        turned = [tensor for tensor in model.graph.initializer if "_Transposed" in tensor.name]
        assert turned
        for tensor in turned:
            tensor.name = tensor.name.replace("_Transposed", "")
        for node in model.graph.node:
            node.input[:] = [name.replace("_Transposed", "") for name in node.input]
        onnx.save(model, str(tmp_path / "decoder.onnx"))
        expected, found = self.read(sam_int8_pair), self.read(tmp_path)
        assert set(found) == set(expected)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)

    def test_positions_are_exact_where_the_file_has_them_in_another_form(self, original, sam_int8_pair, sam_pair, quantized, tmp_path):
        name = "pe_layer.positional_encoding_gaussian_matrix"
        np.testing.assert_allclose(self.read(sam_int8_pair)[name], original[name], atol=1e-5, rtol=0)
        rounded = self.read(quantized(sam_pair, tmp_path, simplified=False))[name]
        assert np.abs(rounded - original[name]).max() > 1e-3


def test_names_of_nodes_do_not_matter(sam_pair, tmp_path):
    expected = read_decoder_weights(sam_pair / "decoder.onnx")
    model = onnx.load(str(sam_pair / "decoder.onnx"))
    for index, node in enumerate(model.graph.node):  # As exporters of older versions of torch named them.
        node.name = f"{node.op_type}_{index}"
    onnx.save(model, str(tmp_path / "decoder.onnx"))
    found = read_decoder_weights(tmp_path / "decoder.onnx")
    assert set(found) == set(expected)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_parameters_are_those_of_the_torch_model(sam_pair, tiny_sam):
    state = tiny_sam(width=64, heads=8, input_size=128, grid=8).state_dict()
    found = read_decoder_weights(sam_pair / "decoder.onnx")
    for name, array in found.items():
        if name not in ("output_tokens", "no_mask_embed", "iou_prediction_head.layers.2.bias"):
            expected = next(state[f"{part}.{name}"] for part in ("mask_decoder", "prompt_encoder") if f"{part}.{name}" in state).numpy()
            assert np.array_equal(array, expected.T if name.startswith("transformer.") and expected.ndim == 2 else expected), name


@pytest.mark.parametrize(
    ("change", "complaint"), [("more", "it also has transformer.layers.2.norm1.bias"), ("less", "it lacks transformer.norm")]
)
def test_a_decoder_of_another_depth_is_refused(change, complaint, sam_pair, tmp_path):
    model = onnx.load(str(sam_pair / "decoder.onnx"))
    for tensor in model.graph.initializer:
        if tensor.name.endswith("transformer.norm_final_attn.bias"):
            if change == "more":
                model.graph.initializer.append(
                    numpy_helper.from_array(numpy_helper.to_array(tensor), "mask_decoder.transformer.layers.2.norm1.bias")
                )
            else:
                tensor.name = "renamed"
    onnx.save(model, str(tmp_path / "decoder.onnx"))
    with pytest.raises(WeightsMismatchError, match=complaint):
        read_decoder_weights(tmp_path / "decoder.onnx")
