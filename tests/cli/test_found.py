from dataclasses import replace

import numpy as np
import pytest

from promptseg import Prompt
from promptseg.cli.found import counted_masks, found_lines, phrases_found
from promptseg.detections import Detections
from promptseg.masks import Mask, Masks
from promptseg.results import PhraseCount, Provenance, Result

SIZE = (100, 100)


def square(side, **about):
    pixels = np.zeros(SIZE, bool)
    pixels[:side, :side] = True
    return replace(Mask.from_array(pixels), **about)


def lines(masks, *prompts, **about):
    return list(found_lines(Result(Masks(masks, SIZE), prompts, **about)))


def test_the_score_is_called_what_the_backend_says(add_model):
    add_model("cutter", "segmenter", lambda _: None, score="agreement")
    found = lines([square(50, score=0.5, prompt_index=0)], Prompt.point(1, 1), provenance=(Provenance("cutter", "cutter backend", "1"),))
    assert found[0].endswith(", agreement 0.50")


def test_a_mask_of_a_point_says_of_what_it_is_how_large_and_how_good():
    assert lines([square(50, score=0.97, prompt_index=0)], Prompt.point(29, 16)) == [
        "object at 29,16: 25 % of the image, predicted IoU 0.97"
    ]


def test_a_background_point_is_not_where_the_object_is():
    prompt = Prompt.point(5, 6, foreground=False) + Prompt.point(29.5, 16)
    assert lines([square(50, prompt_index=0)], prompt) == ["object at 29.5,16: 25 % of the image"]


def test_several_prompts_have_a_line_each():
    masks = [square(50, score=0.9, prompt_index=0), square(2, score=0.5, prompt_index=1), square(0, score=0.1, prompt_index=2)]
    assert lines(masks, Prompt.box(1, 2, 30, 40), Prompt.mask(square(9)), Prompt.point(1, 1)) == [
        "object in box 1,2,30,40: 25 % of the image, predicted IoU 0.90",
        "object of the mask prompt: 0.04 % of the image, predicted IoU 0.50",
        "object at 1,1: an empty mask, predicted IoU 0.10",
    ]


def test_candidates_are_numbered():
    found = lines([square(side, prompt_index=0) for side in (10, 20, 30)], Prompt.point(1, 1))
    assert found == [f"object at 1,1, candidate {n} of 3: {n * n} % of the image" for n in (1, 2, 3)]


def test_of_many_masks_the_first_are_told_and_the_number_of_the_others():
    found = lines([square(10, prompt_index=index) for index in range(25)], *[Prompt.point(index, 1) for index in range(25)])
    assert len(found) == 11
    assert found[-1] == "and 15 more"


def test_everything_is_one_line_with_what_is_covered():
    masks = [square(50, score=0.875, prompt_index=0), square(60, score=0.99, prompt_index=0)]
    assert lines(masks, Prompt.everything()) == ["everything: 2 masks, 36 % of the image covered, predicted IoU 0.88 to 0.99"]
    assert lines([], Prompt.everything()) == ["everything: no mask"]


@pytest.fixture
def detected():
    return {
        "detections": Detections(SIZE, [[0, 0, 50, 50]], [0.75], ["cup"]),
        "phrases": (PhraseCount("cup", 1, 0.75, 0.3), PhraseCount("spoon", 0, 0.125, 0.3)),
    }


@pytest.mark.parametrize(
    ("kind", "score"),
    [
        ("product", "score 0.60 (detector confidence 0.75 x predicted IoU 0.80)"),
        ("detector", "detector confidence 0.60"),
        ("mask", "predicted IoU 0.60"),
    ],
)
def test_a_mask_of_a_detection_says_which_score_it_has(detected, kind, score):
    mask = square(50, score=0.6, label="cup", detection_index=0)
    assert lines([mask], Prompt.text("cup", "spoon"), detection_score=kind, **detected) == [
        "cup 1, no spoon (best score 0.12, threshold 0.3)",
        f"cup: 25 % of the image, {score}",
    ]


def test_a_filled_box_has_no_score_of_a_segmenter(detected):
    mask = square(50, score=0.75, label="cup", detection_index=0, from_box=True)
    assert lines([mask], Prompt.text("cup"), **detected)[1] == "cup (only a filled box): 25 % of the image, detector confidence 0.75"
    assert counted_masks(Result(Masks([mask], SIZE))) == "1 mask, of which 1 is only a filled box"


def test_the_score_of_superpixels_is_no_predicted_iou():
    provenance = (Provenance("superpixel", "superpixel", "1"),)
    assert lines([square(50, score=0.5, prompt_index=0)], Prompt.point(1, 1), provenance=provenance)[0].endswith("contrast 0.50")


def test_phrases_that_were_found_come_first_and_of_many_the_first_are_told():
    counts = [PhraseCount("a", 0, 0.2, 0.3), PhraseCount("b", 2, 0.9, 0.3), PhraseCount("c", 0, None, 0.5), PhraseCount("d", 1, 0.9, 0.3)]
    assert phrases_found(counts) == "b 2, d 1, no a (best score 0.2, threshold 0.3), no c (no box, threshold 0.5)"
    assert phrases_found([PhraseCount(f"p{n}", 1, 0.5, 0.3) for n in range(30)]).endswith("p9 1, and 20 more")


def test_a_detector_of_classes_that_found_nothing_says_so():
    assert lines([], detections=Detections.empty(SIZE)) == ["no object of the detector's classes reaches the threshold"]
