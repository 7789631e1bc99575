"""Grounding DINO in ONNX: what a graph with fixed shapes is given, and what is refused."""

import numpy as np
import pytest

from promptseg.errors import BackendError, WeightsMismatchError
from promptseg.models.grounding_dino.onnx_model import OnnxGrounding
from promptseg.models.grounding_dino.preprocessing import InputSize
from promptseg.results import Provenance
from promptseg.runtime.onnx import Value

WHOLE = "tensor(int64)"


def inputs(height=None, width=None, tokens=None, kind="tensor(float)", mask=True):
    text = dict.fromkeys(("input_ids", "token_type_ids", "attention_mask"), Value((1, tokens), WHOLE))
    masks = {"pixel_mask": Value((1, height, width), WHOLE)} if mask else {}
    return {"pixel_values": Value((1, 3, height, width), kind), **text, **masks}


LOGITS, BOXES = np.zeros((1, 5, 256)), np.zeros((1, 5, 4))


def model(given, logits=LOGITS, boxes=BOXES, **shapes):
    def run(values):
        given.update(values)
        return {"logits": np.asarray(logits), "pred_boxes": np.asarray(boxes)}

    return OnnxGrounding(run, inputs(**shapes), Provenance("tiny", "tests", "1"), "a.onnx")


def test_a_graph_of_one_size_gets_padding_that_its_masks_name():
    given = {}
    logits, boxes = model(given, height=8, width=8, tokens=6)(np.ones((3, 5, 8), np.float32), (101, 7, 1012, 102))
    assert (logits.shape, boxes.shape) == ((5, 4), (5, 4))
    assert given["pixel_values"].sum() == 3 * 5 * 8
    assert given["pixel_mask"].tolist() == [[[1] * 8] * 5 + [[0] * 8] * 3]
    assert given["input_ids"].tolist() == [[101, 7, 1012, 102, 0, 0]]
    assert given["attention_mask"].tolist() == [[1, 1, 1, 1, 0, 0]]
    assert given["token_type_ids"].tolist() == [[0] * 6]


def test_a_graph_of_any_size_gets_no_padding():
    given = {}
    model(given)(np.ones((3, 40, 60), np.float32), (101, 7, 1012, 102))
    assert given["pixel_values"].shape == (1, 3, 40, 60)
    assert given["pixel_mask"].all()
    assert given["input_ids"].shape == (1, 4)


def test_a_graph_without_a_mask_of_the_image_or_in_half_precision_gets_what_it_takes():
    given = {}
    model(given, mask=False, kind="tensor(float16)")(np.ones((3, 4, 4), np.float32), (101, 102))
    assert "pixel_mask" not in given
    assert given["pixel_values"].dtype == np.float16


def test_an_image_fits_into_the_one_size_of_a_graph():
    assert model({}).input_size == InputSize()
    assert model({}, height=800, width=800).input_size.of((600, 1000)) == (480, 800)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"tokens": 300}, "captions of 300 tokens, and the model reads 256"),
        ({"height": 99999, "width": 8}, "takes pixel_values of"),
        ({"height": 8, "width": 8, "mask": False}, "images of one size, and no pixel_mask"),
    ],
)
def test_a_graph_of_other_shapes_is_refused(shapes, message):
    with pytest.raises(WeightsMismatchError, match=message):
        model({}, **shapes)


def test_a_caption_that_is_too_long_for_the_graph_is_refused():
    with pytest.raises(BackendError, match="captions of 3 tokens in this file, got 4: set phrases_per_pass=1"):
        model({}, tokens=3)(np.zeros((3, 4, 4), np.float32), (101, 7, 1012, 102))


@pytest.mark.parametrize(
    ("logits", "boxes", "message"),
    [
        (np.zeros((1, 5, 2)), np.zeros((1, 5, 4)), r"returned logits \(1, 5, 2\) and boxes \(1, 5, 4\) for 4 tokens"),
        (np.zeros((1, 5, 9)), np.zeros((1, 4, 4)), "boxes"),
        (np.full((1, 5, 9), np.nan), np.zeros((1, 5, 4)), "NaN or infinity"),
    ],
)
def test_outputs_of_another_kind_are_refused(logits, boxes, message):
    with pytest.raises(BackendError, match=message):
        model({}, logits, boxes)(np.zeros((3, 4, 4), np.float32), (101, 7, 1012, 102))
