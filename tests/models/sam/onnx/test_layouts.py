"""Recognition of encoder, decoder and layout from the inputs of the graphs."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from promptseg.errors import WeightsMismatchError
from promptseg.models.sam.geometry import ResizeLongestSide, StretchToSquare
from promptseg.models.sam.onnx.encoder import Encoder
from promptseg.models.sam.onnx.layouts import read_pair
from promptseg.runtime.onnx import Runtime

IMAGE = {"input": (1, 3, 128, 128)}
PROMPT = {
    "point_coords": ("labels", "points", 2),
    "point_labels": ("labels", "points"),
    "mask_input": (1, 1, 32, 32),
    "has_mask_input": (1,),
    "orig_im_size": (2,),
}
DECODERS = {
    "sam": {"image_embeddings": (1, 64, 8, 8), **PROMPT},
    "sam2": {"image_embed": (1, 64, 8, 8), "high_res_feats_0": (1, 8, 32, 32), "high_res_feats_1": (1, 16, 16, 16), **PROMPT},
    "efficient-sam": {
        "image_embeddings": ("batch", 64, 8, 8),
        "batched_point_coords": (1, 1, "points", 2),
        "batched_point_labels": (1, 1, "points"),
        "orig_im_size": (2,),
    },
    "transformers-js": {
        "image_positional_embeddings": ("batch", 64, 8, 8),
        "image_embeddings": ("batch", 64, 8, 8),
        "input_points": ("batch", "prompts", "points", 2),
        "input_labels": ("batch", "prompts", "points"),
    },
}


def write(path, inputs, padding=0, gives=None):
    """A graph with inputs `inputs`, outputs of the shapes in `gives` by name, and `padding` further numbers that enlarge the file."""
    gives = gives or {"given": (1,)}
    nodes = [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(zeros(shape))) for name, shape in gives.items()]
    constant = numpy_helper.from_array(zeros((padding,)), "padding")
    values = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
        for side in ({**inputs, "padding": (padding,)}, gives)
    ]
    graph = helper.make_graph(nodes, "graph", *values, [constant])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def zeros(shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize("larger", ["encoder", "decoder"])
@pytest.mark.parametrize("layout", DECODERS)
def test_encoder_and_decoder_are_recognized_by_their_inputs_for_any_names_sizes_and_order(layout, larger, tmp_path):
    encoder = write(tmp_path / "decoder.onnx", IMAGE, 9 * (larger == "encoder"))
    decoder = write(tmp_path / "encoder.onnx", DECODERS[layout], 9 * (larger == "decoder"))
    beside = tmp_path / "weights.bin"
    for files in ([encoder, beside, decoder], [decoder, encoder]):
        pair = read_pair(files)
        assert (pair.encoder, pair.decoder, pair.layout) == (encoder, decoder, layout)
        assert (pair.grid, pair.input_size, pair.low_res) == (8, 128, 32)


def test_features_of_the_image_come_by_rising_resolution(tmp_path):
    pair = read_pair([write(tmp_path / "a.onnx", IMAGE), write(tmp_path / "b.onnx", DECODERS["sam2"])])
    assert list(pair.features) == ["image_embed", "high_res_feats_1", "high_res_feats_0"]
    assert {name: array.shape for name, array in pair.zero_features.items()} == dict(pair.features)


def test_positions_come_after_the_embedding_and_boxes_are_no_feature(tmp_path):
    inputs = {**DECODERS["transformers-js"], "input_boxes": ("batch", "boxes", 4), "mask_input": (1, 1, 32, 32)}
    pair = read_pair([write(tmp_path / "a.onnx", IMAGE), write(tmp_path / "b.onnx", inputs)])
    assert list(pair.features) == ["image_embeddings", "image_positional_embeddings"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_fewer_or_more_than_two_files_are_refused(count, tmp_path):
    files = [write(tmp_path / f"{i}.onnx", IMAGE) for i in range(count)]
    with pytest.raises(WeightsMismatchError, match=rf"an encoder and a decoder, got {'none' if not count else '.*0.onnx'}"):
        read_pair(files)


def test_two_encoders_are_refused(tmp_path):
    with pytest.raises(WeightsMismatchError, match=r"neither .* is a decoder"):
        read_pair([write(tmp_path / "a.onnx", IMAGE), write(tmp_path / "b.onnx", IMAGE)])


@pytest.mark.parametrize("lacking", ["image_embeddings", "point_coords", "mask_input"])
def test_another_decoder_is_refused_with_its_inputs(lacking, tmp_path):
    inputs = {name: shape for name, shape in DECODERS["sam"].items() if name != lacking}
    files = [write(tmp_path / "a.onnx", IMAGE, 9), write(tmp_path / "b.onnx", inputs)]
    with pytest.raises(WeightsMismatchError, match=r"b\.onnx is not a decoder in a known layout \(sam, sam2, .*labels \? x \?,"):
        read_pair(files)


@pytest.mark.parametrize("content", [b"", b"not a graph at all"])
def test_a_file_that_is_not_onnx_is_refused(content, tmp_path):
    (tmp_path / "b.onnx").write_bytes(content)
    with pytest.raises(WeightsMismatchError, match=r"b\.onnx is not an ONNX file"):
        read_pair([write(tmp_path / "a.onnx", IMAGE, 9), tmp_path / "b.onnx"])


@pytest.mark.parametrize("shape", [(1, 64, "height", "width"), (1, 64, 8, 16)], ids=str)
def test_a_decoder_that_does_not_say_how_large_its_grid_is_is_refused(shape, tmp_path):
    files = [write(tmp_path / "a.onnx", IMAGE), write(tmp_path / "b.onnx", {**DECODERS["sam"], "image_embeddings": shape})]
    with pytest.raises(WeightsMismatchError, match=r"b\.onnx must fix the size of its input 'image_embeddings' to a square"):
        _ = read_pair(files).grid


class TestEncoder:
    RUNTIME = Runtime("cpu", 1)

    @pytest.mark.parametrize("inputs", [{"x": (1, 3, 64, 64)}, {"x": (128, 128, 3)}, {"x": (1, 1, 128, 128)}], ids=str)
    def test_one_of_another_input_size_is_refused_with_its_inputs_and_the_expected_ones(self, inputs, tmp_path):
        pair = read_pair([write(tmp_path / "a.onnx", inputs), write(tmp_path / "b.onnx", DECODERS["sam"])])
        taken = " x ".join(map(str, inputs["x"]))
        with pytest.raises(
            WeightsMismatchError, match=rf"layout sam: it takes x tensor\(float\) {taken}, expected one tensor\(float\) 1 x 3 x 128 x 128"
        ):
            Encoder(pair, self.RUNTIME)

    @pytest.mark.parametrize(
        "shapes",
        [
            {"image_embed": (1, 64, 8, 8), "high_res_feats_1": (1, 16, 16, 16), "high_res_feats_0": (1, 8, 32, 32)},
            {"fine": (1, 8, 32, 32), "middle": (1, 16, 16, 16), "coarse": (1, 64, 8, 8)},
            {
                "last_hidden_state": (1, 64, 8, 8),
                "high_res_feats_0": (1, 8, 32, 32),
                "high_res_feats_1": (1, 16, 16, 16),
                "image_embed": (1, 64, 8, 8),
            },
        ],
        ids=["by name", "by shape", "by name among others"],
    )
    def test_its_features_are_matched_to_the_decoders(self, shapes, tmp_path, photo):
        decoder = write(tmp_path / "b.onnx", DECODERS["sam2"])
        pair = read_pair([write(tmp_path / "a.onnx", {"image": (1, 3, "height", "width")}, gives=shapes), decoder])
        features = Encoder(pair, self.RUNTIME)(photo(), StretchToSquare((120, 160), 128, 32))
        assert [array.shape for array in features] == list(pair.features.values())

    def test_it_gets_the_image_normalized_by_channel_and_zeros_below_it(self, tmp_path):
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 3, 128, 128)) for name in ("image", "same")]
        graph = helper.make_graph([helper.make_node("Identity", ["image"], ["same"])], "graph", values[:1], values[1:])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(tmp_path / "a.onnx"))
        pair = read_pair([tmp_path / "a.onnx", write(tmp_path / "b.onnx", DECODERS["sam"], 99)])
        color = np.full((64, 128, 3), (200, 50, 10), np.uint8)
        (batch,) = Encoder(pair, self.RUNTIME)(color, ResizeLongestSide((64, 128), 128, 32))
        # (200 - 123.675) / 58.395, (50 - 116.28) / 57.12 and (10 - 103.53) / 57.375.
        assert batch[0, :, 63, 127].tolist() == pytest.approx([1.307047, -1.160364, -1.630153], abs=1e-5)
        assert (batch[0, :, 64:] == 0).all()

    def test_other_features_are_refused_with_both_sides(self, tmp_path):
        shapes = {"image_embed": (1, 64, 8, 8), "high_res_feats_0": (1, 8, 32, 32), "other": (1, 16, 16, 17)}
        pair = read_pair([write(tmp_path / "a.onnx", IMAGE, gives=shapes), write(tmp_path / "b.onnx", DECODERS["sam2"])])
        with pytest.raises(WeightsMismatchError, match=r"a\.onnx gives .*other tensor\(float\) 1 x 16 x 16 x 17, but the decoder .* takes"):
            Encoder(pair, self.RUNTIME)

    def test_a_file_that_onnx_runtime_cannot_load_is_refused(self, tmp_path):
        encoder = write(tmp_path / "a.onnx", IMAGE)
        pair = read_pair([encoder, write(tmp_path / "b.onnx", DECODERS["sam"])])
        encoder.write_bytes(b"damaged since")
        with pytest.raises(WeightsMismatchError, match=r"a\.onnx is not an ONNX file, or is damaged"):
            Encoder(pair, self.RUNTIME)
