"""Salient object models on ONNX Runtime: what is read from their files, what they find, and files that are none."""

import json
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper

import promptseg
from promptseg import Prompt
from promptseg.errors import BackendError, ConfigError, PromptError, WeightsMismatchError, WeightsNotFoundError
from promptseg.testing import FakeSegmenter


def load(path, name="salient", **options):
    return promptseg.load(name, weights=path, **options)


class TestFiles:
    @pytest.mark.parametrize(("ending", "logits"), [("Sigmoid", False), ("HardSigmoid", False), (None, True), ("Softplus", True)])
    def test_the_graph_tells_logits_from_probabilities(self, tiny_salient, ending, logits):
        assert load(tiny_salient(ending=ending))._network.logits == logits

    def test_logits_and_probabilities_of_one_model_find_the_same(self, tiny_salient, red_things):
        one, two = (load(tiny_salient(ending=ending)).detect(red_things[0]) for ending in ("Sigmoid", None))
        assert one.masks[0].iou(two.masks[0]) == 1
        assert one.scores[0] == pytest.approx(two.scores[0], abs=1e-5)

    @pytest.mark.parametrize(("name", "side"), [("u2net", 320), ("salient", 1024)])
    def test_a_file_for_inputs_of_any_size_gets_that_of_the_model(self, tiny_salient, name, side):
        detector = load(tiny_salient(side=None), name)
        assert detector._network.size == (side, side)
        assert detector.detect(np.zeros((30, 20, 3), np.uint8)).size == (30, 20)

    def test_a_file_in_half_precision_finds_what_the_full_one_finds(self, tiny_salient, red_things):
        full, half = (load(tiny_salient(half=half)) for half in (False, True))
        assert (full.provenance.dtype, half.provenance.dtype) == ("float32", "float16")
        assert half.detect(red_things[0]).masks[0].iou(full.detect(red_things[0]).masks[0]) > 0.99

    @pytest.mark.parametrize("layout", ["onnx/model.onnx", "model.onnx", "onnx/model_quantized.onnx"])
    def test_a_folder_is_recognized_and_its_preprocessor_is_used(self, tiny_salient, tmp_path, layout):
        (tmp_path / layout).parent.mkdir(exist_ok=True)
        (tmp_path / layout).write_bytes(tiny_salient(side=None).read_bytes())
        (tmp_path / "config.json").write_text(json.dumps({"architectures": ["BiRefNet"]}))
        values = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "size": {"width": 96, "height": 96}}
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
        for detector in (promptseg.load(str(tmp_path)), load(tmp_path), load(tmp_path, "birefnet-general")):
            assert detector._network.size == (96, 96)
            assert detector._conventions.std == pytest.approx((0.25, 0.25, 0.25))

    @pytest.mark.parametrize("layout", ["onnx/model.onnx", "any name.onnx"])
    def test_a_folder_without_a_configuration_is_read_under_the_name_of_a_model(self, tiny_salient, tmp_path, layout):
        (tmp_path / layout).parent.mkdir(exist_ok=True)
        (tmp_path / layout).write_bytes(tiny_salient().read_bytes())
        assert list(load(tmp_path).provenance.weights) == [layout.rpartition("/")[2]]

    def test_a_folder_without_onnx_files_is_refused(self, tmp_path):
        with pytest.raises(WeightsNotFoundError, match="has no ONNX file: expected model"):
            load(tmp_path)

    @pytest.mark.parametrize(
        ("inputs", "outputs", "message"),
        [
            ([("a", [1, 3, 64, 64])] * 2, [1, 3, 64, 64], "it has inputs a tensor"),
            ([("a", [1, 4, 64, 64])], [1, 4, 64, 64], "expected one image of shape"),
            ([("a", [8, 3, 64, 64])], [8, 3, 64, 64], "expected one image of shape"),
            ([("a", [1, 3, 64])], [1, 3, 64], "expected one image of shape"),
            ([("a", [1, 3, 64, 64])], [1, 3, 64, 64], r"its first output is tensor\(float\) \[1, 3, 64, 64\]"),
            ([("a", [1, 3, 64, 64])], [1, 1, 96, 128], "expected a map of"),
            ([("a", [1, 3, 64, 64])], [12288], "expected a map of"),
            ([("a", [1, 3, 100_000, 100_000])], [1, 3, 100_000, 100_000], "with a side of 100000 pixels"),
            ([("a", [1, 3, 8, 8])], [1, 3, 8, 8], "with a side of 8 pixels, expected 32 to 4096"),
        ],
    )
    def test_a_graph_with_other_inputs_or_outputs_is_refused(self, tmp_path, inputs, outputs, message):
        with pytest.raises(WeightsMismatchError, match=message):
            load(_graph(tmp_path, inputs, outputs))

    def test_an_output_that_is_not_as_declared_is_an_error(self, tmp_path):
        detector = load(_half_graph(tmp_path), "u2netp")
        with pytest.raises(BackendError, match=r"an output of shape \(1, 1, 160, 160\), expected a map of \(320, 320\)"):
            detector.detect(np.zeros((5, 5, 3), np.uint8))

    @pytest.mark.parametrize("content", [b"", b"no graph", b"\x08" * 500])
    def test_what_is_no_onnx_file_is_refused(self, tmp_path, content):
        (tmp_path / "a.onnx").write_bytes(content)
        with pytest.raises(WeightsMismatchError, match="is not an ONNX file"):
            load(tmp_path / "a.onnx")

    def test_without_weights_the_message_says_what_to_give(self):
        with pytest.raises(WeightsNotFoundError, match=r"'salient=PATH' or weights=PATH"):
            promptseg.load("salient")

    def test_neither_torch_nor_transformers_is_imported(self, tiny_salient):
        code = f"import promptseg, sys; promptseg.load('salient', weights={str(tiny_salient())!r}); print('torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "False\n"


