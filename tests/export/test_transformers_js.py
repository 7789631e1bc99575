"""Export layout of transformers.js, on tiny models of the packages of SAM and SAM 2."""

import json
import shutil
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="the export needs torch")

import promptseg  # noqa: E402
from promptseg.export.pair import export_onnx, write_pair  # noqa: E402
from promptseg.models.sam.session import SamSegmenter  # noqa: E402
from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402
from promptseg.prompts import Prompt  # noqa: E402
from promptseg.results import Provenance  # noqa: E402

NAMES = ["config.json", "onnx/prompt_encoder_mask_decoder.onnx", "onnx/vision_encoder.onnx", "preprocessor_config.json", "promptseg.json"]
PROMPTS = [
    Prompt.point(40, 50),
    Prompt.point(40, 50) + Prompt.point(70, 20, foreground=False),
    Prompt.box(15, 20, 70, 95),
    Prompt.box(30, 10, 60, 40),
    Prompt.box(15, 20, 70, 95) + Prompt.point(30, 40),
]


@pytest.fixture(scope="module")
def export_of(tiny_sam, tiny_sam2, tmp_path_factory):
    """What was written of a model of a family, once, and a segmenter that runs the model in torch: ``export_of("sam")``."""

    @cache
    def make(family):
        if family == "sam":
            from promptseg.export.transformers_js import SamTransformersJs as Layout
            from promptseg.models.sam.torch.model import TorchSam as Engine

            model = tiny_sam(width=64, heads=8, input_size=128, grid=8)
            model.mask_decoder.iou_prediction_head.layers[-1].bias += 1
        else:
            from promptseg.export.transformers_js import Sam2TransformersJs as Layout
            from promptseg.models.sam.torch.sam2 import TorchSam2 as Engine

            model = tiny_sam2(spread=0.1)
        done = write_pair(Layout(model), "onnx-sam", tmp_path_factory.mktemp(family) / "out")
        return done, SamSegmenter(Engine(model, Provenance("tiny", "tests", "1"), TorchSettings(torch.device("cpu"))))

    return make


@pytest.fixture(params=["sam", "sam2"])
def exported(request, export_of):
    return (request.param, *export_of(request.param))


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_pair_agrees_with_its_model_and_lies_as_transformers_js_looks_for_it(exported):
    _, done, _ = exported
    assert files_in(done.folder) == NAMES
    assert done.agreement.holds(int8=False)
    assert (done.layout, done.dtype, done.to_dict()["layout"]) == ("transformers-js", "float32", "transformers-js")
    assert sorted([*done.files, "promptseg.json"]) == NAMES


def test_it_loads_by_its_folder_and_gives_the_masks_of_the_torch_engine(exported, photo):
    family, done, torch_segmenter = exported
    segmenter = promptseg.load(str(done.folder), device="cpu")
    assert segmenter.accepts == {"point", "box", "mask", "everything"}
    expected, found = (each.open(photo()).segment(PROMPTS) for each in (torch_segmenter, segmenter))
    earlier = Prompt.box(15, 20, 70, 95) + Prompt.mask(expected[2])
    refined = [each.open(photo()).segment([earlier])[0] for each in (torch_segmenter, segmenter)]
    rows = 24 if family == "sam" else 32  # The rest is padding, which the torch engine does not compute.
    for one, other in [*zip(expected, found, strict=True), refined]:
        assert np.abs(one.logits - other.logits)[:rows].max() <= 1e-4 * np.abs(one.logits).max()
        assert one.score == pytest.approx(other.score, abs=1e-4)
    assert np.abs(refined[1].logits - found[2].logits).max() > 1e-2  # The earlier mask matters.


def test_programs_that_know_no_mask_prompts_leave_them_out(exported):
    family, done, _ = exported
    session = onnxruntime.InferenceSession(str(done.folder / "onnx/prompt_encoder_mask_decoder.onnx"), providers=["CPUExecutionProvider"])
    taken = [value.name for value in session.get_inputs()]
    maps = ["image_embeddings", "image_positional_embeddings"]
    boxes = []
    if family == "sam2":
        maps, boxes = [f"image_embeddings.{level}" for level in range(3)], ["input_boxes"]
    assert taken == ["input_points", "input_labels", *boxes, *maps]
    assert [value.name for value in session.get_outputs()][:2] == ["iou_scores", "pred_masks"]


