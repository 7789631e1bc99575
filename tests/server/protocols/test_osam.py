"""osam's protocol: its types read the answers, and the masks are those of the Python call.

osam has no client for its server: the requests are those of its README, as `osam.types.GenerateRequest` of osam 0.8.1 writes them. The
answers were read with osam 0.8.1: once `mask` is decoded, `GenerateResponse` takes them, and checks that mask and box fit together.
"""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask, Prompt

httpx = pytest.importorskip("httpx2")

SIZE = (400, 600)


@pytest.fixture(scope="module")
def ask(running_server, sample_bytes):
    image = base64.b64encode(sample_bytes).decode()

    def ask(prompt, model="mini-sam", **values):
        body = {"model": model, "image": image, **({} if prompt is None else {"prompt": prompt}), **values}
        return httpx.post(f"{running_server.url}/api/generate", json=body, timeout=60)

    return ask


def masks_of(answer):
    """Return the masks of an answer as osam's README puts them together."""
    assert answer.status_code == 200, answer.text
    found = []
    for annotation in answer.json()["annotations"]:
        box = annotation["bounding_box"]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(annotation["mask"]))))
        assert set(np.unique(pixels)) <= {0, 255}
        mask = np.zeros(SIZE, bool)
        mask[box["ymin"] : box["ymax"] + 1, box["xmin"] : box["xmax"] + 1] = pixels > 0
        found.append(Mask.from_array(mask))
    return found


@pytest.mark.parametrize(
    ("sent", "prompt"),
    [
        ({"points": [[300, 200]], "point_labels": [1]}, Prompt.point(300, 200)),
        ({"points": [[300, 200], [20, 20]], "point_labels": [1, 0]}, Prompt.point(300, 200) + Prompt.point(20, 20, False)),
        ({"points": [[430, 300], [170, 40]], "point_labels": [3, 2]}, Prompt.box(170, 40, 430, 300)),
        (
            {"points": [[170, 40], [430, 300], [300, 200]], "point_labels": [2, 3, 1]},
            Prompt.box(170, 40, 430, 300) + Prompt.point(300, 200),
        ),
        ({"points": [[600, 400]], "point_labels": [1]}, Prompt.point(599, 399)),
        (None, Prompt.point(300, 200)),
    ],
    ids=["point", "points", "box", "box-and-point", "corner", "nothing"],
)
def test_masks_are_those_of_the_python_call(ask, running_server, sample_bytes, sent, prompt):
    answer = ask(sent)
    expected = running_server.pipelines["mini-sam"](sample_bytes, prompt).masks
    assert [mask.array.tolist() for mask in masks_of(answer)] == [mask.array.tolist() for mask in expected]
    assert [each["score"] for each in answer.json()["annotations"]] == [mask.score for mask in expected]
    assert answer.json()["model"] == "mini-sam"
    assert answer.json()["image_embedding"] is None


def test_texts_find_what_the_detector_finds_best_first_and_as_they_were_sent(ask, running_server, sample_bytes):
    expected = running_server.pipelines["words"](sample_bytes, Prompt.text("spoon", "cup")).masks
    answer = ask({"texts": ["spoon", " cup"], "score_threshold": None}, "words:latest")
    assert {mask.counts for mask in masks_of(answer)} == {mask.counts for mask in expected}
    assert {each["text"] for each in answer.json()["annotations"]} == {"spoon", " cup"}
    scores = [each["score"] for each in answer.json()["annotations"]]
    assert scores == sorted(scores, reverse=True)


def test_limits_of_texts_are_kept(ask):
    assert len(ask({"texts": ["cup", "spoon"], "max_annotations": 1}, "words").json()["annotations"]) == 1
    assert ask({"texts": ["cup"], "score_threshold": 2}, "words").json()["annotations"] == []


def test_an_image_may_have_broken_lines_as_base64_prints_it(ask, sample_bytes):
    answer = ask({"points": [[300, 200]], "point_labels": [1]}, image=base64.encodebytes(sample_bytes).decode())
    assert len(masks_of(answer)) == 1


@pytest.mark.parametrize(
    ("prompt", "values", "status", "told"),
    [
        ({"points": [[300, 200]]}, {}, 422, "point_labels"),
        ({"points": [[300, 200]], "point_labels": [2]}, {}, 422, "labels 2 and 3"),
        ({"points": [[300, 200]], "point_labels": [4]}, {}, 422, "point_labels"),
        ({"points": [], "point_labels": []}, {}, 422, "points"),
        ({"points": [[900, 200]], "point_labels": [1]}, {}, 422, "outside the image"),
        ({}, {}, 422, "points, or texts"),
        ({"texts": ["cup"]}, {}, 422, "ask for the model 'words'"),
        (None, {"image": None}, 422, "no image"),
        (None, {"image": "!!"}, 422, "base64"),
        (None, {"model": "efficientsam"}, 404, "mini-sam"),
    ],
)
def test_what_cannot_be_used_is_told(ask, prompt, values, status, told):
    answer = ask(prompt, **values)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["detail"]


def test_it_says_that_it_runs_as_osam_does(running_server):
    assert httpx.get(f"{running_server.url}/").text == "osam is running"
