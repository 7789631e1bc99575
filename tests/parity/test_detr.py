"""RF-DETR and D-FINE against transformers' own calls, and exported detectors against torch, on tiny models with random weights."""

import json

import numpy as np
import pytest

import promptseg
from promptseg.models.detr.preprocessing import read_preprocessor
from promptseg.models.grounding_dino.preprocessing import preprocess
from promptseg.runtime.onnx import Runtime
from promptseg.testing.contracts import scene
from promptseg.vocabulary import parse_phrases

torch = pytest.importorskip("torch", reason="models of transformers need torch")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("torchvision", reason="image processors of transformers need torchvision")

from promptseg.models.grounding_dino.captions import pack  # noqa: E402

NAMES = {"rf_detr": "rf-detr-nano", "rf_detr_seg": "rf-detr-seg-nano", "d_fine": "d-fine-n"}
SIZES = [(72, 100), (480, 333), (20, 30), (64, 64), (1, 90)]


def processor(name, folder):
    cls = transformers.RTDetrImageProcessor if name == "d_fine" else transformers.RfDetrImageProcessor
    values = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
    return cls(**{key: value for key, value in values.items() if key != "image_processor_type"})


def theirs(name, saved_models, pixels):
    """The outputs of transformers for an image, and its processor."""
    model, folder = saved_models(name)
    process = processor(name, folder)
    inputs = process(pixels, input_data_format="channels_last", return_tensors="pt")
    with torch.inference_mode():
        return process, model(pixel_values=inputs.pixel_values)


def ours(name, saved_models, **options):
    return promptseg.load(NAMES[name], weights=saved_models(name)[1], device="cpu", threshold=0.0, **options)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("name", "family"), [("rf_detr", "rf_detr"), ("d_fine", "d_fine")])
