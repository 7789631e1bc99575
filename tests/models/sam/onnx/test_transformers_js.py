"""Pairs in the layout of transformers.js: what they take, batches, precisions and devices."""

import shutil

import numpy as np
import onnx
import pytest

import promptseg
from promptseg.errors import ConfigError, PromptError, WeightsMismatchError
from promptseg.models.sam.cache import EmbeddingCache
from promptseg.models.sam.onnx.encoder import Encoder
from promptseg.prompts import Prompt
from promptseg.registry import fetch, find_model

BOX = Prompt.box(15, 20, 70, 95)


@pytest.fixture
def load(transformers_js_models, prepared_once):
    """``load("sam", **options)`` loads a tiny model by its folder."""
    return lambda name, **options: promptseg.load("onnx-sam", weights=transformers_js_models(name)[1], device="cpu", **options)


class TestWhatTheFileLacksIsSaid:
    def test_published_files_of_sam_take_no_boxes(self, load, photo):
        segmenter = load("sam")
        assert segmenter.accepts == {"point", "everything"}
        with pytest.raises(PromptError, match="takes no boxes, because its file lacks the embeddings of their corners: give points"):
            segmenter.open(photo()).segment([BOX])

    def test_no_published_file_takes_an_earlier_mask(self, load, photo):
        segmenter = load("sam2")
        assert segmenter.accepts == {"point", "box", "everything"}
        session = segmenter.open(photo())
        (mask,) = session.segment([BOX])
        with pytest.raises(PromptError, match="takes no earlier mask, because its file has no input for one"):
            session.segment([BOX + Prompt.mask(mask)])


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_batches_and_threads_change_nothing(name, load, photo):
    prompts = [Prompt.point(x, y) for x in (20, 60, 100) for y in (30, 70)] + [Prompt.point(40, 50) + Prompt.point(9, 9, foreground=False)]
    if name == "sam2":
        prompts += [BOX, Prompt.box(30, 10, 60, 40), BOX + Prompt.point(30, 40)]
    single = load(name, decode_batch=1, threads=1).open(photo()).segment(prompts)
    batched = load(name, decode_batch=4, threads=2)
    assert batched.model.decode_batch == 4
    for one, other in zip(single, batched.open(photo()).segment(prompts), strict=True):
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-4)


def test_everything_mode_finds_the_same_as_prompts_of_the_grid(load, photo):
    session = load("sam2").open(photo())
    masks = session.everything(Prompt.everything(points_per_side=3, pred_iou_thresh=0.0, stability_score_thresh=0.0, box_nms_thresh=1.0))
    assert len(masks) > 1
    points = [Prompt.point(160 * (2 * x + 1) / 6, 120 * (2 * y + 1) / 6) for y in range(3) for x in range(3)]
    scores = {round(mask.score, 4) for mask in session.segment(points, candidates=True)}
    assert {round(mask.score, 4) for mask in masks} <= scores


def test_positions_are_no_part_of_an_embedding(load, photo, tmp_path):
    """They are the same for every image, and as large as the embedding itself."""
    segmenter = load("sam")
    session = segmenter.open(photo())
    assert set(session.embedding.features) == {"image_embeddings"}
    again = load("sam")  # It has encoded no image.
    found = again.model.decode(session.embedding, _one_point())
    np.testing.assert_array_equal(found.scores, segmenter.model.decode(session.embedding, _one_point()).scores)


def _one_point():
    from promptseg.models.sam.model import PointPrompts

    return PointPrompts(np.array([[[30, 30], [0, 0]]], np.float32), np.array([[1, -1]]))


def test_loading_runs_no_encoder_and_a_cached_embedding_is_decoded_without_an_image(load, photo, tmp_path, monkeypatch):
    runs = []
    run = Encoder._run
    monkeypatch.setattr(Encoder, "_run", lambda encoder, batch: runs.append(batch.any()) or run(encoder, batch))
    first = load("sam", cache=EmbeddingCache(folder=tmp_path)).open(photo())
    (mask,) = first.segment([Prompt.point(40, 50)])
    assert runs == [True]
    again = load("sam", cache=EmbeddingCache(folder=tmp_path)).open(photo())
    assert again.segment([Prompt.point(40, 50)])[0] == mask
    again.segment([Prompt.point(41, 50)])
    assert runs == [True, False]  # Of zeros, for the positions alone.


