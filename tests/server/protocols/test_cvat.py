"""CVAT's function gateway, asked as its server asks it.

Headers, bodies and what is read of answers are those of ``cvat/apps/lambda_manager/views.py`` of cvat-ai/cvat, at commit e4c12a27 and as it
was when trackers had got ``supported_shape_types``.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask, Prompt
from promptseg.testing import FakeDetector
from promptseg.vocabulary import parse_phrase

httpx = pytest.importorskip("httpx2")
pytest.importorskip("fastapi")

BOX = [[170, 40], [430, 300]]


class Classes(FakeDetector):
    """A detector with a list of classes, as trained ones have it."""

    @property
    def provenance(self):
        return replace(super().provenance, classes=("cup", "spoon"))


class Reader(FakeDetector):
    """A detector that reads the words of a phrase, as real ones do."""

    def detect(self, image, phrases=None):
        return super().detect(image, None if phrases is None else [parse_phrase(phrase).label for phrase in phrases])


@pytest.fixture(scope="module")
def server(served_pipelines, tmp_path_factory):
    pytest.importorskip("fastapi")
    from running_server import WORDS, running

    words = replace(served_pipelines["words"], detector=Classes(WORDS))
    with running({"mini/sam": served_pipelines["mini-sam"], "words": words}, folder=tmp_path_factory.mktemp("cvat")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def image(sample_bytes):
    return base64.b64encode(sample_bytes).decode()


def invoke(client, name, body):
    headers = {"x-nuclio-project-name": "cvat", "x-nuclio-function-namespace": "nuclio", "x-nuclio-invoke-via": "domain-name"}
    headers |= {"X-Nuclio-Invoke-Timeout": "120s", "x-nuclio-function-name": name, "x-nuclio-path": "/"}
    return client.post("/api/function_invocations", json=body, headers=headers)


def answer(client, name, body):
    given = invoke(client, name, body)
    assert given.status_code == 200, given.text
    assert given.headers["content-type"] == "application/json"
    return given.json()


def test_each_model_is_what_it_accepts(client):
    functions = client.get("/api/functions").json()
    assert sorted(functions) == [
        "promptseg-mini-sam-interactor",
        "promptseg-mini-sam-tracker",
        "promptseg-words-detector",
        "promptseg-words-interactor",
        "promptseg-words-tracker",
    ]
    for name, function in functions.items():
        annotations = function["metadata"]["annotations"]
        assert function == client.get(f"/api/functions/{name}").json()
        assert function["metadata"]["name"] == name
        assert function["status"]["state"] == "ready"
        assert function["spec"]["description"]
        assert all(isinstance(value, str) for value in annotations.values())
        assert annotations["type"] == name.rpartition("-")[2]
    interactor = functions["promptseg-mini-sam-interactor"]["metadata"]["annotations"]
    assert (interactor["min_pos_points"], interactor["min_neg_points"], interactor["version"]) == ("0", "0", "2")
    assert interactor["startswith_box_optional"] == "true"
    assert "startswith_box" not in interactor  # CVAT takes any text for true.
    labels = json.loads(functions["promptseg-words-detector"]["metadata"]["annotations"]["spec"])
    assert [(label["name"], label["type"]) for label in labels] == [("cup", "mask"), ("spoon", "mask")]
    assert functions["promptseg-words-tracker"]["metadata"]["annotations"]["supported_shape_types"] == "rectangle,polygon,mask"


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ({"pos_points": [[300.5, 200.5]], "neg_points": [], "obj_bbox": None}, Prompt.point(300, 200)),
        ({"pos_points": [[300.5, 200.5]], "neg_points": [[20.5, 20.5]]}, Prompt.points([(300, 200), (20, 20)], [True, False])),
        ({"pos_points": [], "neg_points": [], "obj_bbox": BOX}, Prompt.box(170, 40, 430, 300)),
        ({"pos_points": [[300.5, 200.5]], "neg_points": [], "obj_bbox": BOX[::-1]}, Prompt.point(300, 200) + Prompt.box(170, 40, 430, 300)),
        ({"pos_points": [[600, 400]], "neg_points": []}, Prompt.point(599, 399)),
    ],
    ids=["point", "points", "box", "both", "corner"],
)
def test_a_click_gives_the_mask_of_the_python_call(client, image, server, sample_bytes, body, prompt):
    mask = answer(client, "promptseg-mini-sam-interactor", {"image": image, **body})["mask"]
    (expected,) = server.pipelines["mini/sam"](sample_bytes, prompt).masks
    assert np.array_equal(np.array(mask), expected.array.astype(int))


@pytest.fixture(scope="module")
def labeled(served_pipelines, tmp_path_factory):
    """A server whose detector reads any phrase, with labels for CVAT."""
    from promptseg.server.settings import ServerSettings
    from running_server import WORDS, running

    settings = ServerSettings(port=0, cvat_labels=("cup|mug", "fork"))
    pipelines = {**served_pipelines, "words": replace(served_pipelines["words"], detector=Reader(WORDS))}
    with (
        running(pipelines, settings, tmp_path_factory.mktemp("labeled")) as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        yield client


def test_a_detector_of_any_phrase_has_the_labels_of_the_settings(labeled):
    functions = labeled.get("/api/functions").json()
    assert [name for name in functions if name.endswith("-detector")] == ["promptseg-words-detector"]
    labels = json.loads(functions["promptseg-words-detector"]["metadata"]["annotations"]["spec"])
    assert labels == [{"id": 0, "name": "cup", "type": "mask"}, {"id": 1, "name": "fork", "type": "mask"}]


def test_what_it_finds_has_one_of_these_labels(labeled, image, served_pipelines, sample_bytes):
    (found,) = answer(labeled, "promptseg-words-detector", {"image": image})
    (expected,) = served_pipelines["words"](sample_bytes, Prompt.text("cup")).masks
    assert found["label"] == "cup"
    assert found["confidence"] == str(round(expected.score, 6))
    assert found["mask"][-4:] == [*expected.crop()[1], *(corner - 1 for corner in map(int, expected.box[2:]))]


def test_an_image_is_encoded_once(client, image, server):
    body = {"image": image, "pos_points": [[300, 200]], "neg_points": []}
    answer(client, "promptseg-mini-sam-interactor", body)
    encoded = server.service.engine.state.encoded
    answer(client, "promptseg-mini-sam-interactor", body)
    assert server.service.engine.state.encoded == encoded


def test_a_detector_finds_its_classes_as_masks_and_polygons(client, image, server, sample_bytes):
    found = answer(client, "promptseg-words-detector", {"image": image, "threshold": 0.1})
    expected = server.pipelines["words"](sample_bytes).masks
    assert [shape["label"] for shape in found] == list(expected.labels)
    for shape, mask in zip(found, expected, strict=True):
        *pixels, left, top, right, bottom = shape["mask"]
        crop = np.array(pixels).reshape(bottom - top + 1, right - left + 1).astype(bool)
        assert np.array_equal(Mask.from_crop(crop, (left, top), mask.size).array, mask.array)
        assert (shape["type"], float(shape["confidence"])) == ("mask", pytest.approx(mask.score, abs=1e-5))
        assert Mask.from_polygons([shape["points"]], mask.size).iou(mask) > 0.5
    assert answer(client, "promptseg-words-detector", {"image": image, "threshold": 1.0}) == []


def moved(content, dx):
    image = Image.open(io.BytesIO(content)).convert("RGB")
    file = io.BytesIO()
    Image.fromarray(np.roll(np.asarray(image), dx, axis=1)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_a_tracker_follows_objects_from_frame_to_frame(client, image, sample_bytes, server):
    name = "promptseg-words-tracker"
    shapes = [
        {"type": "rectangle", "points": [170.0, 40.0, 430.0, 300.0]},
        {"type": "polygon", "points": [200.0, 80.0, 400.0, 80.0, 400.0, 260.0, 200.0, 260.0]},
        {"type": "mask", "points": [0, 200 * 180, 200, 80, 399, 259]},
    ]
    first = answer(client, name, {"image": image, "shapes": shapes, "states": []})
    assert first["shapes"] == shapes
    states = json.loads(json.dumps(first["states"]))  # CVAT signs their text.
    second = answer(client, name, {"image": moved(sample_bytes, 5), "shapes": [None] * 3, "states": states})
    assert [shape["type"] for shape in second["shapes"]] == ["rectangle", "polygon", "mask"]
    assert second["states"] != states
    *runs, left, top, right, bottom = second["shapes"][2]["points"]
    assert sum(runs) == (right - left + 1) * (bottom - top + 1)
    again = answer(client, name, {"image": moved(sample_bytes, 5), "shapes": [None] * 3, "states": states})
    assert again == second  # A state can be used again.
    assert not [path for path in server.service.folder.iterdir() if path.name.startswith("cvat-")]
    assert server.service.engine.state.open_videos == 0


def test_older_versions_send_rectangles_without_a_type(client, image):
    first = answer(client, "promptseg-words-tracker", {"image": image, "shapes": [[170, 40, 430, 300]], "states": []})
    assert first["shapes"] == [[170, 40, 430, 300]]
    assert first["states"][0]["shape"]["points"] == [170, 40, 430, 300]


STATE = {"image": "0" * 64, "typed": True, "shape": {"type": "rectangle", "points": [1, 2, 30, 40]}}


@pytest.mark.parametrize(
    ("name", "body", "status", "told"),
    [
        ("promptseg-none-tracker", {}, 404, "no function"),
        ("promptseg-mini-sam-interactor", {"image": "!!", "pos_points": [[1, 1]]}, 422, "base64"),
        ("promptseg-mini-sam-interactor", {"pos_points": [], "neg_points": []}, 422, "pos_points"),
        ("promptseg-mini-sam-interactor", {"pos_points": [[9000, 1]]}, 422, "outside the image"),
        ("promptseg-mini-sam-interactor", {"pos_points": [[1]]}, 422, "pos_points"),
        ("promptseg-mini-sam-interactor", {"obj_bbox": [[1, 1]]}, 422, "two corners"),
        ("promptseg-words-detector", {"threshold": "high"}, 422, "threshold"),
        ("promptseg-words-tracker", {"shapes": [{"type": "ellipse", "points": [1, 2, 3, 4]}]}, 422, "shapes"),
        ("promptseg-words-tracker", {"shapes": [{"type": "mask", "points": [9e9, 0, 0, 9e4, 9e4]}]}, 422, "not inside the image"),
        ("promptseg-words-tracker", {"shapes": [{"type": "mask", "points": [0.5, 0, 0, 1, 1]}]}, 422, "whole numbers"),
        ("promptseg-words-tracker", {"shapes": [{"type": "polygon", "points": [1, 2, 3]}]}, 422, ""),
        ("promptseg-words-tracker", {"shapes": [None]}, 422, "a shape or a state"),
        ("promptseg-words-tracker", {"states": [STATE]}, 404, "send it again"),
        ("promptseg-words-tracker", {"states": [{**STATE, "image": "../../etc/passwd"}]}, 422, "states"),
    ],
)
def test_what_cannot_be_used_is_told(client, image, name, body, status, told):
    given = invoke(client, name, {"image": image, **body})
    assert given.status_code == status, given.text
    assert told in given.json()["error"]


def test_the_gateway_needs_the_token_which_a_web_address_can_hold(served_pipelines, tmp_path):
    from promptseg.server.settings import ServerSettings
    from running_server import running

    token = "a-token-of-a-server"
    with running({"mini-sam": served_pipelines["mini-sam"]}, ServerSettings(port=0, token=token), tmp_path) as server:
        assert httpx.get(f"{server.url}/api/functions").status_code == 401
        assert httpx.get(f"{server.url.replace('//', f'//cvat:{token}@')}/api/functions").status_code == 200