def _graph(folder, inputs, output):
    """Write a graph whose output is its first input in another shape."""
    made = [helper.make_tensor_value_info(f"{name}{index or ''}", TensorProto.FLOAT, shape) for index, (name, shape) in enumerate(inputs)]
    shape = helper.make_tensor("shape", TensorProto.INT64, [len(output)], output)
    node = helper.make_node("Reshape", ["a", "shape"], ["out"])
    return _write(folder, [node], made, helper.make_tensor_value_info("out", TensorProto.FLOAT, output), [shape])


def _half_graph(folder):
    """Write a graph for inputs of any size whose output has half their size, which no declared shape tells."""
    start, end = (helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in (("start", 0), ("end", 1)))
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    scales = helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 0.5, 0.5])
    nodes = [
        helper.make_node("Slice", ["a", "start", "end", "axis"], ["one"]),
        helper.make_node("Resize", ["one", "", "scales"], ["out"]),
    ]
    made = helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 3, "h", "w"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 1, "x", "y"])
    return _write(folder, nodes, [made], out, [start, end, axis, scales])


def _write(folder, nodes, inputs, output, tensors):
    graph = helper.make_graph(nodes, "odd", inputs, [output], tensors)
    path = folder / "odd.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())
    return path


class TestDetections:
    def test_all_that_stands_out_is_one_object(self, tiny_salient, red_things):
        image, large, small = red_things
        found = load(tiny_salient()).detect(image)
        assert found.labels == ("object",)
        assert found.scores[0] > 0.9
        assert np.array_equal(found.boxes[0], found.masks[0].box)
        together = large | small
        assert (found.masks[0].array & together).sum() / (found.masks[0].array | together).sum() > 0.9

    def test_connected_parts_are_objects_of_their_own_if_asked_for(self, tiny_salient, red_things):
        found = load(tiny_salient(), separate=True).detect(red_things[0])
        assert len(found) == 2
        areas = sorted(found.masks.areas.tolist())
        assert areas == pytest.approx([16 * 24, 48 * 48], rel=0.2)
        assert list(found.scores) == sorted(found.scores, reverse=True)

    def test_only_the_largest_are_kept(self, tiny_salient, red_things):
        (kept,) = load(tiny_salient(), separate=True, max_detections=1).detect(red_things[0]).masks
        assert kept.area > 1000

    def test_nothing_stands_out_of_an_even_image(self, tiny_salient):
        found = load(tiny_salient(), "birefnet-general").detect(np.full((30, 40, 3), 90, np.uint8))
        assert len(found) == 0
        assert found.best_scores["object"] == pytest.approx(0.05, abs=0.01)

    def test_isnet_stretches_its_map_and_scores_it_as_it_was(self, tiny_salient, red_things):
        weak = tiny_salient(sharpness=2.0, bias=-3.0)  # Its highest probability is about .2 for the numbers of IS-Net.
        detector = load(weak, "isnet-general-use")
        found = detector.detect(red_things[0])
        assert len(found) == 1
        assert found.scores[0] == pytest.approx(0.18, abs=0.05)
        assert detector.saliency(red_things[0]).max() == pytest.approx(1)
        weak = tiny_salient(sharpness=2.0, bias=-9.0)
        assert len(load(weak, "birefnet-general").detect(red_things[0])) == 0

    def test_the_saliency_is_a_map_of_the_image(self, tiny_salient, red_things):
        image, large, _ = red_things
        saliency = load(tiny_salient()).saliency(image)
        assert saliency.shape == image.shape[:2]
        assert saliency[large].mean() > 0.9
        assert saliency[:10].max() < 0.2

    def test_output_that_is_not_finite_is_an_error(self, tiny_salient):
        detector = load(tiny_salient(ending=None, bias=float("nan")))
        with pytest.raises(BackendError, match="NaN or infinity"):
            detector.detect(np.zeros((5, 5, 3), np.uint8))

    @pytest.mark.parametrize("phrases", [["object"], ["an object"], ["Objects"]])
    def test_its_one_class_has_a_name(self, tiny_salient, red_things, phrases):
        detector = load(tiny_salient())
        detector.check_phrases(phrases)
        assert detector.detect(red_things[0], phrases).labels == tuple(phrases)

    def test_a_phrase_for_something_else_is_refused(self, tiny_salient):
        with pytest.raises(PromptError, match="'dog'"):
            load(tiny_salient()).check_phrases(["dog"])

    @pytest.mark.parametrize("option", [{"threshold": 2}, {"mask_threshold": "x"}, {"separate": 1}, {"max_detections": 0}, {"threads": 0}])
    def test_an_option_out_of_its_range_is_refused(self, tiny_salient, option):
        with pytest.raises(ConfigError, match=f"option {next(iter(option))} is"):
            load(tiny_salient(), **option)