class TestPrecisions:
    @pytest.fixture(scope="class")
    @staticmethod
    def folder(transformers_js_models, tmp_path_factory):
        """A folder with a model in float32, float16 (inputs and outputs, too) and 8 bits."""
        convert = pytest.importorskip("onnxruntime.transformers.float16").convert_float_to_float16
        from onnxruntime.quantization import QuantType, quantize_dynamic

        folder = tmp_path_factory.mktemp("precisions") / "sam"
        shutil.copytree(transformers_js_models("sam")[1], folder)
        for path in [*(folder / "onnx").iterdir()]:
            half = convert(onnx.load(path), keep_io_types=path.stem != "vision_encoder", disable_shape_infer=True)
            onnx.save(half, path.with_name(f"{path.stem}_fp16.onnx"))
            quantize_dynamic(
                path, path.with_name(f"{path.stem}_quantized.onnx"), op_types_to_quantize=["MatMul"], weight_type=QuantType.QUInt8
            )
        return folder

    # Measured: logits within .0041 and .163 of the largest, masks other at .0007 and .039 of the pixels. Random weights lose more.
    @pytest.mark.parametrize(
        ("engine", "dtype", "tolerance", "pixels"), [("onnx-fp16", "float16", 0.01, 0.003), ("onnx-quantized", "int8", 0.25, 0.08)]
    )
    def test_each_is_an_engine_and_close_to_float32(self, engine, dtype, tolerance, pixels, folder, photo):
        prompts = [Prompt.point(40, 50), Prompt.point(100, 60)]
        exact, found = (promptseg.load("slimsam-77", weights=folder, engine=name) for name in (None, engine))
        assert (exact.provenance.dtype, found.provenance.dtype) == ("float32", dtype)
        assert {name.rpartition("_")[2] for name in found.provenance.weights if name.endswith(".onnx")} == {f"{engine[5:]}.onnx"}
        expected, masks = (each.open(photo()).segment(prompts, candidates=True) for each in (exact, found))
        logits, close = (np.stack([mask.logits for mask in each]) for each in (expected, masks))
        assert np.abs(logits - close).max() <= tolerance * np.abs(logits).max()
        assert ((logits > 0) != (close > 0)).mean() <= pixels

    def test_int8_is_made_of_float32_alone(self, folder):
        for engine, message in (("onnx-fp16", "has its weights in float16"), ("onnx-quantized", "is quantized already")):
            with pytest.raises(ConfigError, match=message):
                promptseg.load("slimsam-77", weights=folder, engine=engine, quantize="int8")
        assert promptseg.load("slimsam-77", weights=folder, quantize="int8").provenance.dtype == "int8"

    def test_a_precision_that_is_not_there_is_refused_with_those_that_are(self, folder):
        with pytest.raises(ConfigError, match="has no engine 'onnx-q4': it has onnx, onnx-fp16, onnx-quantized"):
            promptseg.load("slimsam-77", weights=folder, engine="onnx-q4")


def test_a_name_of_the_catalog_fetches_one_precision_from_the_hub(hub, transformers_js_models, photo):
    _, folder = transformers_js_models("sam")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    hub.add("Xenova/slimsam-77-uniform", {**files, "onnx/vision_encoder_fp16.onnx": b"not fetched"})
    segmenter = promptseg.load("slimsam-77", device="cpu")
    assert (segmenter.provenance.model, segmenter.provenance.license) == ("slimsam-77", "Apache-2.0")
    graphs = {"onnx/vision_encoder.onnx", "onnx/prompt_encoder_mask_decoder.onnx"}
    assert set(segmenter.provenance.weights) == {*graphs, "preprocessor_config.json"}
    local = promptseg.load("slimsam-77", weights=folder, device="cpu")
    prompt = [Prompt.point(40, 50)]
    assert list(segmenter.open(photo()).segment(prompt)) == list(local.open(photo()).segment(prompt))


