"""RF-DETR and D-FINE by name, from folders with tiny weights: their options, classes and refusals."""

import json

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, PromptError, WeightsMismatchError, WeightsNotFoundError
from promptseg.testing.contracts import scene
from promptseg.weights.store import file_sha256

pytestmark = pytest.mark.usefixtures("saved_models")

NAMES = {"rf-detr-nano": "rf_detr", "rf-detr-seg-nano": "rf_detr_seg", "d-fine-n": "d_fine"}


def load(name, folder, **options):
    return promptseg.load(name, weights=folder, device="cpu", **options)


@pytest.mark.parametrize("name", NAMES)
def test_a_detector_finds_its_classes_by_its_name_and_a_folder(name, saved_models):
    folder = saved_models(NAMES[name])[1]
    detector = load(name, folder, threshold=0)
    found = detector.detect(scene(), ["Dogs", "ball"])
    assert set(found.labels) == {"Dogs", "ball"}
    assert detector.classes == ("dog", "cat", "sports ball")  # Column 0 of RF-DETR is "N/A", as COCO's numbers begin with 1.
    provenance = detector.provenance
    assert (provenance.model, provenance.license, provenance.device) == (name, "Apache-2.0", "cpu")
    assert provenance.version.startswith("transformers 5")
    assert provenance.weights == {
        each: file_sha256(folder / each) for each in ("config.json", "model.safetensors", "preprocessor_config.json")
    }


def test_a_phrase_that_names_no_class_is_refused(saved_models):
    detector = load("d-fine-n", saved_models("d_fine")[1])
    with pytest.raises(PromptError, match="names none of the 3 classes of this detector"):
        detector.detect(scene(), ["bottle"])
    with pytest.raises(PromptError, match="Ask for the wider class 'dog'"):
        detector.check_phrases(["puppy"])


def test_masks_are_left_out_on_request(saved_models):
    folder = saved_models("rf_detr_seg")[1]
    with_masks, without = (load("rf-detr-seg-nano", folder, masks=masks).detect(scene()) for masks in (True, False))
    assert len(with_masks.masks) == len(with_masks) > 3
    assert without.masks is None
    assert [mask.label for mask in with_masks.masks] == list(with_masks.labels)


def test_thresholds_and_counts_reach_the_detector(saved_models):
    folder = saved_models("d_fine")[1]
    every = load("d-fine-n", folder, threshold=0).detect(scene())
    some = load("d-fine-n", folder, threshold=float(every.scores[4]), max_detections=3).detect(scene())
    assert np.array_equal(some.scores, every.scores[:3])


@pytest.mark.parametrize(("name", "size"), [("rf-detr-nano", 96), ("d-fine-n", 96)])
def test_another_input_size_is_rounded_up_to_one_that_the_model_takes(name, size, saved_models):
    detector = load(name, saved_models(NAMES[name])[1], imgsz=size - 5)
    assert detector.model_input.size == (size, size)
    assert len(detector.detect(scene())) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"imgsz": 20}, "option imgsz is a whole number from 32 to 2048"),
        ({"threshold": 2}, "threshold"),
        ({"max_detections": 0}, "max_detections"),
        ({"masks": "yes"}, "option masks is True or False"),
        ({"dtype": "int8"}, "option dtype"),
    ],
)
def test_a_wrong_option_is_refused(options, message, saved_models):
    with pytest.raises(ConfigError, match=message):
        load("rf-detr-seg-nano", saved_models("rf_detr_seg")[1], **options)


class TestFolders:
    @pytest.mark.parametrize("name", ["rf_detr", "d_fine"])
    def test_a_tensor_that_is_missing_is_refused(self, name, own_copy):
        from safetensors.torch import load_file, save_file

        folder = own_copy(name)
        tensors = load_file(folder / "model.safetensors")
        tensors.pop(next(key for key in tensors if "decoder" in key))
        save_file(tensors, folder / "model.safetensors")
        with pytest.raises(WeightsMismatchError, match=r"does not fit .*it lacks"):
            load(next(key for key, saved in NAMES.items() if saved == name), folder)

    @pytest.mark.parametrize(("name", "other"), [("rf-detr-nano", "d_fine"), ("d-fine-n", "rf_detr")])
    def test_the_folder_of_the_other_family_is_refused(self, name, other, saved_models):
        with pytest.raises(WeightsMismatchError, match=r"config\.json is of a"):
            load(name, saved_models(other)[1], engine="transformers")

    def test_an_rf_detr_without_its_preprocessor_file_needs_a_size(self, own_copy):
        folder = own_copy("rf_detr")
        (folder / "preprocessor_config.json").unlink()
        with pytest.raises(WeightsNotFoundError, match=r"has no preprocessor_config\.json, which says the size .* or give imgsz"):
            load("rf-detr-nano", folder)
        assert load("rf-detr-nano", folder, imgsz=64).model_input.size == (64, 64)

    def test_a_d_fine_without_one_takes_640_pixels(self, own_copy):
        folder = own_copy("d_fine")
        (folder / "preprocessor_config.json").unlink()
        assert load("d-fine-n", folder).model_input.size == (640, 640)

    def test_a_size_that_the_model_cannot_take_is_refused(self, own_copy):
        folder = own_copy("rf_detr")
        path = folder / "preprocessor_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "size": {"height": 64, "width": 50}}), "utf-8")
        with pytest.raises(WeightsMismatchError, match="a size of 64 x 50 pixels, and the model takes multiples of 32"):
            load("rf-detr-nano", folder)

    def test_a_configuration_without_the_name_of_a_class_is_that_of_a_detector(self, own_copy):
        folder = own_copy("rf_detr")
        path = folder / "config.json"
        config = json.loads(path.read_text("utf-8"))
        del config["architectures"]
        path.write_text(json.dumps(config), "utf-8")
        assert load("rf-detr-nano", folder).classes == ("dog", "cat", "sports ball")


def test_a_pipeline_takes_its_masks_as_they_are_or_refines_them(saved_models, sam_pair, photo):
    detect = {"model": "rf-detr-seg-nano", "weights": str(saved_models("rf_detr_seg")[1]), "threshold": 0.3, "max_detections": 3}
    direct = {"detect": detect, "licenses": "permissive"}
    refined = {"detect": detect, "segment": {"model": "onnx-sam", "weights": str(sam_pair), "refine": True}}
    for stages in (direct, refined):
        result = promptseg.Pipeline.from_config(stages).build()(photo(60, 80), promptseg.Prompt.text("dog", "cat"))
        assert len(result.masks) == len(result.detections) > 0
        assert [mask.label for mask in result.masks] == list(result.detections.labels)
        assert len(result.provenance) == len(stages) - ("licenses" in stages)
