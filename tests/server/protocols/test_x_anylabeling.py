"""X-AnyLabeling's protocol. The requests are those that X-AnyLabeling 4.2.1 sent, with another image.

The whole program (1.2 GB) was run against the server: by its own remote client the masks are those of the Python call, and in its window a
click gives a shape, and "Run" tracks it through a folder of frames.
"""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask, Prompt, open_frames
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import PipelineConfig
from promptseg.testing import FakeSegmenter
from running_server import running

from .conftest import moving_tracker

httpx = pytest.importorskip("httpx2")

SIZE = (400, 600)
FRAME = (60, 80)


@pytest.fixture(scope="module")
def client(running_server):
    headers = {"Content-Type": "application/json", "Token": "SECRET"}
    with httpx.Client(base_url=f"{running_server.url}/x-anylabeling", headers=headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def predict(client, sample_bytes):
    image = f"data:image/png;base64,{base64.b64encode(sample_bytes).decode()}"

    def predict(model="mini-sam", **params):
        params = {"conf_threshold": 0.0, "iou_threshold": 0.0, "epsilon_factor": 0.0001, **params}
        return client.post("/v1/predict", json={"model": model, "image": image, "params": params})

    return predict


@pytest.fixture(scope="module")
def frames():
    """Four frames of a red square that moves by four pixels a frame, as bytes of PNG files."""
    files = []
    for index in range(4):
        pixels = np.full((*FRAME, 3), 120, np.uint8)
        pixels[20:40, 20 + 4 * index : 40 + 4 * index] = (200, 40, 40)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        files.append(file.getvalue())
    return files


@pytest.fixture
def videos(video_server):
    with httpx.Client(base_url=f"{video_server.url}/x-anylabeling", timeout=60) as client:
        yield client


@pytest.fixture
def session(videos, frames):
    sent = [f"data:image/png;base64,{base64.b64encode(frame).decode()}" for frame in frames]
    answer = videos.post("/v1/video/init", json={"model": "fake", "frames": sent, "start_frame_index": 0})
    name = answer.json()["data"]["session_id"]
    yield name
    assert videos.post(f"/v1/video/cleanup/{name}?model=fake").json()["data"]["removed"]


def shapes_of(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"]
    return answer.json()["data"]["shapes"]


def mask_of(shape, size=SIZE):
    assert shape["shape_type"] == "polygon"
    assert shape["points"][0] == shape["points"][-1]
    return Mask.from_polygons([np.array(shape["points"])], size)


def events_of(text):
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line]


POINTS = [{"type": "point", "data": [300, 200], "label": 1}, {"type": "point", "data": [20, 20], "label": 0}]
BOX = [{"type": "rectangle", "data": [170, 40, 430, 300], "label": 1}]
SMALL = [{"type": "rectangle", "data": [120, 380, 20, 60], "label": 1}]


def test_metrics_name_the_whole_path_of_a_route(running_server):
    httpx.post(f"{running_server.url}/x-anylabeling/v1/video/cleanup/none")
    httpx.get(f"{running_server.url}/x-anylabeling/health")
    told = httpx.get(f"{running_server.url}/metrics").text
    assert 'route="/x-anylabeling/v1/video/cleanup/{session}"' in told
    assert 'route="/x-anylabeling/health"' in told


@pytest.mark.parametrize(
    ("marks", "prompts"),
    [
        (POINTS, [Prompt.point(300, 200) + Prompt.point(20, 20, False)]),
        (BOX, [Prompt.box(170, 40, 430, 300)]),
        ([*POINTS, *BOX], [Prompt.box(170, 40, 430, 300) + Prompt.point(300, 200) + Prompt.point(20, 20, False)]),
        ([*BOX, *SMALL], [Prompt.box(170, 40, 430, 300), Prompt.box(20, 60, 120, 380)]),
        ([{"type": "point", "data": [600, 400], "label": 1}], [Prompt.point(599, 399)]),
    ],
    ids=["points", "box", "box-and-points", "two-boxes", "corner"],
)
def test_shapes_of_marks_are_the_masks_of_the_python_call_and_replace_nothing(predict, running_server, sample_bytes, marks, prompts):
    expected = running_server.pipelines["mini-sam"](sample_bytes, *prompts).masks
    answer = predict(marks=marks, current_task="click")
    shapes = shapes_of(answer)
    assert [mask_of(shape).counts for shape in shapes] == [mask.counts for mask in expected]
    assert [shape["score"] for shape in shapes] == [mask.score for mask in expected]
    assert {shape["label"] for shape in shapes} == {"AUTOLABEL_OBJECT"}  # The tool then asks for a label.
    assert answer.json()["data"]["replace"] is False


def test_a_caption_finds_its_words_and_the_tool_decides_what_to_replace(predict, running_server, sample_bytes):
    expected = running_server.pipelines["words"](sample_bytes, Prompt.text("cup", "spoon")).masks
    answer = predict("words", text_prompt="cup. spoon", current_task="text")
    assert {(shape["label"], mask_of(shape).counts) for shape in shapes_of(answer)} == {(mask.label, mask.counts) for mask in expected}
    assert "replace" not in answer.json()["data"]
    least = max(mask.score for mask in expected)
    assert [shape["score"] for shape in shapes_of(predict("words", text_prompt="cup. spoon", conf_threshold=least))] == [least]


def test_the_slider_gives_outlines_of_fewer_corners(predict):
    (exact,), (coarse,) = shapes_of(predict(marks=BOX)), shapes_of(predict(marks=BOX, epsilon_factor=0.001))
    assert len(coarse["points"]) < len(exact["points"]) / 3
    assert mask_of(coarse).iou(mask_of(exact)) > 0.95


@pytest.mark.parametrize("task", ["click", "similar", "detect", None])
def test_nothing_to_do_gives_no_shape_and_removes_none(predict, task):
    answer = predict(**({} if task is None else {"current_task": task}))
    assert answer.json()["data"] == {"shapes": [], "description": "", "replace": False}


def test_rectangles_of_similar_objects_are_examples(predict, running_server, sample_bytes):
    expected = running_server.pipelines["mini-sam"](sample_bytes, Prompt.example(None, Prompt.box(170, 40, 430, 300))).masks
    shapes = shapes_of(predict(marks=BOX, current_task="similar"))
    assert [mask_of(shape).counts for shape in shapes] == [mask.counts for mask in expected if mask.area]


def test_tasks_and_widgets_are_those_that_a_model_can_use(client):
    models = client.get("/v1/models").json()["data"]
    assert list(models) == ["mini-sam", "words"]
    tasks = {name: {task["id"]: task for task in values["available_tasks"]} for name, values in models.items()}
    assert list(tasks["mini-sam"]) == ["click", "similar", "track"]
    assert list(tasks["words"]) == ["click", "text", "similar", "track"]
    assert tasks["words"]["text"]["batch_processing_mode"] == "text_prompt"
    assert tasks["words"]["track"]["batch_processing_mode"] == "video"
    assert {"button_add_point", "button_add_rect", "button_finish_object"} < set(tasks["mini-sam"]["click"]["active_widgets"])
    assert "edit_text" in tasks["words"]["track"]["active_widgets"]
    assert "edit_text" not in tasks["mini-sam"]["track"]["active_widgets"]
    for values in models.values():
        offered = {widget["name"] for widget in values["widgets"]}
        assert {name for task in values["available_tasks"] for name in task["active_widgets"]} <= offered
    assert client.get("/v1/models/words/info").json()["data"] == models["words"]
    assert client.get("/health").json()["models_loaded"] == 2


def test_points_on_a_frame_are_tracked_through_the_others(videos, session, frames):
    body = {"session_id": session, "model": "fake", "frame_index": 0, "params": {"conf_threshold": 0.0, "epsilon_factor": 0.0001}}
    points = {"points": [[30 / 80, 30 / 60], [5 / 80, 5 / 60]], "point_labels": [1, 0], "obj_id": 10000}
    (shape,) = videos.post("/v1/video/prompt", json={**body, **points}).json()["data"]["masks"]
    tracked = moving_tracker().open(open_frames([Image.open(io.BytesIO(each)) for each in frames]))
    mask = tracked.add(0, 10000, Prompt.points([(30, 30), (5, 5)], [True, False]))
    assert mask_of(shape, FRAME).counts == mask.counts
    assert shape["group_id"] == 10000

    asked = {"session_id": session, "model": "fake", "start_frame": 0}
    events = events_of(videos.post("/v1/video/propagate/stream", json=asked).text)
    assert [event["type"] for event in events] == ["started", *["progress"] * (len(events) - 2), "completed"]
    assert events[0] == {"type": "started", "total_frames": 4, "start_frame_index": 0}
    results = events[-1]["results"]
    expected = {str(frame.frame): frame.masks[0].counts for frame in tracked.propagate()}
    assert {index: mask_of(found["masks"][0], FRAME).counts for index, found in results.items()} == expected
    assert len(set(expected.values())) == 4

    task = videos.post("/v1/video/propagate", json={**asked, "end_frame": 1}).json()["data"]["task_id"]
    while (status := videos.get(f"/v1/video/status/{task}").json()["data"])["status"] == "running":
        pass
    assert status["status"] == "completed"
    assert status["results"] == {index: results[index] for index in ("0", "1")}
    assert videos.post(f"/v1/video/cancel/{task}").json()["success"]


def test_each_object_of_a_text_is_tracked_with_its_label(videos, session, frames, video_server):
    body = {"session_id": session, "model": "fake", "text_prompt": "square", "frame_index": 1, "params": {"epsilon_factor": 0.0001}}
    shapes = videos.post("/v1/video/prompt", json=body).json()["data"]["masks"]
    expected = video_server.pipelines["fake"](frames[1], Prompt.text("square")).masks
    assert [(shape["label"], mask_of(shape, FRAME).counts) for shape in shapes] == [(mask.label, mask.counts) for mask in expected]
    events = events_of(videos.post("/v1/video/propagate/stream", json={"session_id": session, "model": "fake"}).text)
    assert list(events[-1]["results"]) == ["1", "2", "3"]
    assert {shape["label"] for found in events[-1]["results"].values() for shape in found["masks"]} == {"square"}


def test_frames_are_kept_until_the_session_is_cleaned_up(videos, frames, video_server):
    frame = base64.b64encode(frames[0]).decode()
    name = videos.post("/v1/video/init", json={"model": "fake", "frames": [frame, frame]}).json()["data"]["session_id"]
    folder = video_server.service.videos.get(name).path
    assert len(list(folder.iterdir())) == 2
    for removed in (True, False):
        assert videos.post(f"/v1/video/cleanup/{name}?model=fake").json()["data"]["removed"] is removed
    assert not folder.exists()


def test_only_the_frames_of_a_video_may_be_larger_than_an_image(tmp_path):
    from promptseg.server.settings import ServerSettings

    pipelines = {"fake": BuiltPipeline(PipelineConfig(), segmenter=FakeSegmenter())}
    with running(pipelines, ServerSettings(port=0, max_upload_bytes=1000), tmp_path) as server:
        for path, most in (("video/init", 4000), ("predict", 1500)):
            for size, status in ((most, 422), (most + 1, 413)):
                assert httpx.post(f"{server.url}/x-anylabeling/v1/{path}", content=b" " * size).status_code == status


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/predict", {"model": "no-such", "image": ""}, 404, "MODEL_NOT_FOUND"),
        ("/v1/predict", {"model": "mini-sam", "image": "!!"}, 422, "INVALID_IMAGE"),
        ("/v1/predict", {"model": "mini-sam"}, 422, "INVALID_REQUEST"),
        ("/v1/video/init", {"model": "mini-sam", "frames": []}, 422, "INVALID_REQUEST"),
        ("/v1/video/init", {"model": "mini-sam", "frames": ["aGVsbG8="]}, 422, "INVALID_IMAGE"),
        ("/v1/video/prompt", {"session_id": "../x", "points": [[0.5, 0.5]], "point_labels": [1]}, 404, "SESSION_NOT_FOUND"),
        ("/v1/video/propagate/stream", {"session_id": "x"}, 404, "SESSION_NOT_FOUND"),
    ],
)
def test_errors_have_the_form_and_a_status_that_the_tool_knows(client, path, body, status, code, running_server):
    kept = running_server.service.frames.nbytes
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["success"] is False
    assert answer.json()["error"]["code"] == code
    assert running_server.service.frames.nbytes == kept


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"points": [[0.5, 0.5]], "point_labels": []}, "same number"),
        ({"points": [[5, 0.5]], "point_labels": [1]}, "outside the image"),
        ({"text_prompt": " "}, "points, or a text"),
        ({"text_prompt": "cup", "frame_index": 9}, "4 frames"),
        ({"points": [[0.5, 0.5]], "point_labels": [1], "frame_index": 9}, "frame"),
    ],
)
def test_a_prompt_that_a_session_cannot_use_is_told(videos, session, values, told):
    answer = videos.post("/v1/video/prompt", json={"session_id": session, "model": "mini-sam", **values})
    assert answer.status_code in (404, 422)
    assert told in answer.json()["error"]["message"]
    nothing = videos.post("/v1/video/propagate/stream", json={"session_id": session})
    assert (nothing.status_code, "no object" in nothing.json()["error"]["message"]) == (409, True)
