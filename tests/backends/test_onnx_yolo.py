"""YOLO detectors on ONNX Runtime: the metadata of their files, and that they need neither torch nor ultralytics."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg.errors import BackendError, ConfigError, WeightsMismatchError
from promptseg.testing.contracts import scene
from promptseg.testing.contracts.checks import assert_same_detections


def load(path, **options):
    return promptseg.load("yolo", weights=path, **options)


class TestFiles:
    def test_classes_and_input_size_are_read_from_the_file(self, tiny_onnx_yolo):
        detector = load(tiny_onnx_yolo())
        assert detector.classes == ("dog", "cat", "sports ball")
        assert detector._network.metadata.input_size == (64, 64)
        assert detector._network.metadata.fixed
        assert detector.provenance.backend == "onnx_yolo"
        assert detector.provenance.dtype == "float32"

    def test_a_file_for_inputs_of_any_size_gets_inputs_without_needless_padding(self, tiny_onnx_yolo):
        detector = load(tiny_onnx_yolo(side=None, metadata={"imgsz": "[128, 128]"}))
        assert not detector._network.metadata.fixed
        assert detector._network.metadata.input_size == (128, 128)
        assert detector.detect(np.zeros((20, 200, 3), np.uint8)).size == (20, 200)

    def test_a_file_with_prototypes_gives_masks(self, tiny_onnx_yolo):
        found = load(tiny_onnx_yolo(masks=4)).detect(scene())
        assert len(found.masks) == len(found) > 0
        assert found.masks.size == (72, 100)

    def test_a_file_in_half_precision_finds_what_the_full_one_finds(self, tiny_onnx_yolo):
        full, half = (load(tiny_onnx_yolo(half=half)) for half in (False, True))
        assert half.provenance.dtype == "float16"
        expected, computed = (detector._network(np.full((64, 64, 3), 90, np.uint8)).predictions for detector in (full, half))
        assert computed.dtype == np.float32
        np.testing.assert_allclose(computed, expected, rtol=0.05, atol=0.05)

    @pytest.mark.parametrize("described", [{"end2end": "True"}, {"end2end": None, "args": "{'nms': True, 'batch': 1}"}])
    def test_a_file_that_drops_duplicates_itself_is_read_row_by_row(self, described, tiny_onnx_yolo):
        detector = load(tiny_onnx_yolo(end_to_end=True, metadata=described))
        assert detector._network.metadata.end_to_end
        assert detector._network(np.zeros((64, 64, 3), np.uint8)).predictions.shape == (64, 6)

    def test_names_may_be_a_list(self, tiny_onnx_yolo):
        assert load(tiny_onnx_yolo(metadata={"names": "['a', 'b', 'c']"})).classes == ("a", "b", "c")

    @pytest.mark.parametrize(
        ("described", "message"),
        [
            ({"names": None}, "does not name its 3 classes: give them as option names"),
            (
                {"names": None, "stride": None, "task": None},
                r"output of shape \(7, 64\) is not that of a detector that ultralytics exports",
            ),
            ({"task": "pose"}, "for task 'pose'; supported tasks are detect and segment"),
            ({"task": "classify"}, "for task 'classify'"),
            ({"names": "{0: 'dog', 1: 'cat'}"}, r"is not a YOLO detector: its output has shape \(7, 64\), expected 6 values per box"),
            ({"names": "{0: 'dog', 2: 'cat', 3: 'x'}"}, "class names .* in its metadata, expected a list of names"),
            ({"names": "{0: __import__('os').mkdir('x')}"}, "has names .* in its metadata, expected a Python literal"),
            ({"names": "[" * 3000}, "has names .* in its metadata, expected a Python literal"),
            ({"names": "3"}, "class names 3 in its metadata, expected a list of names"),
            ({"stride": "0"}, "has stride 0 in its metadata"),
            ({"stride": "'x'"}, "has stride 'x' in its metadata"),
        ],
    )
    def test_a_file_that_describes_itself_wrongly_is_refused(self, described, message, tiny_onnx_yolo):
        with pytest.raises(WeightsMismatchError, match=message):
            load(tiny_onnx_yolo(metadata=described))

    def test_the_input_size_may_be_one_number(self, tiny_onnx_yolo):
        assert load(tiny_onnx_yolo(side=None, metadata={"imgsz": "320"}))._network.metadata.input_size == (320, 320)

    @pytest.mark.parametrize("size", ["[640]", "'x'", "[0, 640]"])
    def test_an_invalid_input_size_is_refused(self, size, tiny_onnx_yolo):
        with pytest.raises(WeightsMismatchError, match=r"has imgsz .* in its metadata, expected one or two numbers of pixels"):
            load(tiny_onnx_yolo(side=None, metadata={"imgsz": size}))

    def test_another_model_for_onnx_runtime_is_refused(self, tmp_path):
        from promptseg.models.sam.onnx.graph import Graph

        graph = Graph()
        (tmp_path / "other.onnx").write_bytes(graph.build(y=graph.op("Neg", graph.input("x", [1, 4]))))
        with pytest.raises(WeightsMismatchError, match=r"other\.onnx has inputs x tensor\(float\) \[1, 4\], expected one of shape"):
            load(tmp_path / "other.onnx")

    @pytest.mark.parametrize("content", [b"", b"no graph"])
    def test_a_damaged_file_is_refused(self, content, tmp_path):
        (tmp_path / "broken.onnx").write_bytes(content)
        with pytest.raises(WeightsMismatchError, match=r"broken\.onnx is not an ONNX file, or is damaged"):
            load(tmp_path / "broken.onnx")

    def test_a_checkpoint_for_this_engine_is_refused_with_how_to_load_it(self, tmp_path):
        (tmp_path / "model.pt").write_bytes(b"")
        with pytest.raises(WeightsMismatchError, match=r"is not for engine 'onnx', which runs \.onnx files"):
            load(tmp_path / "model.pt", engine="onnx")


BARE = {"names": None, "stride": None, "task": None, "imgsz": None, "end2end": None}


class TestFilesWithoutMetadata:
    """84 boxes are those of the maps of strides 8, 16 and 32 for 64 x 64 pixels."""

    @pytest.mark.parametrize("masks", [0, 4])
    def test_the_shapes_of_the_outputs_tell_what_the_metadata_would(self, masks, tiny_onnx_yolo):
        known = load(tiny_onnx_yolo(maps=3, masks=masks))
        bare = load(tiny_onnx_yolo(maps=3, masks=masks, metadata=BARE), names=["dog", "cat", "sports ball"])
        assert bare._network.metadata == known._network.metadata
        assert_same_detections(bare.detect(scene(), ["dog", "ball"]), known.detect(scene(), ["dog", "ball"]))

    def test_an_output_of_rows_is_that_of_a_model_that_drops_duplicates_itself(self, tiny_onnx_yolo):
        bare = load(tiny_onnx_yolo(end_to_end=True, metadata=BARE), names=["dog", "cat"])
        assert bare._network.metadata.end_to_end
        assert bare.classes == ("dog", "cat")

    def test_80_classes_without_names_are_taken_for_those_of_coco_with_a_warning(self, tiny_onnx_yolo):
        with pytest.warns(UserWarning, match="does not name its 80 classes: they are taken for those of COCO"):
            found = load(tiny_onnx_yolo(maps=3, classes=80, metadata=BARE))
        assert found.classes[:2] == ("person", "bicycle")
        assert found.classes[79] == "toothbrush"

    def test_names_may_be_those_of_a_configuration_beside_the_file(self, tiny_onnx_yolo):
        path = tiny_onnx_yolo(maps=3, metadata=BARE)
        (path.parent / "config.json").write_text('{"id2label": {"0": "bolt", "1": "nut", "2": "ring"}}', "utf-8")
        assert load(path).classes == ("bolt", "nut", "ring")

    @pytest.mark.parametrize(
        ("content", "name"),
        [("bolt\nnut\nring\n", "names.txt"), ("names: [bolt, nut, ring]", "data.yaml"), ("names: {2: ring, 0: bolt, 1: nut}", "data.yaml")],
    )
    def test_names_may_be_in_a_file(self, content, name, tiny_onnx_yolo, tmp_path):
        (tmp_path / name).write_text(content, "utf-8")
        assert load(tiny_onnx_yolo(maps=3, metadata=BARE), names=str(tmp_path / name)).classes == ("bolt", "nut", "ring")

    def test_given_names_replace_those_of_the_metadata(self, tiny_onnx_yolo):
        assert load(tiny_onnx_yolo(), names={0: "bolt", 1: "nut", 2: "ring"}).classes == ("bolt", "nut", "ring")

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (["a"], r"names the classes \[0\], and the model has 3"),
            (["a", "b", "c", "d"], "has a class 3 .'d'., and the model has the classes 0 to 2"),
            (["a", "b", 3], "has 3 for class 2, expected its name"),
            (7, "option names is a list of names"),
            ({"x": "a"}, "option names is a list of names"),
            ([], "option names names no class"),
            ("absent.txt", r"option names: cannot read absent\.txt"),
        ],
    )
    def test_names_that_do_not_fit_are_refused(self, names, message, tiny_onnx_yolo):
        with pytest.raises(ConfigError, match=message):
            load(tiny_onnx_yolo(), names=names)


class TestComputing:
    def test_a_failure_of_onnx_runtime_is_a_backend_error_with_its_cause(self, tiny_onnx_yolo):
        detector = load(tiny_onnx_yolo())
        with pytest.raises(BackendError, match="ONNX Runtime failed") as caught:
            detector._network(np.zeros((32, 32, 3), np.uint8))
        assert caught.value.__cause__ is not None

    @pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
    def test_threads_are_a_positive_whole_number(self, threads, tiny_onnx_yolo):
        with pytest.raises(ConfigError, match="option threads is a whole number of at least 1"):
            load(tiny_onnx_yolo(), threads=threads)

    def test_a_device_that_is_not_there_is_refused_with_those_that_are(self, tiny_onnx_yolo):
        with pytest.raises(ConfigError, match="device 'mps' is not available in this build of ONNX Runtime: use auto or cpu"):
            load(tiny_onnx_yolo(), device="mps")

    def test_another_input_size_than_the_fixed_one_is_refused_by_name(self, tiny_onnx_yolo):
        with pytest.raises(ConfigError, match="fixed input size of 64 x 64 pixels, and imgsz=320"):
            load(tiny_onnx_yolo(), imgsz=320)


WITHOUT = """
import importlib.abc, json, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "ultralytics"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import promptseg
weights, image, *phrases = sys.argv[1:]
found = promptseg.load("yolo", weights=weights, threshold=0.3).detect(image, phrases)
print(json.dumps([found.labels, found.scores.tolist()]))
"""


def without_torch(weights, image, *phrases):
    """Labels and scores of what is found in a process that has neither torch nor ultralytics."""
    run = subprocess.run([sys.executable, "-c", WITHOUT, weights, image, *phrases], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    labels, scores = json.loads(run.stdout)
    return tuple(labels), scores


def test_it_runs_without_torch_and_without_ultralytics(tiny_onnx_yolo, tmp_path):
    Image.fromarray(scene()).save(tmp_path / "scene.png")
    path = tiny_onnx_yolo(masks=2)
    expected = load(path, threshold=0.3).detect(scene(), ["dog", "cat"])
    labels, scores = without_torch(path, tmp_path / "scene.png", "dog", "cat")
    assert labels == expected.labels
    assert scores == pytest.approx(expected.scores.tolist(), abs=1e-5)
    assert len(labels) > 0


@pytest.mark.shared
def test_a_quantized_detector_finds_the_bus_and_the_people_beside_it(shared):
    weights, bus = shared / "weights" / "yolo" / "yolov8n_int8.onnx", shared / "data" / "ultralytics" / "bus.jpg"
    if not weights.is_file() or not bus.is_file():
        pytest.skip("there is no yolov8n_int8.onnx or no bus.jpg beside the project")
    labels, scores = without_torch(weights, bus, "People", "bus")
    assert sorted(labels) == ["People", "People", "People", "People", "bus"]
    assert min(scores[:4]) > 0.8