def test_the_model_input_is_that_of_the_image_processor(name, family, size, saved_models, photo):
    pixels, folder = photo(*size), saved_models(name)[1]
    expected = processor(name, folder)(pixels, input_data_format="channels_last", return_tensors="np").pixel_values[0]
    found = read_preprocessor(folder / "preprocessor_config.json", family)(pixels)
    # Pillow rounds the pixels that it resizes, and torchvision does so in another order.
    np.testing.assert_allclose(found, expected, atol=1.01 / 255 if name == "d_fine" else 1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_detections_are_those_of_the_processor(name, saved_models, photo):
    pixels = photo(64, 64)  # The model input, so that both resize nothing.
    process, outputs = theirs(name, saved_models, pixels)
    (expected,) = process.post_process_object_detection(outputs, threshold=0.0, target_sizes=[(64, 64)])
    named = [saved_models(name)[0].config.id2label[number] for number in expected["labels"].tolist()]
    known = np.array([label != "N/A" for label in named])
    boxes = np.clip(expected["boxes"].numpy(), 0, 64)
    known &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    found = ours(name, saved_models, masks=False) if name != "d_fine" else ours(name, saved_models)
    found = found.detect(pixels)
    count = int(known.sum())
    assert count > 5
    assert list(found.labels[:count]) == [label for label, keep in zip(named, known, strict=True) if keep]
    np.testing.assert_allclose(found.scores[:count], expected["scores"].numpy()[known], atol=1e-4)
    np.testing.assert_allclose(found.boxes[:count], boxes[known], atol=64e-4)


@pytest.mark.parametrize("size", [(50, 90), (7, 9)], ids=str)
def test_masks_are_those_of_the_processor_in_the_size_of_the_image(size, saved_models, photo):
    pixels = photo(*size)
    process, outputs = theirs("rf_detr_seg", saved_models, pixels)
    (expected,) = process.post_process_instance_segmentation(outputs, threshold=0.0, target_sizes=[size], return_binary_maps=True)
    names = saved_models("rf_detr_seg")[0].config.id2label
    found = ours("rf_detr_seg", saved_models).detect(pixels)
    pairs = list(zip(found.masks, found.labels, found.scores.tolist(), strict=True))
    compared = 0
    for entry, mask in zip(expected["segments_info"], expected["segmentation"].numpy(), strict=True):
        if names[entry["label_id"]] == "N/A":
            continue
        same = [one for one, label, score in pairs if label == names[entry["label_id"]] and abs(score - entry["score"]) < 2e-6]
        assert min(np.count_nonzero(one.array != mask) for one in same) <= 2  # Logits of nearly 0.
        compared += 1
    assert compared > 5


def test_a_model_that_finds_nothing_gives_no_detections_and_no_masks(saved_models, photo):
    found = promptseg.load("rf-detr-seg-nano", weights=saved_models("rf_detr_seg")[1], threshold=1.0).detect(photo(30, 40))
    assert (len(found), len(found.masks)) == (0, 0)
    assert found.masks.size == (30, 40)
    assert set(found.best_scores) == {"dog", "cat", "sports ball"}


class TestExports:
    @pytest.mark.parametrize("layout", ["transformers", "authors"])
    @pytest.mark.parametrize("name", ["rf_detr_seg", "d_fine"])
    def test_an_exported_detector_finds_what_the_model_finds(self, name, layout, saved_models, exported_detectors):
        names = ["N/A", "dog", "cat", "sports ball"][name == "d_fine" :]
        exported = promptseg.load(
            NAMES[name], weights=exported_detectors(name, layout), threshold=0.0, names=names if layout == "authors" else None
        )
        expected, found = ours(name, saved_models).detect(scene()), exported.detect(scene())
        assert len(found) >= 12
        expected = expected.where(range(len(found)))  # D-FINE's authors export the best 12 pairs of box and class.
        assert found.labels == expected.labels
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-2)
        if name == "rf_detr_seg":
            assert all(np.count_nonzero(one.array != two.array) <= 2 for one, two in zip(found.masks, expected.masks, strict=True))

    @pytest.mark.parametrize("name", ["rf_detr_seg", "d_fine"])
    def test_logits_of_an_exported_detector_are_those_of_the_model(self, name, saved_models, exported_detectors):
        model, folder = saved_models(name)
        pixels = read_preprocessor(folder / "preprocessor_config.json", "d_fine" if name == "d_fine" else "rf_detr")(scene())[None]
        graph = Runtime("cpu", 1).session(exported_detectors(name))
        with torch.inference_mode():
            expected = model(pixel_values=torch.tensor(pixels))
        for output, values in zip(graph.outputs, graph({"pixel_values": pixels}), strict=True):
            np.testing.assert_allclose(values.numpy(), getattr(expected, output).numpy(), atol=1e-4, err_msg=output)

    def test_an_exported_grounding_dino_scores_tokens_as_the_model(self, saved_models, exported_detectors):
        detector = promptseg.load("grounding-dino-swin-t", weights=exported_detectors("grounding"), threshold=0.0)
        pixels = preprocess(scene(), detector._input_size)
        padded, inside = np.zeros((1, 3, 64, 96), np.float32), np.zeros((1, 64, 96), np.int64)  # The size of the graph's input.
        padded[0, :, : pixels.shape[1], : pixels.shape[2]] = pixels
        inside[0, : pixels.shape[1], : pixels.shape[2]] = 1
        for asked in (["dog", "red car|cat"], ["wheel"]):
            (caption,) = pack(parse_phrases(asked), detector._tokenizer)
            with torch.inference_mode():
                expected = saved_models("grounding")[0](
                    pixel_values=torch.tensor(padded), pixel_mask=torch.tensor(inside), input_ids=torch.tensor([caption.tokens])
                )
            logits, boxes = detector._model(pixels, caption.tokens)
            np.testing.assert_allclose(logits, expected.logits[0, :, : len(caption.tokens)].numpy(), atol=1e-4)
            np.testing.assert_allclose(boxes, expected.pred_boxes[0].numpy(), atol=1e-5)
