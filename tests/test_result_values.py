"""Results as plain values: everything comes back number for number, and damage is found before it is believed."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from promptseg.detections import Detections
from promptseg.errors import InputError
from promptseg.masks import Mask, Masks
from promptseg.prompts import Prompt
from promptseg.results import Provenance, Result

SIZE = (20, 30)
IMAGE = np.full((*SIZE, 3), 7, np.uint8)


def _rectangle(x0, y0, x1, y1, **about):
    pixels = np.zeros(SIZE, bool)
    pixels[y0:y1, x0:x1] = True
    mask = Mask.from_array(pixels)
    return Mask(mask.size, mask.counts, **about)


def _result():
    masks = [
        _rectangle(1, 2, 9, 8, score=1 / 3, prompt_index=0),
        _rectangle(10, 2, 15, 8, score=np.float32(0.9), label="dog\0é", detection_index=1, from_box=True),
        _rectangle(0, 0, 0, 0),
    ]
    return Result(
        Masks(masks),
        (Prompt.point(1 / 3, 4) + Prompt.mask(masks[0]), Prompt.text("dog"), Prompt.everything(4)),
        Detections(SIZE, [[10, 2, 15.3, 8], [0, 0, 1 / 3, 5]], [0.1, 0.7], ["dog", ""], Masks(masks[:2])),
        {"nms": 3},
        {"read": 0.1 + 0.2, "segment": 1e-9},
        (Provenance("mini-sam", "onnx_sam", "1", {"a.onnx": "aa"}, "MIT", "cuda", fallback_from=("b", "c")), Provenance("d", "e", "f")),
        IMAGE,
        "images/dog.jpg",
    )


def _about(mask):
    return mask, mask.score, mask.label, mask.prompt_index, mask.detection_index, mask.from_box


def test_a_result_comes_back_as_it_was():
    result = _result()
    values = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    back = Result.from_dict(values)
    assert list(map(_about, back.masks)) == list(map(_about, result.masks))
    assert repr(back.prompts) == repr(result.prompts)
    for name in ("boxes", "scores"):
        assert np.array_equal(getattr(back.detections, name), getattr(result.detections, name))
    assert back.detections.labels == result.detections.labels
    assert list(map(_about, back.detections.masks)) == list(map(_about, result.detections.masks))
    assert (back.dropped, back.timings, back.provenance) == (result.dropped, result.timings, result.provenance)
    assert list(back.timings) == list(result.timings)
    assert (back.source, back.size, back.image) == ("images/dog.jpg", SIZE, None)
    assert back.to_dict() == values == result.to_dict()


def test_an_empty_result_comes_back():
    back = Result.from_dict(Result(Masks([], SIZE)).to_dict())
    assert (back.masks, back.detections, back.prompts, back.source) == (Masks([], SIZE), None, (), None)


def test_the_image_can_be_given_again():
    result = _result()
    back = Result.from_dict(result.to_dict(), image=IMAGE)
    assert np.array_equal(back.overlay(), result.overlay())
    with pytest.raises(InputError, match=r"image of size \(20, 30\), the given image has \(5, 30\)"):
        Result.from_dict(result.to_dict(), image=IMAGE[:5])


def test_a_file_of_the_command_line_is_read(tmp_path):
    path = tmp_path / "dog-masks.json"
    path.write_text(json.dumps(_result().to_dict(), indent=1), "utf-8")
    assert Result.from_json(path).to_dict() == _result().to_dict()
    path.write_text('{"results": []}', "utf-8")
    with pytest.raises(
        InputError, match=r"dog-masks.json is not the result of one image: size of a result is .* not a result of promptseg"
    ):
        Result.from_json(path)


def test_scores_that_json_cannot_hold_become_none():
    assert Result.from_dict(Result(Masks([_rectangle(0, 0, 2, 2, score=float("nan"))])).to_dict()).masks[0].score is None


def test_what_a_later_version_adds_is_left_alone():
    values = _result().to_dict()
    values["more"] = values["masks"][0]["more"] = values["provenance"][0]["more"] = {"a": 1}
    assert Result.from_dict(values).masks == _result().masks


def test_area_and_box_follow_from_the_mask():
    values = _result().to_dict()
    values["masks"][0] |= {"area": -5, "box": "none"}
    assert Result.from_dict(values).masks[0].area == 48


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ((), None, "a result is a dictionary"),
        ((), [], "a result is a dictionary"),
        (("size",), None, "not a result of promptseg"),
        (("size", "height"), 0, "size of a result is at least 1"),
        (("size", "height"), 10**9, "at most"),
        (("size", "width"), "30", "size of a result is two whole numbers"),
        (("size", "width"), 31, r"masks\[0\] of a result: the mask has size \[20, 30\], its image \[20, 31\]"),
        (("masks",), None, "masks of a result is a list"),
        (("masks", 1), "x", r"masks\[1\] of a result: a mask is a dictionary"),
        (("masks", 1, "segmentation"), None, "segmentation of a mask is a COCO RLE"),
        (("masks", 1, "segmentation", "counts"), "zz", r"masks\[1\] of a result: .*RLE"),
        (("masks", 1, "segmentation", "size"), [10**9, 10**9], r"masks\[1\] of a result: the mask has size"),
        (("masks", 1, "score"), float("nan"), "score of a mask is a finite number"),
        (("masks", 1, "score"), True, "score of a mask is a finite number"),
        (("masks", 1, "label"), 5, "label of a mask is text"),
        (("masks", 1, "prompt_index"), -1, "prompt_index of a mask is a whole number of at least 0"),
        (("masks", 1, "detection_index"), 1.5, "detection_index of a mask is a whole number"),
        (("masks", 1, "from_box"), "no", "from_box of a mask is True or False"),
        (("prompts",), {}, "prompts of a result is a list"),
        (("prompts", 0), "Prompt.point(3, 4)", r"prompts\[0\] of a result: a prompt is a dictionary"),
        (("detections",), [], "detections is a dictionary"),
        (("detections", "boxes"), [[1, 2]], r"\(N, 4\) array"),
        (("detections", "boxes"), [[1, 2, 3, float("nan")]] * 2, "finite"),
        (("detections", "labels"), ["dog"], "one score, label and mask per box"),
        (("detections", "labels"), ["dog", 5], "lists of boxes, scores and labels"),
        (("detections", "masks"), 5, "masks of a result is a list"),
        (("dropped",), {"nms": -1}, "dropped of a result"),
        (("dropped",), [], "dropped of a result"),
        (("timings",), {"read": float("inf")}, "timings of a result"),
        (("timings",), {"read": "long"}, "timings of a result"),
        (("provenance",), {}, "provenance of a result is a list"),
        (("provenance", 0), {}, r"provenance\[0\] of a result: provenance has no model"),
        (("provenance", 0, "weights"), ["a"], "weights of provenance"),
        (("provenance", 0, "fallback_from"), "b", "fallback_from of provenance"),
        (("provenance", 0, "model"), 5, "model of provenance"),
        (("source",), 5, "source of a result"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_damage_is_told_with_its_place(place, value, reason):
    values = copy.deepcopy(_result().to_dict())
    parent = {"root": values}
    key = "root"
    for step in place:
        parent, key = parent[key], step
    parent[key] = value
    with pytest.raises(InputError, match=reason):
        Result.from_dict(values if place else value)


def test_a_circle_is_not_followed():
    values = _result().to_dict()
    values["masks"].append(values)
    values["more"] = values
    with pytest.raises(InputError, match=r"masks\[3\]"):
        Result.from_dict(values)