def test_weights_beside_the_graphs_are_read_and_named(transformers_js_models, tmp_path, photo):
    _, folder = transformers_js_models("sam2")
    there = tmp_path / "sam2"
    shutil.copytree(folder, there)
    for path in [*(there / "onnx").iterdir()]:
        model = onnx.load(path)
        path.unlink()
        onnx.save_model(model, path, save_as_external_data=True, location=f"{path.name}_data", size_threshold=0)
    segmenter = promptseg.load("onnx-sam", weights=there)
    assert {"onnx/vision_encoder.onnx_data", "onnx/prompt_encoder_mask_decoder.onnx_data"} < set(segmenter.provenance.weights)
    whole = promptseg.load("onnx-sam", weights=folder)
    assert list(segmenter.open(photo()).segment([BOX])) == list(whole.open(photo()).segment([BOX]))


def test_features_stay_on_another_device(transformers_js_models, fake_onnx_cuda, monkeypatch, photo):
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    segmenter = promptseg.load("onnx-sam", weights=transformers_js_models("sam2")[1], device="cuda")
    session = segmenter.open(photo())
    fake_onnx_cuda.clear()
    session.segment([BOX])
    assert [note for note in fake_onnx_cuda if note.startswith("pass")] == [f"pass image_embeddings.{level}" for level in range(3)]
    assert not [note for note in fake_onnx_cuda if "read image" in note]


class TestRefusals:
    def test_a_decoder_without_masks_is_refused(self, sam_js_pair, tmp_path):
        shutil.copytree(sam_js_pair, tmp_path / "pair")
        path = tmp_path / "pair" / "prompt_encoder_mask_decoder.onnx"
        model = onnx.load(path)
        del model.graph.output[1]
        onnx.save(model, path)
        with pytest.raises(WeightsMismatchError, match="gives iou_scores; expected iou_scores and pred_masks"):
            promptseg.load("onnx-sam", weights=tmp_path / "pair")

    @pytest.mark.parametrize("damage", ["no rank", "two makers", "another input"])
    def test_a_decoder_of_another_form_is_refused(self, damage, sam_js_pair, tmp_path):
        shutil.copytree(sam_js_pair, tmp_path / "pair")
        path = tmp_path / "pair" / "prompt_encoder_mask_decoder.onnx"
        model = onnx.load(path)
        if damage == "no rank":
            del next(value for value in model.graph.input if value.name == "input_labels").type.tensor_type.shape.dim[:]
        elif damage == "two makers":
            model.graph.node[0].output[0] = model.graph.node[-1].output[0]
        else:
            model.graph.input.append(onnx.helper.make_tensor_value_info("temperature", onnx.TensorProto.FLOAT, [1]))
            model.graph.node[-1].input[0] = "temperature"
        onnx.save(model, path)
        with pytest.raises(WeightsMismatchError, match="decoder"):
            promptseg.load("onnx-sam", weights=tmp_path / "pair")

    def test_an_encoder_of_another_size_is_refused(self, sam_js_pair, transformers_js_models, tmp_path):
        shutil.copy(sam_js_pair / "prompt_encoder_mask_decoder.onnx", tmp_path)
        shutil.copy(transformers_js_models("sam3")[1] / "onnx" / "vision_encoder.onnx", tmp_path)
        with pytest.raises(
            WeightsMismatchError, match=r"the encoder .* gives image_embeddings\.0 .*, but the decoder .* takes image_embeddings"
        ):
            promptseg.load("onnx-sam", weights=tmp_path)

    def test_a_model_without_weights_says_where_they_are(self, monkeypatch):
        monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
        with pytest.raises(promptseg.errors.WeightsError, match="hf download Xenova/slimsam-77-uniform --local-dir FOLDER"):
            fetch("slimsam-77")
        assert find_model("slimsam-77").license == "Apache-2.0"
