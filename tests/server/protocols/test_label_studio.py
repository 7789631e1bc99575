"""Label Studio's ML backend: its requests, as the real application sends them, give the masks of the Python call."""

from __future__ import annotations

import json

import numpy as np
import pytest

from promptseg import Mask, Masks, Prompt
from promptseg.datasets.formats.label_studio.brush import encode_brush
from promptseg.datasets.formats.label_studio.regions import region_mask, regions_of

httpx = pytest.importorskip("httpx2")

SIZE = HEIGHT, WIDTH = 400, 600
LABELS = '<Label value="Cup" predicted_values="cup"/><Label value="Spoon" predicted_values="spoon"/>'
SMART = f"""<KeyPointLabels name="click" toName="image" smart="true">{LABELS}</KeyPointLabels>
  <TextArea name="prompt" toName="image"/>"""


def config(*controls, labels=LABELS):
    """Return a labeling configuration with controls such as ``"BrushLabels"``."""
    tags = "".join(f'<{each} name="{each}" toName="image">{labels}</{each}>' for each in controls)
    return f'<View><Image name="image" value="$image"/>{tags}{SMART}</View>'


def result(kind, value, label="Cup", **more):
    """Return a result as Label Studio sends it."""
    sizes = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    labels = {"labels": [label], f"{kind}labels": [label]}
    named = {"id": f"{kind}-{json.dumps(value)[:60]}-{label}", "from_name": "click", "to_name": "image", "type": f"{kind}labels"}
    return {**sizes, **named, "origin": "manual", "value": {**value, **labels}, **more}


def click(x, y, label="Cup", on=True):
    return result("keypoint", {"x": x / WIDTH * 100, "y": y / HEIGHT * 100, "width": 0.23}, label, is_positive=on)


def box(x0, y0, x1, y1, label="Cup"):
    shape = {"x": x0 / WIDTH * 100, "y": y0 / HEIGHT * 100, "width": (x1 - x0) / WIDTH * 100, "height": (y1 - y0) / HEIGHT * 100}
    return result("rectangle", {**shape, "rotation": 0}, label)


