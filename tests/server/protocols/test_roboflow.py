"""Roboflow's routes: the bodies are those that inference-sdk 1.8.3 sends, and the masks those of the Python call."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask, Prompt

httpx = pytest.importorskip("httpx2")
pytest.importorskip("fastapi")

POINT = {"points": [{"x": 300, "y": 200, "positive": True}]}
BOX = {"box": {"x": 300, "y": 170, "width": 260, "height": 260}}
EXAMPLE = {"type": "visual", "boxes": [{"x": 170, "y": 40, "width": 260, "height": 260}], "box_labels": [1]}


@pytest.fixture(scope="module")
def client(running_server):
    with httpx.Client(base_url=running_server.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def sent(sample_bytes):
    return {"api_key": "KEY", "image": {"type": "base64", "value": base64.b64encode(sample_bytes).decode()}}


def answer(client, path, body):
    given = client.post(path, params={"api_key": "KEY"}, json=body)
    assert given.status_code == 200, given.text
    return given.json()


def test_a_point_on_the_border_of_the_image_is_on_its_last_pixel(client, sent):
    corner, last = ({"points": [{"x": x, "y": y, "positive": True}]} for x, y in ((600, 400), (599, 399)))
    on_border, inside = (answer(client, "/sam2/segment_image", {**sent, "prompts": [each], "format": "rle"}) for each in (corner, last))
    assert masks_of(on_border["predictions"]) == masks_of(inside["predictions"])


def masks_of(predictions):
    assert all(prediction["format"] == "rle" for prediction in predictions)
    return [Mask.from_coco_rle(prediction["masks"]) for prediction in predictions]


def filled(polygons, size):
    import cv2

    canvas = np.zeros(size, np.uint8)
    cv2.fillPoly(canvas, [np.array(polygon, np.int32) for polygon in polygons], 1)
    return canvas.astype(bool)


@pytest.mark.parametrize("path", ["/sam2/segment_image", "/sam3/visual_segment"])
def test_points_and_center_boxes_give_the_masks_of_the_python_call(client, sent, running_server, sample_bytes, path):
    body = {**sent, "sam2_version_id": "hiera_tiny", "multimask_output": False, "format": "rle", "prompts": {"prompts": [POINT, BOX]}}
    found = answer(client, path, body)
    expected = running_server.pipelines["mini-sam"](sample_bytes, Prompt.point(300, 200), Prompt.box(170, 40, 430, 300)).masks
    assert masks_of(found["predictions"]) == list(expected)
    assert [each["confidence"] for each in found["predictions"]] == [mask.score for mask in expected]
    assert found["time"] > 0


def test_points_of_the_background_count(client, sent, running_server, sample_bytes):
    points = {"points": [*POINT["points"], {"x": 20, "y": 20, "positive": False}]}
    found = answer(client, "/sam2/segment_image", {**sent, "format": "rle", "prompts": {"prompts": [points]}})
    prompt = Prompt.points([(300, 200), (20, 20)], [True, False])
    assert masks_of(found["predictions"]) == list(running_server.pipelines["mini-sam"](sample_bytes, prompt).masks)


def test_polygons_fill_the_mask_but_its_holes(client, sent, running_server, sample_bytes):
    found = answer(client, "/sam2/segment_image", {**sent, "format": "json", "prompts": {"prompts": [BOX]}})["predictions"]
    (expected,) = running_server.pipelines["mini-sam"](sample_bytes, Prompt.box(170, 40, 430, 300)).masks
    mask = filled(found[0]["masks"], expected.size)
    assert found[0]["format"] == "polygon"
    assert not (expected.array & ~mask).any()
    outlines = [part.exterior for part in expected.polygons()]
    assert np.array_equal(mask, np.logical_or.reduce([Mask.from_polygons([outline], expected.size).array for outline in outlines]))


def test_text_finds_what_the_detector_finds(client, sent, running_server, sample_bytes):
    body = {**sent, "model_id": "sam3/sam3_final", "output_prob_thresh": 0.1, "format": "rle"}
    body["prompts"] = [{"type": "text", "text": "cup"}, {"type": "text", "text": "spoon"}]
    found = answer(client, "/sam3/concept_segment", body)["prompt_results"]
    for result, word in zip(found, ("cup", "spoon"), strict=True):
        assert masks_of(result["predictions"]) == list(running_server.pipelines["words"](sample_bytes, Prompt.text(word)).masks)
    assert [result["echo"]["text"] for result in found] == ["cup", "spoon"]


def test_boxes_of_a_concept_are_examples_by_their_corner(client, sent, running_server, sample_bytes):
    body = {**sent, "prompts": [EXAMPLE], "output_prob_thresh": 0.0, "format": "rle"}
    found = answer(client, "/sam3/concept_segment", body)["prompt_results"][0]
    expected = running_server.pipelines["mini-sam"](sample_bytes, Prompt.example(None, Prompt.box(170, 40, 430, 300))).masks
    assert masks_of(found["predictions"]) == list(expected)
    assert found["echo"] == {"prompt_index": 0, "type": "visual", "text": None, "num_boxes": 1}


def test_masks_below_the_threshold_and_repeated_ones_are_left_out(client, sent):
    body = {**sent, "output_prob_thresh": 0.0, "format": "rle", "prompts": [{"text": "cup"}, {"text": "cup"}]}
    assert [len(each["predictions"]) for each in answer(client, "/sam3/concept_segment", body)["prompt_results"]] == [1, 1]
    once = answer(client, "/sam3/concept_segment", {**body, "nms_iou_threshold": 0.5})["prompt_results"]
    assert [len(each["predictions"]) for each in once] == [1, 0]
    strict = {**body, "prompts": [{"text": "cup", "output_prob_thresh": 1.0}, {"text": "spoon"}]}
    assert [len(each["predictions"]) for each in answer(client, "/sam3/concept_segment", strict)["prompt_results"]] == [0, 1]


def test_an_image_is_encoded_once_and_its_name_remembered(client, sent, running_server):
    assert answer(client, "/sam3/embed_image", {**sent, "image_id": "coffee"})["image_id"] == "coffee"
    encoded = running_server.service.engine.state.encoded
    body = {"image_id": "coffee", "format": "rle", "prompts": {"prompts": [POINT]}}
    by_name = answer(client, "/sam2/segment_image", body)["predictions"]
    assert by_name == answer(client, "/sam2/segment_image", {**body, **sent})["predictions"]
    assert running_server.service.engine.state.encoded == encoded


def test_an_image_that_is_sent_goes_before_a_remembered_one(client, sent):
    answer(client, "/sam2/embed_image", {**sent, "image_id": "name"})
    file = io.BytesIO()
    Image.new("RGB", (64, 48)).save(file, "PNG")
    other = {"image": {"type": "base64", "value": base64.b64encode(file.getvalue()).decode()}, "image_id": "name"}
    found = answer(client, "/sam2/segment_image", {**other, "format": "rle", "prompts": {"prompts": [{"points": [{"x": 5, "y": 5}]}]}})
    assert found["predictions"][0]["masks"]["size"] == [48, 64]


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/sam2/segment_image", {"prompts": {"prompts": [{"points": [{"x": 3000, "y": 1}]}]}}, 422, "outside the image"),
        ("/sam2/segment_image", {"prompts": {"prompts": [{}]}}, 422, "points or a box"),
        ("/sam2/segment_image", {"prompts": {"prompts": [{"box": {"x": 9, "y": 9, "width": 0, "height": 4}}]}}, 422, "x0 < x1"),
        ("/sam2/segment_image", {"prompts": [POINT], "format": "binary"}, 422, "'rle'"),
        ("/sam2/segment_image", {"prompts": [POINT], "image": {"type": "numpy", "value": "gASVBAAAAE4u"}}, 422, "pickled"),
        ("/sam2/segment_image", {"prompts": [POINT], "image": {"type": "url", "value": "http://127.0.0.1:9/a.png"}}, 403, "--allow-host"),
        ("/sam2/segment_image", {"prompts": [POINT], "image": {"type": "url", "value": "/etc/passwd"}}, 403, "--allow"),
        ("/sam2/segment_image", {"prompts": [POINT], "image": {"value": "!!"}}, 422, "base64"),
        ("/sam2/segment_image", {"prompts": [POINT] * 1001}, 413, "1000"),
        ("/sam2/embed_image", {"image": None}, 422, "image_id"),
        ("/sam2/embed_image", {"image": None, "image_id": "no-such"}, 404, "send it again"),
        ("/sam3/concept_segment", {"prompts": []}, 422, "prompts"),
        ("/sam3/concept_segment", {"prompts": [{"type": "text"}]}, 422, "text or boxes"),
        ("/sam3/concept_segment", {"prompts": [{**EXAMPLE, "box_labels": [1, 0]}]}, 422, "one label for each box"),
        ("/sam3/concept_segment", {"prompts": [{"text": "cup"}], "output_prob_thresh": 7}, 422, "output_prob_thresh"),
    ],
)
def test_errors_are_told_where_the_client_looks_for_them(client, sent, path, body, status, told):
    given = client.post(path, json={**sent, **body})
    assert given.status_code == status, given.text
    assert given.headers["content-type"] == "application/json"
    assert told in given.json()["message"]


def test_the_server_tells_its_name_and_version(client):
    assert client.get("/info").json().keys() == {"name", "version", "uuid"}


def test_the_key_is_the_token_wherever_the_client_puts_it(served_pipelines, tmp_path, sent):
    from promptseg.server.settings import ServerSettings
    from running_server import running

    token = "a-token-of-a-server"
    with running({"mini-sam": served_pipelines["mini-sam"]}, ServerSettings(port=0, token=token), tmp_path) as server:
        asked = {**sent, "prompts": {"prompts": [POINT]}}
        with httpx.Client(base_url=server.url, timeout=60) as client:
            for settings in (
                {"json": {**asked, "api_key": token}},
                {"json": asked, "params": {"api_key": token}},
                {"json": asked, "headers": {"Authorization": f"Bearer {token}"}},
            ):
                assert client.post("/sam2/segment_image", **settings).status_code == 200
            for path in ("/sam2/segment_image", "/sam3/visual_segment", "/sam2/embed_image", "/sam3/embed_image"):
                wrong = client.post(path, json={**asked, "api_key": token[:-1] + "X"})
                assert (wrong.status_code, "Bearer" in wrong.json()["message"]) == (401, True)
            concept = {**sent, "api_key": "", "prompts": [{"text": "cup"}]}
            assert client.post("/sam3/concept_segment", json=concept).status_code == 401
            assert client.get("/info").status_code == 200