class TestBoxesOfTransformersJs:
    """It gives boxes without points as `input_boxes`, with a point tensor of length 0."""

    @pytest.fixture
    def run(self, export_of):
        done, _ = export_of("sam2")
        session = onnxruntime.InferenceSession(
            str(done.folder / "onnx/prompt_encoder_mask_decoder.onnx"), providers=["CPUExecutionProvider"]
        )
        random = np.random.default_rng(0)
        maps = {v.name: random.normal(size=v.shape).astype(np.float32) for v in session.get_inputs() if v.name.startswith("image")}

        def call(points, labels, boxes):
            given = {"input_points": np.array(points, np.float32)[None], "input_labels": np.array(labels, np.int64)[None]}
            given["input_boxes"] = np.array(boxes, np.float32).reshape(1, -1, 4) if boxes else np.zeros((1, 0, 4), np.float32)
            return session.run(["pred_masks"], {**given, **maps})[0][0]

        return call

    def test_they_mean_the_same_as_their_corners(self, run):
        alone = run(np.zeros((1, 0, 2)), np.zeros((2, 0)), [[3, 4, 40, 50], [10, 10, 20, 20]])
        corners = run([[[3, 4], [40, 50]], [[10, 10], [20, 20]]], [[2, 3], [2, 3]], [])
        np.testing.assert_allclose(alone, corners, atol=1e-5)

    def test_they_go_with_points(self, run):
        both = run([[[7, 8]]], [[1]], [[3, 4, 40, 50]])
        np.testing.assert_allclose(both, run([[[7, 8], [3, 4], [40, 50]]], [[1, 2, 3]], []), atol=1e-5)


def test_int8_goes_under_the_name_that_transformers_js_gives_it(tiny_torch_model, tmp_path, monkeypatch, photo):
    from promptseg.export import check

    monkeypatch.setattr(check, "INT8_IOU", 0.0)  # Random weights may lose any accuracy.
    done = export_onnx("tiny=tiny.pt", layout="transformers-js", int8=True)
    assert (str(done.folder), done.dtype) == ("tiny-transformers-js-int8", "int8")
    assert "onnx/vision_encoder_quantized.onnx" in done.files
    assert onnx.load(done.folder / "onnx/vision_encoder_quantized.onnx").graph.input[0].name == "pixel_values"
    segmenter = promptseg.load("onnx-sam", weights=own_copy_without_manifest(done.folder, tmp_path / "copy"))
    assert segmenter.provenance.dtype == "int8"
    assert len(segmenter.open(photo()).segment([Prompt.box(15, 20, 70, 95)])) == 1


def own_copy_without_manifest(folder, copy):
    shutil.copytree(folder, copy)
    assert json.loads((copy / "promptseg.json").read_text("utf-8"))["variant"] == "transformers-js"
    (copy / "promptseg.json").unlink()
    return copy


def test_another_layout_replaces_an_earlier_export(tiny_torch_model, tmp_path):
    out = tmp_path / "out"
    export_onnx("tiny=tiny.pt", out)
    export_onnx("tiny=tiny.pt", out, layout="transformers-js", overwrite=True)
    assert files_in(out) == NAMES


def test_an_unknown_layout_is_refused_with_those_that_are_known(tmp_path):
    with pytest.raises(promptseg.errors.ConfigError, match="layout is original or transformers-js, got 'onnx'"):
        export_onnx("mobile-sam", tmp_path, layout="onnx")


@pytest.mark.parametrize("name", ["sam", "edgetam"])
def test_models_of_transformers_are_exported_with_boxes_and_masks_that_others_leave_out(name, transformers_js_models, tmp_path):
    from promptseg.export.transformers_models import ModelTransformersJs

    model, _ = transformers_js_models(name)
    done = write_pair(ModelTransformersJs(model), "onnx-sam", tmp_path / "out")
    assert files_in(done.folder) == NAMES
    assert done.agreement.holds(int8=False)  # With boxes and an earlier mask.
    assert json.loads((done.folder / "config.json").read_text("utf-8"))["model_type"] == name
    segmenter = promptseg.load(str(done.folder), device="cpu")
    assert segmenter.accepts == {"point", "box", "mask", "everything"}


def test_a_folder_of_transformers_is_exported_by_its_own_engine(tiny_hf_sam, tmp_path):
    model = tiny_hf_sam("sam2")
    model.save_pretrained(tmp_path / "folder")
    done = export_onnx("sam2.1-hiera-tiny", tmp_path / "out", weights=tmp_path / "folder", layout="transformers-js")
    assert (done.model, done.agreement.holds(int8=False)) == ("sam2.1-hiera-tiny", True)
    assert promptseg.load(str(done.folder)).provenance.backend == "onnx_sam"


def test_sam_hq_is_refused(tiny_hf_sam, tmp_path):
    tiny_hf_sam("sam_hq").save_pretrained(tmp_path / "folder")
    with pytest.raises(promptseg.errors.ConfigError, match="model 'sam-hq-vit-b' cannot be exported"):
        export_onnx("sam-hq-vit-b", tmp_path / "out", weights=tmp_path / "folder")
