"""Detectors in ONNX: files, folders and classes, and that phrases and classes become masks without torch."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import promptseg
from detector_exports import write_rf_detr
from promptseg.errors import ConfigError, WeightsMismatchError, WeightsNotFoundError
from promptseg.testing.contracts import scene

NAMES = ["N/A", "dog", "cat", "sports ball"]
CONFIG = {"model_type": "rf_detr", "id2label": dict(enumerate(NAMES))}


def load(path, name="onnx-detector", **options):
    return promptseg.load(name, weights=path, **options)


@pytest.fixture
def file(tmp_path):
    """A small RF-DETR-Seg as its authors export it, without names."""
    return write_rf_detr(tmp_path / "model.onnx")


@pytest.fixture
def folder(tmp_path):
    """A small RF-DETR-Seg in a folder of transformers.js."""
    write_rf_detr(tmp_path / "own" / "onnx" / "model.onnx", layout="transformers")
    (tmp_path / "own" / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    return tmp_path / "own"


class TestFiles:
    def test_a_file_gives_boxes_and_masks_of_named_classes(self, file):
        detector = load(file, names=NAMES)
        found = detector.detect(scene(), ["Dogs", "ball"])
        assert detector.classes == ("dog", "cat", "sports ball")
        assert set(found.labels) == {"Dogs", "ball"}
        assert len(found.masks) == len(found) > 3
        provenance = detector.provenance
        assert (provenance.backend, provenance.dtype, list(provenance.weights)) == ("onnx_detector", "float32", ["model.onnx"])
        assert provenance.version.startswith("onnxruntime")

    def test_masks_are_left_out_on_request(self, file):
        assert load(file, names=NAMES, masks=False).detect(scene()).masks is None

    def test_masks_without_a_name_are_found(self, file, tmp_path):
        older = load(write_rf_detr(tmp_path / "older.onnx", masks="4245"), names=NAMES).detect(scene())
        assert [mask.area for mask in older.masks] == [mask.area for mask in load(file, names=NAMES).detect(scene()).masks]

    def test_a_file_that_makes_scores_itself_finds_the_same(self, file, tmp_path):
        found = load(write_rf_detr(tmp_path / "scores.onnx", probabilities=True), names=NAMES).detect(scene())
        np.testing.assert_allclose(found.scores, load(file, names=NAMES).detect(scene()).scores, atol=1e-6)

    def test_a_file_in_half_precision_finds_what_the_full_one_finds(self, file, tmp_path):
        half = load(write_rf_detr(tmp_path / "half.onnx", half=True), names=NAMES, threshold=0)
        assert half.provenance.dtype == "float16"
        expected, found = load(file, names=NAMES, threshold=0).detect(scene()), half.detect(scene())
        assert max(found.scores) == pytest.approx(max(expected.scores), abs=0.01)

    def test_91_classes_without_names_are_taken_for_those_of_coco_with_a_warning(self, tmp_path):
        with pytest.warns(UserWarning, match="does not name its 91 classes"):
            detector = load(write_rf_detr(tmp_path / "model.onnx", classes=91))
        assert (len(detector.classes), detector.classes[0]) == (80, "person")

    def test_other_classes_need_names(self, file):
        with pytest.raises(WeightsMismatchError, match="does not name its 4 classes: give them as option names"):
            load(file)

    def test_the_last_column_may_be_without_a_name(self, file):
        assert load(file, names=["dog", "cat", "ball"]).classes == ("dog", "cat", "ball")  # Fine-tuned ones have a column for nothing.

    def test_a_file_of_one_size_takes_no_other(self, file):
        with pytest.raises(ConfigError, match="fixed input size of 64 x 64 pixels, and imgsz=96"):
            load(file, names=NAMES, imgsz=96)

    def test_a_file_of_any_size_needs_one(self, tmp_path):
        path = write_rf_detr(tmp_path / "model.onnx", side=None)
        with pytest.raises(WeightsNotFoundError, match=r"takes images of any size, and has no preprocessor_config\.json"):
            load(path, names=NAMES)
        assert load(path, names=NAMES, imgsz=64).model_input.size == (64, 64)
        (tmp_path / "preprocessor_config.json").write_text('{"size": {"height": 64, "width": 64}}', "utf-8")
        assert load(path, names=NAMES).model_input.size == (64, 64)

    @pytest.mark.parametrize("name", ["d-fine-n", "grounding-dino-swin-t"])
    def test_a_file_of_another_family_is_refused(self, name, file):
        with pytest.raises(WeightsMismatchError, match=f"is of a rf_detr, and model '{name}' is of a"):
            load(file, name, engine="onnx", names=NAMES)

    def test_an_export_of_ultralytics_is_refused_with_how_to_load_it(self, tiny_onnx_yolo):
        with pytest.raises(WeightsMismatchError, match="A detector of ultralytics runs as 'yolo=PATH'"):
            load(tiny_onnx_yolo())

    @pytest.mark.parametrize("content", [b"", b"no graph"])
    def test_a_damaged_file_is_refused(self, content, tmp_path):
        (tmp_path / "broken.onnx").write_bytes(content)
        with pytest.raises(WeightsMismatchError, match=r"broken\.onnx is not an ONNX file, or is damaged"):
            load(tmp_path / "broken.onnx")

    def test_a_file_of_another_kind_is_refused(self, tmp_path):
        (tmp_path / "model.pt").write_bytes(b"")
        with pytest.raises(WeightsMismatchError, match=r"model\.pt is not for engine 'onnx', which runs \.onnx files"):
            load(tmp_path / "model.pt")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"names": "dog"}, "option names: cannot read dog"),
            ({"names": 3}, "option names is a list of names"),
            ({"names": ["a"] * 9}, "option names has a class 4 .'a'., and the model has the classes 0 to 3"),
            ({"thresholds": {"dog": 0.5}}, "option thresholds is of Grounding DINO"),
            ({"threads": 0}, "threads"),
        ],
    )
    def test_a_wrong_option_is_refused(self, options, message, file):
        with pytest.raises(ConfigError, match=message):
            load(file, **{"names": NAMES, **options})


class TestFolders:
    def test_names_are_those_of_the_configuration(self, folder):
        detector = load(folder)
        assert detector.classes == ("dog", "cat", "sports ball")
        assert set(detector.provenance.weights) == {"model.onnx", "config.json"}

    def test_the_file_in_the_folder_finds_the_configuration_above(self, folder):
        assert load(folder / "onnx" / "model.onnx").classes == ("dog", "cat", "sports ball")

    def test_a_configuration_above_that_is_of_something_else_is_not_read(self, file, tmp_path):
        (tmp_path / "config.json").write_text('{"model_type": "bert", "id2label": {"0": "good"}}', "utf-8")
        (tmp_path / "sub").mkdir()
        file.rename(tmp_path / "sub" / "model.onnx")
        with pytest.raises(WeightsMismatchError, match="does not name its 4 classes"):
            load(tmp_path / "sub")

    def test_the_engine_is_the_one_that_reads_the_folder(self, folder):
        assert promptseg.load("rf-detr-nano", weights=folder).provenance.backend == "onnx_detector"

    def test_a_folder_of_the_authors_file_alone_is_for_this_engine_too(self, file):
        assert promptseg.load("rf-detr-nano", weights=file.parent, names=NAMES).provenance.backend == "onnx_detector"

    def test_the_family_of_a_shared_layout_must_be_known(self, folder):
        (folder / "config.json").unlink()
        with pytest.raises(WeightsMismatchError, match="may be an RF-DETR or a D-FINE, which take other inputs: put its config"):
            load(folder / "onnx" / "model.onnx", names=NAMES)
        assert load(folder / "onnx" / "model.onnx", "rf-detr-nano", names=NAMES).classes == ("dog", "cat", "sports ball")

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ({"model_type": "detr"}, "is of model type 'detr', expected rf_detr or d_fine"),
            ({**CONFIG, "id2label": [1]}, r"has id2label=\[1\], expected names by their numbers"),
            ({**CONFIG, "id2label": {"7": "dog"}}, r"config\.json has a class 7 .'dog'., and the model has the classes 0 to 3"),
        ],
    )
    def test_a_configuration_that_does_not_fit_is_refused(self, config, message, folder):
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
        with pytest.raises(WeightsMismatchError, match=message):
            load(folder / "onnx" / "model.onnx")

    def test_several_files_of_which_none_is_the_model_are_named(self, tmp_path):
        for name in ("a.onnx", "b.onnx"):
            write_rf_detr(tmp_path / name)
        with pytest.raises(WeightsNotFoundError, match=r"has 2 ONNX files, and none is model\.onnx: give one of them .*a\.onnx.*b\.onnx"):
            load(tmp_path)

    def test_a_folder_without_a_file_is_refused(self, tmp_path):
        with pytest.raises(WeightsNotFoundError, match=r"has no ONNX file: expected model\.onnx or onnx/model\.onnx"):
            load(tmp_path, engine="onnx")

    def test_no_weights_are_asked_for_by_name(self):
        with pytest.raises(WeightsNotFoundError, match=r"runs an ONNX file of your own .*'onnx-detector=PATH'"):
            promptseg.load("onnx-detector")


class TestGroundingDino:
    def test_phrases_are_scored_one_by_one_so_that_a_graph_made_for_one_is_right(self, exported_detectors):
        detector = load(exported_detectors("grounding"), threshold=0)
        alone, together = (detector.detect(scene(), phrases) for phrases in (["dog"], ["cat", "dog|wheel"]))
        assert together.best_scores["dog"] >= alone.best_scores["dog"]
        assert set(together.labels) == {"cat", "dog"}

    def test_a_file_without_a_vocabulary_is_refused(self, exported_detectors, tmp_path):
        (tmp_path / "model.onnx").write_bytes(exported_detectors("grounding").read_bytes())
        with pytest.raises(WeightsNotFoundError, match=r"has no vocabulary: expected vocab\.txt or tokenizer\.json"):
            load(tmp_path)

    def test_names_of_classes_are_refused(self, exported_detectors):
        with pytest.raises(ConfigError, match="option names is of detectors with a fixed list of classes"):
            load(exported_detectors("grounding"), names=["dog"])


WITHOUT = """
import importlib.abc, json, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "transformers", "ultralytics"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import promptseg
stages, image, *phrases = json.loads(sys.argv[1])
result = promptseg.Pipeline.from_config(stages).build()(image, promptseg.Prompt.text(*phrases))
print(json.dumps([[mask.label, mask.area] for mask in result.masks]))
"""


def without_torch(stages, folder, *phrases):
    """Labels and areas of the masks of a pipeline in a process that has neither torch nor transformers."""
    Image.fromarray(scene()).save(folder / "scene.png")
    request = json.dumps([stages, str(folder / "scene.png"), *phrases])
    run = subprocess.run([sys.executable, "-c", WITHOUT, request], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_classes_become_masks_without_torch(file, tmp_path):
    detect = {"model": "onnx-detector", "weights": str(file), "threshold": 0.3, "options": {"names": NAMES}}
    found = without_torch({"detect": detect}, tmp_path, "Dogs", "cat")
    assert {label for label, _ in found} == {"Dogs", "cat"}
    expected = promptseg.Pipeline.from_config({"detect": detect}).build()(scene(), promptseg.Prompt.text("Dogs", "cat"))
    assert found == [[mask.label, mask.area] for mask in expected.masks]


def test_phrases_become_masks_of_a_segmenter_without_torch(exported_detectors, sam2_js_pair, tmp_path):
    detect = {"model": "grounding-dino-swin-t", "weights": str(exported_detectors("grounding")), "threshold": 0, "max_detections": 3}
    segment = {"model": "onnx-sam", "weights": str(sam2_js_pair)}
    stages = {"detect": detect, "segment": segment}
    found = without_torch(stages, tmp_path, "dog", "red car")
    assert {label for label, _ in found} <= {"dog", "red car"}
    assert len(found) == 3
    expected = promptseg.Pipeline.from_config(stages).build()(scene(), promptseg.Prompt.text("dog", "red car"))
    assert [label for label, _ in found] == [mask.label for mask in expected.masks]
    assert np.allclose([area for _, area in found], [mask.area for mask in expected.masks], rtol=0.01, atol=3)


def test_a_name_fetches_the_published_file_and_what_lies_beside_it(hub, folder):
    paths = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    hub.add(
        "onnx-community/rfdetr_base-ONNX", {**paths, "onnx/model_fp16.onnx": b"not fetched", "README.md": b"---\nlicense: apache-2.0\n---"}
    )
    found = promptseg.load("rf-detr-base", threshold=0.3).detect(scene(), ["dog", "cat"])
    assert set(found.labels) == {"dog", "cat"}
    by_address = promptseg.load("hf:onnx-community/rfdetr_base-ONNX", threshold=0.3)
    assert (by_address.provenance.backend, by_address.provenance.license) == ("onnx_detector", "Apache-2.0")
    assert not any("model_fp16" in request for request in hub.requests)
