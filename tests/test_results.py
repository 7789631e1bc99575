"""Results: their contents, and the plain values that are written."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from promptseg.detections import Detections
from promptseg.errors import InputError
from promptseg.masks import Mask, Masks
from promptseg.overlay import BOX, FOREGROUND
from promptseg.prompts import Prompt
from promptseg.protocols import Frame
from promptseg.results import FrameMasks, PhraseCount, Provenance, Result
from promptseg.tracking.redetection import TrackedFrame

SIZE = (20, 30)
PROVENANCE = Provenance("mini-sam", "onnx_sam", "onnxruntime 1", {"encoder.onnx": "aa"}, "MIT", "cuda", fallback_from=("sam-vit-h",))


def rectangle(x0, y0, x1, y1, **about):
    pixels = np.zeros(SIZE, bool)
    pixels[y0:y1, x0:x1] = True
    return Mask.from_array(pixels, **about)


@pytest.fixture
def result():
    masks = [rectangle(1, 2, 9, 8, score=0.123456789, prompt_index=0), rectangle(10, 2, 15, 8, score=0.9, label="dog")]
    return Result(
        Masks(masks),
        prompts=(Prompt.point(3, 4), Prompt.text("dog")),
        detections=Detections(SIZE, [[10, 2, 15, 8]], [0.75], ["dog"]),
        timings={"read": 0.0123456789, "segment": 1.5},
        provenance=(PROVENANCE,),
        image=np.zeros((*SIZE, 3), np.uint8),
        source="images/dog.jpg",
    )


def test_the_size_is_that_of_the_masks_even_where_there_are_none(result):
    assert result.size == SIZE
    assert Result(Masks([], (7, 9))).size == (7, 9)


def test_the_best_mask_has_the_highest_score(result):
    assert result.best() is result.masks[1]
    with pytest.raises(InputError, match="no masks"):
        Result(Masks([], SIZE)).best()


def test_to_dict_holds_everything_that_json_needs(result):
    values = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert values == result.to_dict()
    assert values["source"] == "images/dog.jpg"
    assert values["size"] == {"height": 20, "width": 30}
    assert values["prompts"] == [{"points": [[3, 4]], "foreground": [True]}, {"text": ["dog"]}]
    assert values["detections"] == {"boxes": [[10, 2, 15, 8]], "scores": [0.75], "labels": ["dog"], "masks": None}
    assert values["timings"] == {"read": 0.0123456789, "segment": 1.5}
    assert values["provenance"] == [
        {
            "model": "mini-sam",
            "backend": "onnx_sam",
            "version": "onnxruntime 1",
            "weights": {"encoder.onnx": "aa"},
            "license": "MIT",
            "device": "cuda",
            "dtype": "float32",
            "fallback_from": ["sam-vit-h"],
        }
    ]
    first, second = values["masks"]
    assert {key: first[key] for key in ("area", "box", "score", "label", "prompt_index")} == {
        "area": 48,
        "box": [1, 2, 9, 8],
        "score": 0.123456789,
        "label": None,
        "prompt_index": 0,
    }
    assert (second["label"], second["prompt_index"]) == ("dog", None)


def test_masks_come_back_from_to_dict_unchanged(result):
    values = json.loads(json.dumps(result.to_dict()))
    assert [Mask.from_coco_rle(entry["segmentation"]) for entry in values["masks"]] == list(result.masks)


def test_a_result_without_masks_can_be_written_too():
    values = Result(Masks([], SIZE)).to_dict()
    assert json.loads(json.dumps(values)) == values
    assert (values["source"], values["masks"], values["detections"], values["provenance"]) == (None, [], None, [])
    assert Result(Masks([rectangle(0, 0, 2, 2)])).to_dict()["masks"][0]["score"] is None


def test_scores_of_numpy_can_be_written(result):
    masks = Masks([rectangle(0, 0, 2, 2, score=float(np.float32(0.5)))])
    assert json.loads(json.dumps(Result(masks).to_dict()))["masks"][0]["score"] == 0.5


def test_the_overlay_shows_masks_detections_and_prompts(result):
    overlay = np.asarray(result.overlay(colors=[(255, 0, 0), (0, 0, 255)], labels=False, opacity=1))
    assert overlay.shape == (*SIZE, 3)
    assert overlay[5, 12, 2] > 150 > overlay[5, 12, :2].max()
    assert tuple(overlay[2, 14]) == BOX
    assert tuple(overlay[8, 5]) == FOREGROUND
    assert not result.image.any()


def test_a_result_without_its_image_says_how_to_draw():
    with pytest.raises(InputError, match=r"no image to draw on: use promptseg\.overlay\.draw"):
        Result(Masks([], SIZE)).overlay()


def test_a_result_survives_pickling(result):
    copy = pickle.loads(pickle.dumps(result))
    assert copy.to_dict() == result.to_dict()
    assert list(copy.masks) == list(result.masks)
    assert np.array_equal(copy.image, result.image)


def test_the_image_is_not_printed(result):
    assert "image=" not in repr(result)


def test_a_result_cannot_be_changed(result):
    with pytest.raises(AttributeError):
        result.masks = Masks([], SIZE)


def test_provenance_defaults_to_a_model_without_weights_on_the_cpu():
    assert Provenance("m", "b", "v").to_dict() == {
        "model": "m",
        "backend": "b",
        "version": "v",
        "weights": {},
        "license": "unknown",
        "device": "cpu",
        "dtype": "float32",
        "fallback_from": [],
    }


def test_a_frame_has_one_object_id_for_each_mask():
    masks = Masks([rectangle(0, 0, 2, 2), rectangle(4, 4, 6, 6)])
    assert FrameMasks(3, (7, 8), masks).object_ids == (7, 8)
    with pytest.raises(InputError, match="frame 3 has 2 masks but 1 object ids"):
        FrameMasks(3, (7,), masks)


def test_an_object_has_one_color_in_every_frame():
    one, other, image = rectangle(0, 0, 9, 9), rectangle(12, 4, 20, 14), np.full((*SIZE, 3), 90, np.uint8)
    both = np.asarray(FrameMasks(0, (7, 8), Masks([one, other])).overlay(image, labels=False))
    alone = np.asarray(FrameMasks(1, (8,), Masks([other])).overlay(image, labels=False))
    assert both.shape == image.shape
    assert np.array_equal(both[9, 16], alone[9, 16])
    assert not np.array_equal(both[9, 16], both[4, 4])
    assert (image == 90).all()


def test_the_overlay_of_a_frame_names_its_objects_and_takes_a_style():
    frame, image = FrameMasks(0, (7,), Masks([rectangle(2, 2, 19, 15, label="dog", score=0.5)])), np.zeros((*SIZE, 3), np.uint8)
    unnamed = FrameMasks(0, (7,), Masks([rectangle(2, 2, 19, 15)]))
    assert not np.array_equal(frame.overlay(image), unnamed.overlay(image))
    assert np.array_equal(frame.overlay(Frame(0, image)), frame.overlay(image))
    assert np.array_equal(TrackedFrame(0, (7,), frame.masks, image=image).overlay(), frame.overlay(image))
    assert not np.array_equal(frame.overlay(image, labels=False), frame.overlay(image))
    assert tuple(np.asarray(frame.overlay(image, labels=False, outline=False, opacity=1, colors=[(1, 2, 3)]))[8, 8]) == (1, 2, 3)
    with pytest.raises(InputError, match="do not fit an image"):
        frame.overlay(image[:5])


@pytest.mark.parametrize(("ids", "masks"), [(5, Masks([], SIZE)), ((), 5), (None, None), ([], Masks([], SIZE))], ids=repr)
def test_a_frame_of_something_else_is_refused(ids, masks):
    with pytest.raises(InputError, match="a frame has a tuple of object ids and Masks"):
        FrameMasks(0, ids, masks)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (PhraseCount("cup", 1, 0.8, 0.3), "cup 1"),
        (PhraseCount("spoon", 0, 0.1234, 0.3), "no spoon (best score 0.12, threshold 0.3)"),
        (PhraseCount("spoon", 0, 0.2999, 0.3), "no spoon (best score 0.29, threshold 0.3)"),
        (PhraseCount("spoon", 0, 0.001, 0.25), "no spoon (best score 0, threshold 0.25)"),
        (PhraseCount("spoon", 0, None, 0.3), "no spoon (no box, threshold 0.3)"),
    ],
)
def test_the_count_of_a_phrase_says_how_near_the_threshold_the_best_box_came(found, text):
    assert str(found) == text


def test_to_dict_says_what_each_score_is_and_what_each_phrase_found(result):
    result = replace(result, phrases=(PhraseCount("dog", 1, 0.75, 0.3), PhraseCount("cat", 0, None, 0.3)), detection_score="detector")
    values = json.loads(json.dumps(result.to_dict()))
    assert [mask["score_kind"] for mask in values["masks"]] == ["mask", "detector"]
    assert values["phrases"] == [
        {"phrase": "dog", "count": 1, "best_score": 0.75, "threshold": 0.3},
        {"phrase": "cat", "count": 0, "best_score": None, "threshold": 0.3},
    ]
    assert Result(Masks([rectangle(0, 0, 2, 2)])).to_dict()["masks"][0]["score_kind"] is None