@pytest.fixture(scope="module")
def client(running_server):
    with httpx.Client(base_url=running_server.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def address(sample_bytes):
    """The sample image as a task has it that was imported with its content."""
    import base64

    return "data:image/jpeg;base64," + base64.b64encode(sample_bytes).decode()


@pytest.fixture
def ask(client, address):
    """Function that asks for the prediction of one task and returns its results."""

    def answer(drawn, controls=("BrushLabels",), path="", project="1.1700000000", **more):
        given = {"login": None, "password": None, "context": None if drawn is None else {"result": drawn}}
        task = {"id": 7, "data": {"image": address}, "meta": {}, "is_labeled": False, "project": 1}
        asked = {"tasks": [task], "project": project, "label_config": config(*controls), "params": given, **more}
        got = client.post(f"{path}/predict", json=asked)
        assert got.status_code == 200, got.text
        (entry,) = got.json()["results"]
        return entry["result"]

    return answer


def masks_of(results):
    return [region_mask(region, SIZE) for region in regions_of(results)]


def expected(running_server, sample_bytes, *prompts, model="mini-sam"):
    return list(running_server.pipelines[model](sample_bytes, *prompts).masks)


def at(x, y, on=True):
    """Return the prompt of a click: the center of a pixel has whole coordinates here, and halves in percentages."""
    return Prompt.point(x - 0.5, y - 0.5, on)


CUP, SPOON = (170, 40, 430, 300), (20, 60, 120, 380)
STROKE = Mask.from_polygons([[200, 100, 420, 100, 420, 280, 200, 280]], SIZE)


TRIANGLE = [[30.0, 20.0], [70.0, 20.0], [50.0, 70.0]]


@pytest.mark.parametrize(
    ("drawn", "prompts"),
    [
        ([click(300, 200)], [at(300, 200)]),
        ([click(300, 200), click(40, 40, on=False)], [at(300, 200) + at(40, 40, False)]),
        ([box(*CUP)], [Prompt.box(*CUP)]),
        ([box(*CUP), click(300, 200)], [at(300, 200) + Prompt.box(*CUP)]),
        ([click(300, 200), click(60, 240, "Spoon")], [at(300, 200), at(60, 240)]),
        (
            [box(*CUP), box(*SPOON), click(60, 240)],
            [Prompt.box(*CUP), at(60, 240) + Prompt.box(*SPOON)],
        ),
        ([result("polygon", {"points": TRIANGLE, "closed": True})], [Prompt.mask(Mask.from_polygons([np.array(TRIANGLE) * (6, 4)], SIZE))]),
        ([result("brush", {"format": "rle", "rle": encode_brush(STROKE)}), click(300, 200)], [at(300, 200) + Prompt.mask(STROKE)]),
    ],
    ids=["click", "two clicks", "box", "click in a box", "two labels", "two boxes", "polygon", "stroke and click"],
)
def test_masks_are_those_of_the_python_call(ask, running_server, sample_bytes, drawn, prompts):
    wanted = expected(running_server, sample_bytes, *prompts)
    results = ask(drawn)
    assert masks_of(results) == wanted
    assert [each["score"] for each in results] == [mask.score for mask in wanted]
    assert [each["value"]["brushlabels"] for each in results] == (
        [["Cup"], ["Spoon"]] if "Spoon" in str(drawn) else [["Cup"]] * len(wanted)
    )
    assert {(each["from_name"], each["to_name"], each["type"]) for each in results} == {("BrushLabels", "image", "brushlabels")}


def test_a_brush_stroke_has_0_and_255_alone(ask):
    """Other values become nearly transparent in Label Studio's converter."""
    (found,) = ask([click(300, 200)])
    assert set(_unpacked(found["value"]["rle"])) == {0, 255}


def test_what_was_there_before_is_no_prompt(ask, running_server, sample_bytes):
    """Label Studio sends key points that are annotations, and regions that a model has made, along with the click."""
    annotated = {**click(40, 40), "id": "old"}
    del annotated["is_positive"]
    made = {**box(*SPOON), "origin": "prediction"}
    assert masks_of(ask([annotated, made, click(300, 200)])) == expected(running_server, sample_bytes, at(300, 200))


def test_background_clicks_alone_give_nothing(ask):
    assert ask([click(300, 200, on=False)]) == []


def test_what_was_removed_gives_nothing(ask):
    """Label Studio asks with an empty list when the annotator removes the last click. A batch comes without a list."""
    assert ask([], path="/label-studio/words") == []
    assert ask(None, path="/label-studio/words")


def test_the_configuration_decides_the_kind_of_region(ask, running_server, sample_bytes):
    (wanted,) = expected(running_server, sample_bytes, at(300, 200))
    (found,) = ask([click(300, 200)], ["RectangleLabels"])
    assert np.allclose(np.array([found["value"][side] for side in ("x", "y")]) * (6, 4), wanted.box[:2])
    assert np.allclose([found["value"]["width"] * 6, found["value"]["height"] * 4], wanted.box[2:] - wanted.box[:2])
    (bitmask,) = ask([click(300, 200)], ["BitmaskLabels"])
    assert masks_of([bitmask]) == [wanted]
    outlines = ask([click(300, 200)], ["PolygonLabels"])
    assert Masks(masks_of(outlines)).union().iou(wanted) > 0.9
    assert {each["type"] for each in ask([click(300, 200)], ["RectangleLabels", "PolygonLabels", "BrushLabels"])} == {"brushlabels"}


def test_labels_of_a_shared_control_are_results_of_their_own(ask):
    brush, label = ask([click(300, 200)], ["Brush", "Labels"])
    assert (brush["type"], label["type"], label["from_name"]) == ("brush", "labels", "Labels")
    assert (brush["id"], label["value"]["labels"]) == (label["id"], ["Cup"])


def test_extra_parameters_choose_the_model_and_the_answer(client, ask, running_server, sample_bytes):
    given = {"model": "words", "answer": "polygon", "tolerance": 0}
    setup = {"project": "2.1", "schema": config("BrushLabels", "PolygonLabels"), "hostname": "", "access_token": "", "extra_params": given}
    assert client.post("/setup", json=setup).json() == {"model_version": "words"}
    (wanted,) = expected(running_server, sample_bytes, at(300, 200))
    found = ask([click(300, 200)], ["BrushLabels", "PolygonLabels"], project="2.1")
    assert {each["type"] for each in found} == {"polygonlabels"}
    assert Masks(masks_of(found)).union() == wanted


def test_text_finds_objects_with_the_labels_of_the_configuration(ask, running_server, sample_bytes):
    written = {"id": "t", "from_name": "prompt", "to_name": "image", "type": "textarea", "value": {"text": ["cup, spoon"]}}
    results = ask([written], path="/label-studio/words")
    assert masks_of(results) == expected(running_server, sample_bytes, Prompt.text("cup", "spoon"), model="words")
    assert [each["value"]["brushlabels"] for each in results] == [["Cup"], ["Spoon"]]


def test_a_batch_has_an_entry_for_each_task(client, address, running_server, sample_bytes):
    tasks = [
        {"id": 1, "data": {"image": address}},
        {"id": 2, "data": {"image": "s3://bucket/a.jpg"}},
        {"id": 3, "data": {"image": address}},
    ]
    asked = {"tasks": tasks, "project": "1.1", "label_config": config("BrushLabels"), "params": {"context": None}}
    answer = client.post("/label-studio/words/predict", json=asked).json()
    first, second, third = answer["results"]
    assert masks_of(first["result"]) == expected(running_server, sample_bytes, Prompt.text("cup", "spoon"), model="words")
    assert [each["value"]["brushlabels"] for each in first["result"]] == [["Cup"], ["Spoon"]]
    assert "result" not in second  # Label Studio leaves a task without a prediction when there is no result.
    assert "pre-signed" in second["error"]
    assert (first["model_version"], first["score"]) == ("words", third["score"])


def test_a_model_that_detects_nothing_predicts_nothing_unless_everything_is_asked_for(client, ask, running_server, sample_bytes):
    assert ask(None) == []
    setup = {"project": "3.1", "schema": config("BrushLabels"), "extra_params": '{"everything": 4}'}
    assert client.post("/setup", json=setup).status_code == 200
    found = ask(None, project="3.1")
    assert masks_of(found) == expected(running_server, sample_bytes, Prompt.everything(4))
    assert {tuple(each["value"]["brushlabels"]) for each in found} == {()}


@pytest.mark.parametrize(
    ("drawn", "told"),
    [
        ([{**click(300, 200), "original_width": 64}], "the region is of an image that is 64 wide and 400 high"),
        ([result("keypoint", {"x": 300.0, "y": 200.0, "width": 1.0})], "x is a percentage of the image from 0 to 100, got 300.0"),
        ([result("keypoint", {"x": "a", "y": None, "width": 1.0})], "x is a percentage"),
        ([result("brush", {"format": "rle", "rle": [0, 1, 2]})], "run lengths of Label Studio"),
        ([{**click(300, 200), "item_index": 4}], "what was drawn lies on one of 1 images"),
    ],
)
def test_what_cannot_be_used_is_told(client, address, drawn, told):
    asked = {"tasks": [{"data": {"image": address}}], "label_config": config("BrushLabels"), "params": {"context": {"result": drawn}}}
    answer = client.post("/predict", json=asked)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"params": {"context": {"result": [click(300, 200)] * 300}}}, 413),
        ({"tasks": [{}] * 1001}, 413),
        ({"tasks": [{"data": {"image": 3}}]}, 422),
        ({"tasks": [{"data": {"image": "s3://bucket/a.jpg"}}]}, 403),
        ({"tasks": [{"data": {"image": "/data/upload/1/a.jpg"}}], "project": "never connected"}, 422),
        ({"params": {"context": {"result": [{"value": []}, {"type": 3, "value": {"text": [1, None]}}]}}}, 200),
        ({"params": {"context": {"result": [3]}}}, 422),
    ],
)
def test_requests_are_bounded_and_fail_with_their_status(client, address, more, status):
    asked = {
        "tasks": [{"data": {"image": address}}],
        "label_config": config("BrushLabels"),
        "params": {"context": {"result": [click(3, 2)]}},
    }
    assert client.post("/predict", json={**asked, **more}).status_code == status


