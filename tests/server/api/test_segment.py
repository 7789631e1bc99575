"""The route that segments: its masks are those of the Python call, whatever the form of the answer."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask, Prompt

httpx = pytest.importorskip("httpx2")

POINT, BOX = {"points": [[300, 200]]}, {"box": [170, 40, 430, 300]}


@pytest.fixture(scope="module")
def client(running_server):
    with httpx.Client(base_url=running_server.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def image(client, sample_bytes):
    return client.post("/v1/images", files={"file": ("coffee.jpg", sample_bytes)}).json()["id"]


def masks_of(answer):
    assert answer.status_code == 200, answer.text
    return [Mask.from_coco_rle(mask["segmentation"]) for mask in answer.json()["masks"]]


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        (POINT, Prompt.point(300, 200)),
        ({"points": [[300, 200], [20, 20]], "foreground": [True, False]}, Prompt.point(300, 200) + Prompt.point(20, 20, False)),
        (BOX, Prompt.box(170, 40, 430, 300)),
        ({"everything": {"points_per_side": 4}}, Prompt.everything(4)),
    ],
    ids=["point", "points", "box", "everything"],
)
def test_masks_are_those_of_the_python_call(client, image, running_server, sample_bytes, given, prompt):
    expected = running_server.pipelines["mini-sam"](sample_bytes, prompt).masks
    answer = client.post("/v1/segment", json={"image": {"id": image}, "prompts": [given]})
    assert masks_of(answer) == list(expected)
    assert [mask["score"] for mask in answer.json()["masks"]] == [mask.score for mask in expected]


def test_text_finds_what_the_detector_finds(client, image, running_server, sample_bytes):
    expected = running_server.pipelines["words"](sample_bytes, Prompt.text("cup")).masks
    answer = client.post("/v1/segment", json={"model": "words", "image": {"id": image}, "prompts": [{"text": ["cup"]}]})
    assert masks_of(answer) == list(expected)
    assert [mask["label"] for mask in answer.json()["masks"]] == ["cup"]


def test_a_mask_of_an_answer_is_a_prompt(client, image, running_server, sample_bytes):
    first = client.post("/v1/segment", json={"image": {"id": image}, "prompts": [POINT]}).json()["masks"][0]["segmentation"]
    answer = client.post("/v1/segment", json={"image": {"id": image}, "prompts": [{**POINT, "mask": first}]})
    again = Prompt.point(300, 200) + Prompt.mask(Mask.from_coco_rle(first))
    assert masks_of(answer) == list(running_server.pipelines["mini-sam"](sample_bytes, again).masks)


def test_polygons_restore_the_mask(client, image):
    body = {"image": {"id": image}, "prompts": [POINT]}
    (mask,) = masks_of(client.post("/v1/segment", json=body))
    answer = client.post("/v1/segment", json=body, headers={"Accept": "application/vnd.promptseg.polygons+json"})
    rings = [ring for part in answer.json()["masks"][0]["segmentation"] for ring in part]
    assert answer.headers["content-type"] == "application/vnd.promptseg.polygons+json"
    assert rings
    (part, *others) = answer.json()["masks"][0]["segmentation"]
    assert Mask.from_polygons([part[0], *(other[0] for other in others)], mask.size).area >= mask.area


def test_a_png_of_one_mask_is_black_and_white(client, image):
    body = {"image": {"id": image}, "prompts": [POINT]}
    (mask,) = masks_of(client.post("/v1/segment", json=body))
    answer = client.post("/v1/segment", json=body, headers={"Accept": "image/png"})
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), mask.array)


def test_a_png_of_several_masks_numbers_them_with_the_first_on_top(client, image):
    body = {"image": {"id": image}, "prompts": [POINT, BOX]}
    first, second = masks_of(client.post("/v1/segment", json=body))
    labels = np.asarray(Image.open(io.BytesIO(client.post("/v1/segment", json=body, headers={"Accept": "image/png"}).content)))
    assert np.array_equal(labels == 1, first.array)
    assert np.array_equal(labels == 2, second.array & ~first.array)


def test_an_image_is_encoded_once(client, running_server, sample_bytes):
    client.post("/v1/segment", json={"image": {"id": _send(client, sample_bytes)}, "prompts": [POINT]})
    encoded = running_server.service.engine.state.encoded
    for _ in range(3):
        client.post("/v1/segment", json={"image": {"id": _send(client, sample_bytes)}, "prompts": [POINT]})
    assert running_server.service.engine.state.encoded == encoded


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"prompts": [{"points": [[3000, 200]]}]}, 422, "outside the image"),
        ({"prompts": [{"points": []}]}, 422, "points"),
        ({"prompts": [{}]}, 422, "a prompt is an object with points"),
        ({"prompts": []}, 422, "nothing to segment"),
        ({"prompts": [{"text": ["cup"]}]}, 422, "ask for the model 'words'"),
        ({"prompts": [POINT], "model": "no-such"}, 404, "mini-sam, words"),
        ({"prompts": [POINT], "image": {"id": "0" * 64}}, 404, "send it again"),
        ({"prompts": [POINT], "image": {"data": "!!"}}, 422, "base64"),
        ({"prompts": [POINT], "image": {"data": "aGVsbG8="}}, 422, "format"),
        ({"prompts": [POINT], "image": {"path": "/etc/passwd"}}, 403, "--allow"),
        ({"prompts": [POINT], "image": {"url": "http://127.0.0.1:9/a.png"}}, 403, "--allow-host"),
        ({"prompts": [POINT] * 1001}, 413, "1000"),
        ({"prompts": [POINT], "image": {"id": "\N{HORIZONTAL ELLIPSIS}"}}, 422, "image.id: String should match pattern"),
        ({"prompts": [POINT], "image": "photo.jpg"}, 422, "image: an image is an object with id, data, path or url"),
        ({"prompts": [{"point": [1, 2]}]}, 422, "prompts.0: a prompt is an object with points, a box or a mask"),
        ({"prompts": [{"points": [1, 2]}]}, 422, "prompts.0.points.0: Input should be a valid array"),
        ({"prompts": [{"text": "cup"}]}, 422, "prompts.0.text: Input should be a valid array"),
        ({"prompts": [{"everything": {"points_per_side": 1000}}]}, 422, "prompts.0.everything.points_per_side: Input should be less"),
    ],
)
def test_what_cannot_be_used_is_told(client, image, body, status, told):
    answer = client.post("/v1/segment", json={"image": {"id": image}, **body})
    assert answer.status_code == status, answer.text
    assert told in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_kind_of_answer_that_does_not_exist_is_refused(client, image):
    answer = client.post("/v1/segment", json={"image": {"id": image}, "prompts": [POINT]}, headers={"Accept": "text/html"})
    assert answer.status_code == 406


@pytest.mark.parametrize(("path", "status"), [("/v1/nothing", 404), ("/v1/segment", 405)])
def test_a_route_that_does_not_exist_is_told_with_where_to_look(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    assert "/v1/openapi.json" in answer.json()["detail"]


def _send(client, content):
    return client.post("/v1/images", content=content, headers={"Content-Type": "image/jpeg"}).json()["id"]