class TestPipelines:
    def test_its_mask_is_the_result_without_a_segmenter(self, tiny_salient, red_things):
        pipeline = promptseg.Pipeline().detect("salient", weights=str(tiny_salient())).build()
        result = pipeline(red_things[0])
        assert [mask.label for mask in result.masks] == ["object"]
        assert result.phrases[0].count == 1

    def test_a_segmenter_refines_it(self, tiny_salient, red_things, monkeypatch):
        fake = FakeSegmenter()
        monkeypatch.setattr("promptseg.pipeline.builder.load_chosen", _with(fake))
        pipeline = promptseg.Pipeline().detect("salient", weights=str(tiny_salient())).segment("mini-sam", refine=True).build()
        (mask,) = pipeline(red_things[0]).masks
        assert mask.label == "object"
        assert mask.area

    def test_clicks_and_it_go_together(self, tiny_salient, red_things, monkeypatch):
        monkeypatch.setattr("promptseg.pipeline.builder.load_chosen", _with(FakeSegmenter()))
        pipeline = promptseg.Pipeline().detect("salient", weights=str(tiny_salient())).segment().build()
        assert len(pipeline(red_things[0], Prompt.point(30, 30), Prompt.text("object")).masks) == 2


def _with(segmenter):
    from promptseg.registry.loading import load_chosen

    def load(chain, device="auto", options=None):
        return segmenter if chain[0].backend.kind == "segmenter" else load_chosen(chain, device, options)

    return load