def test_it_connects_as_a_backend(client):
    assert client.get("/health").json()["status"] == "UP"
    assert client.get("/label-studio/words/health").json()["status"] == "UP"
    assert client.get("/versions").json() == {"versions": ["mini-sam", "words"]}
    setup = {
        "project": "4.1700000000",
        "schema": config("BrushLabels"),
        "hostname": "http://localhost:8080",
        "access_token": "0123",
        "extra_params": None,
    }
    assert client.post("/setup", json=setup).json() == {"model_version": "mini-sam"}
    assert client.post("/validate", json={"config": config("BrushLabels")}).json() == {"status": "ok"}
    assert client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 4}}).status_code == 201
    assert client.post("/train", json={"annotations": [], "project": "4.1700000000"}).status_code == 201


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"extra_params": {"model": "other"}}, 404),
        ({"extra_params": {"answer": "cube"}}, 422),
        ({"extra_params": "[" * 100_000}, 422),
        ({"schema": '<View><Text name="t" value="$t"/></View>'}, 422),
        ({"schema": "<View>"}, 422),
    ],
)
def test_a_connection_that_cannot_work_is_refused(client, more, status):
    assert client.post("/setup", json={"project": "5.1", "schema": config("BrushLabels"), **more}).status_code == status


def _unpacked(packed):
    """Return the values of a stroke by its public format: see `promptseg.datasets.formats.label_studio.brush`."""
    bits = "".join(f"{byte:08b}" for byte in packed)
    at, count, widths = 53, int(bits[:32], 2), [int(bits[37 + 4 * k : 41 + 4 * k], 2) + 1 for k in range(4)]
    values = []
    while len(values) < count:
        repeated, width = bits[at] == "1", widths[int(bits[at + 1 : at + 3], 2)]
        length = int(bits[at + 3 : at + 3 + width], 2) + 1
        assert repeated
        values += [int(bits[at + 3 + width : at + 11 + width], 2)] * length
        at += 11 + width
    return values
