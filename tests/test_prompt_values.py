"""Prompts as plain values: every kind comes back as it was, and what is not a prompt is refused with a reason."""

from __future__ import annotations

import json

import numpy as np
import pytest

from promptseg._prompt_values import prompt_from_dict, prompt_to_dict
from promptseg.errors import InputError, PromptError
from promptseg.masks import Mask
from promptseg.prompts import Prompt
from promptseg.scene_masks import SceneMask

PIXELS = np.zeros((12, 16), bool)
PIXELS[2:5, 3:9] = True
LOGITS = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)

PROMPTS = {
    "point": Prompt.point(1 / 3, 2.5, foreground=False),
    "points and a box": Prompt.points([(1, 2), (3.1, 4)], [True, False]) + Prompt.box(0.1, 0.2, 9.7, 8),
    "mask": Prompt.mask(Mask.from_array(PIXELS)),
    "logits": Prompt.mask(LOGITS),
    "a mask with logits, and a point": Prompt.mask(Mask.from_array(PIXELS, logits=LOGITS)) + Prompt.point(1, 1),
    "text": Prompt.text("a dog", "wet road"),
    "everything": Prompt.everything(np.int64(7), pred_iou_thresh=np.float32(0.8), min_mask_region_area=3),
    "a custom grid": Prompt.everything(point_grid=np.random.default_rng(1).random((9, 2))),
}


def _members(prompt):
    return {
        name: (value.dtype, value.tolist()) if isinstance(value, np.ndarray) else (type(value), value)
        for name, value in vars(prompt).items()
    }


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_comes_back_as_it_was(name):
    prompt = PROMPTS[name]
    values = json.loads(json.dumps(prompt_to_dict(prompt), allow_nan=False))
    back = prompt_from_dict(values)
    assert type(back) is type(prompt)
    assert _members(back) == _members(prompt)
    assert prompt_to_dict(back) == values


def test_a_concept_comes_back_without_the_images_of_its_examples():
    image = np.zeros((12, 16, 3), np.uint8)
    concept = Prompt.text("cell") + Prompt.example(image, Prompt.box(1, 2, 5, 6), label="nucleus")
    concept += Prompt.example(None, Prompt.point(3, 4), positive=False)
    values = json.loads(json.dumps(prompt_to_dict(concept), allow_nan=False))
    back = prompt_from_dict(values)
    assert prompt_to_dict(back) == values
    assert (back.phrase, back.name) == ("cell", "nucleus")
    assert [(one.image, one.digest, one.positive) for one in back.examples] == [
        (None, concept.examples[0].digest, True),
        (None, None, False),
    ]
    with pytest.raises(PromptError, match="is not at hand"):
        back.examples[0].placed(image)


def test_the_values_are_readable():
    assert prompt_to_dict(Prompt.point(3, 4) + Prompt.box(1, 2, 5, 6)) == {"points": [[3, 4]], "foreground": [True], "box": [1, 2, 5, 6]}
    assert prompt_to_dict(Prompt.text("dog")) == {"text": ["dog"]}
    assert prompt_to_dict(Prompt.everything(8))["everything"]["points_per_side"] == 8


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ("Prompt.point(3, 4)", "a prompt is a dictionary"),
        (None, "a prompt is a dictionary"),
        ({"pointz": [[1, 2]]}, "got 'pointz'"),
        ({"text": ["a"], "points": [[1, 2]]}, "got 'text'"),
        ({"text": []}, "list of phrases"),
        ({"text": "dog"}, "list of phrases"),
        ({"text": [5]}, "list of phrases"),
        ({"text": [" "]}, "not blank"),
        ({"everything": []}, "dictionary of settings"),
        ({"everything": {"points_per_sid": 8}}, "no setting 'points_per_sid'. Did you mean 'points_per_side'"),
        ({"everything": {"points_per_side": 0}}, "points_per_side is a whole number from 1"),
        ({"everything": {"box_nms_thresh": float("nan")}}, "box_nms_thresh is a number"),
        ({"points": [[1, float("inf")]]}, "finite"),
        ({"foreground": [True]}, "points must be numbers"),
        ({"points": [[1, 2]], "foreground": [0.5]}, "one boolean per point"),
        ({"box": 5}, r"box of a prompt is \[x0"),
        ({"box": [1, 2, 3]}, r"box of a prompt is \[x0"),
        ({"box": [5, 2, 3, 4]}, "x0 < x1"),
        ({"mask": {"size": [2, 2], "counts": "zz"}}, "RLE"),
        ({"mask": 5}, "RLE"),
        ({"logits": {"shape": [2, 2], "float32": "AAAA"}}, "16 bytes, got 3"),
        ({"logits": {"shape": [2, 2], "float32": "A*AA"}}, "base64"),
        ({"logits": {"shape": [2, 2], "float32": "A" * 1000}}, "1000 characters"),
        ({"logits": {"shape": [10**9, 10**9], "float32": ""}}, "shape"),
        ({"logits": {"shape": [True, 2], "float32": ""}}, "a shape"),
        ({"logits": {"shape": [1, 1], "float32": "AADAfw=="}}, "finite"),
        ({"logits": [1, 2]}, "a shape"),
        ({"points": [[1, 2]], "image_size": [0, 5]}, "image_size of a prompt"),
        ({"concept": 5}, "a concept is a dictionary"),
        ({"concept": {}}, "a concept needs a phrase or an example"),
        ({"concept": {"phrase": 5}}, "phrase of a concept is text or null, got 5"),
        ({"concept": {"phrase": " "}}, "not blank"),
        ({"concept": {"phrase": "a", "label": [1]}}, "label of a concept is text or null"),
        ({"concept": {"examples": [5]}}, "an example of a concept is a dictionary"),
        ({"concept": {"examples": [{}] * 300}}, "at most 256"),
        ({"concept": {"examples": [{"prompt": {"text": ["a"]}}]}}, "an example is a point, box or mask"),
        ({"concept": {"examples": [{"prompt": {"box": [1, 2, 3, 4]}, "image": "x"}]}}, "is the SHA-256 of its pixels or null, got 'x'"),
        ({"concept": {"examples": [{"prompt": {"box": [1, 2, 3, 4]}, "positive": 3}]}}, "positive"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_prompt_is_refused_with_the_reason(values, reason):
    with pytest.raises(InputError, match=reason):
        prompt_from_dict(values)


def test_the_mask_of_an_object_in_a_raster_is_not_kept_in_a_file():
    prompt = Prompt.mask(SceneMask(Mask.from_array(np.ones((2, 3), bool)), (4, 5))) + Prompt.point(4, 5)
    with pytest.raises(InputError, match="mask of an object in a raster, which is not kept"):
        prompt_to_dict(prompt)
