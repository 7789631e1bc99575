"""samapi's protocol. QuPath cannot be run here, so the requests are those that its extension (0.9) and samapi (0.7) define in their source:

``SAMPromptParameters``, ``SAM3PromptParameters``, ``SAMAutoMaskParameters``, ``SAM2VideoPromptParameters`` and ``SAMSequenceTask`` of the
extension, ``SAMBody``, ``SAMAutoMaskBody``, ``SAMVideoBody`` and ``video_upload`` of samapi. The answers are what the extension reads: an
array of GeoJSON features with ``object_idx`` and ``quality``.
"""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask, Prompt
from promptseg.masks import Polygon
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import ConceptStage, PipelineConfig
from promptseg.testing import FakeConceptSegmenter, FakeSegmenter
from running_server import running

from .conftest import moving_tracker

httpx = pytest.importorskip("httpx2")

SIZE = (400, 600)
FRAME = (60, 80)


@pytest.fixture(scope="module")
def post(running_server, sample_bytes):
    image = base64.b64encode(sample_bytes).decode()

    def post(path="", **body):
        body = {"type": "vit_t", "checkpoint_url": "promptseg:mini-sam", "b64img": image, **body}
        return httpx.post(f"{running_server.url}/sam/{path}", json=body, timeout=60)

    return post


@pytest.fixture
def videos(video_server):
    with httpx.Client(base_url=f"{video_server.url}/sam", timeout=60) as client:
        yield client


def mask_of(feature, size=SIZE):
    """Return the mask of a feature, whose rings are closed and simple."""
    assert feature["type"] == "Feature"
    kind, parts = feature["geometry"]["type"], feature["geometry"]["coordinates"]
    parts = [parts] if kind == "Polygon" else parts
    assert len(parts) > (0 if kind == "Polygon" else 1)
    for ring in (ring for part in parts for ring in part):
        assert ring[0] == ring[-1]
        assert len({tuple(corner) for corner in ring}) == len(ring) - 1
    return Mask.from_polygons([Polygon(np.array(part[0]), tuple(np.array(hole) for hole in part[1:])) for part in parts], size)


def features_of(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def frame(value, kind="JPEG"):
    file = io.BytesIO()
    Image.fromarray(np.full((*FRAME, 3), value, np.uint8)).save(file, kind)
    return file.getvalue()


BOX = [170, 40, 430, 300]


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ({"bbox": BOX, "multimask_output": False}, Prompt.box(*BOX)),
        (
            {"point_coords": [[20, 20], [300, 200]], "point_labels": [0, 1], "multimask_output": False},
            Prompt.point(20, 20, False) + Prompt.point(300, 200),
        ),
        (
            {"bbox": BOX, "point_coords": [[20, 20]], "point_labels": [0], "b64mask": None},
            Prompt.box(*BOX) + Prompt.point(20, 20, False),
        ),
    ],
    ids=["box", "points", "box-and-point"],
)
def test_features_are_the_masks_of_the_python_call(post, running_server, sample_bytes, body, prompt):
    (expected,) = running_server.pipelines["mini-sam"](sample_bytes, prompt).masks
    (feature,) = features_of(post(**body))
    assert mask_of(feature).counts == expected.counts
    assert feature["properties"] == {"object_idx": 0, "label": "object", "quality": expected.score, "sam_model": "mini-sam"}


def test_several_masks_are_the_candidates_each_with_its_quality(post, running_server, sample_bytes):
    expected = running_server.pipelines["mini-sam"](sample_bytes, Prompt.point(300, 200), candidates=True).masks
    features = features_of(post(point_coords=[[300, 200]], point_labels=[1], multimask_output=True))
    assert len(features) > 1
    assert [(mask_of(each).counts, each["properties"]["quality"]) for each in features] == [(mask.counts, mask.score) for mask in expected]
    assert [each["properties"]["object_idx"] for each in features] == list(range(len(features)))


def test_an_earlier_mask_is_a_prompt(post, running_server, sample_bytes):
    earlier = running_server.pipelines["mini-sam"](sample_bytes, Prompt.box(*BOX)).masks[0]
    file = io.BytesIO()
    Image.fromarray(earlier.array.astype(np.uint8) * 255).save(file, "PNG")
    (feature,) = features_of(post(bbox=BOX, b64mask=base64.b64encode(file.getvalue()).decode()))
    (expected,) = running_server.pipelines["mini-sam"](sample_bytes, Prompt.box(*BOX) + Prompt.mask(earlier.array)).masks
    assert mask_of(feature).counts == expected.counts


def test_everything_is_found_with_the_settings_of_the_menu(post, running_server, sample_bytes):
    asked = {"points_per_side": 3, "pred_iou_thresh": 0.5, "stability_score_thresh": 0.5}
    unused = {"points_per_batch": 64, "output_type": "Multi-mask (all)", "include_image_edge": False}
    prompt = Prompt.everything(3, pred_iou_thresh=0.5, stability_score_thresh=0.5)
    expected = running_server.pipelines["mini-sam"](sample_bytes, prompt).masks
    features = features_of(post("automask/", **asked, **unused))
    assert [mask_of(feature).counts for feature in features] == [mask.counts for mask in expected if mask.area]


def test_text_and_examples_find_every_object(post, running_server, sample_bytes):
    words = {"type": "sam3", "checkpoint_url": "promptseg:words", "positive_bboxes": [], "negative_bboxes": [], "reset_prompts": True}
    (feature,) = features_of(post("sam3/", **words, text_prompt="cup", confidence_threshold=0.0))
    assert mask_of(feature).counts == running_server.pipelines["words"](sample_bytes, Prompt.text("cup")).masks[0].counts
    assert feature["properties"]["label"] == "cup"
    assert features_of(post("sam3/", **words, text_prompt="cup", confidence_threshold=1.0)) == []
    example = Prompt.example(None, Prompt.box(170, 40, 430, 300))
    expected = running_server.pipelines["mini-sam"](sample_bytes, example).masks
    features = features_of(post("sam3/", positive_bboxes=[[170, 40, 260, 260]], text_prompt="", confidence_threshold=0.0))
    assert [mask_of(each).counts for each in features] == [mask.counts for mask in expected if mask.area]


def test_a_model_is_chosen_by_its_weights_or_its_type(running_server, post):
    weights = httpx.get(f"{running_server.url}/sam/weights/?type=vit_t").json()
    assert weights == [{"type": "vit_t", "name": name, "url": f"promptseg:{name}"} for name in ("mini-sam", "words")]
    for choice in ({"checkpoint_url": "promptseg:words"}, {"type": "words", "checkpoint_url": None}):
        assert features_of(post(bbox=BOX, **choice))[0]["properties"]["sam_model"] == "words"
    for choice in ({"type": "vit_h"}, {"type": None}, {"checkpoint_url": "https://example.org/sam_vit_h.pth"}):
        assert features_of(post(bbox=BOX, **{"checkpoint_url": None, **choice}))[0]["properties"]["sam_model"] == "mini-sam"
    assert post(bbox=BOX, checkpoint_url="promptseg:no-such").status_code == 404


def test_weights_are_not_fetched(running_server):
    body = {"type": "vit_t", "name": "mine", "url": "http://127.0.0.1:9/mine.pth"}
    assert httpx.post(f"{running_server.url}/sam/weights/", json=body).status_code == 403
    assert httpx.get(f"{running_server.url}/sam/progress/").json() == {"message": None, "percent": -1}
    assert httpx.get(f"{running_server.url}/sam/weights/cancel/").status_code == 200
    assert httpx.get(f"{running_server.url}/sam/version/").text.startswith("0.7.0+promptseg.")


@pytest.mark.parametrize("axes", ["XYT", "XYZ"])
def test_objects_are_tracked_through_uploaded_frames_forward_and_back(videos, video_server, axes):
    folder = "6fa459ea-ee8a-3ca3-894e-db77e160355e"
    for index in (3, 0, 4, 1, 2):  # The extension sends them at once, so in any order.
        form = {"data": {"dirname": folder}, "files": {"file": (f"{index}.jpg", frame(40 * index), "image/jpeg")}}
        assert videos.post("/upload/", **form).json() == {"filename": f"{index}.jpg"}
    objects = {"2": [{"obj_id": 0, "bbox": [20, 20, 40, 40]}], "3": [{"obj_id": 5, "point_coords": [[50, 30]], "point_labels": [1]}]}
    body = {"type": "sam2_t", "dirname": folder, "axes": axes, "plane_position": 7, "start_frame_idx": 0, "objs": objects}
    features = features_of(videos.post("/video/", json=body))
    tracked = moving_tracker().open([np.zeros((*FRAME, 3), np.uint8)] * 5)
    tracked.add(2, 0, Prompt.box(20, 20, 40, 40))
    tracked.add(3, 5, Prompt.point(50, 30))
    expected = {}
    for masks in (*tracked.propagate(start=2), *tracked.propagate(start=3, reverse=True)):
        for number, mask in zip(masks.object_ids, masks.masks, strict=True):
            expected.setdefault((masks.frame, number), mask.counts)
    own, other = ("t", "z") if axes == "XYT" else ("z", "t")
    found = {(each["geometry"]["plane"][own], each["properties"]["object_idx"]): mask_of(each, FRAME).counts for each in features}
    assert found == expected
    assert len(found) == 10
    assert {(each["geometry"]["plane"]["c"], each["geometry"]["plane"][other]) for each in features} == {(-1, 7)}
    assert video_server.service.frames.nbytes == 0
    assert len(video_server.service.videos) == 0
    assert videos.post("/video/", json=body).status_code == 404


def concept_video(videos, objs, count=4, **more):
    frames = [base64.b64encode(frame(40 * index, "PNG")).decode() for index in range(count)]
    return videos.post("/sam3video/", json={"type": "sam3", "b64imgs": frames, "objs": objs, **more})


def tracked_squares(boxes, first=1, count=4):
    """Return what the tracker of the server makes of squares on a frame: run lengths by frame and number."""
    tracked = moving_tracker().open([np.zeros((*FRAME, 3), np.uint8)] * count)
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        inside = np.zeros(FRAME, bool)
        inside[y0:y1, x0:x1] = True
        tracked.add(first, number, Prompt.mask(inside))
    found = {}
    for masks in (*tracked.propagate(start=first), *tracked.propagate(start=first, reverse=True)):
        for number, mask in zip(masks.object_ids, masks.masks, strict=True):
            found.setdefault((masks.frame, number), mask.counts)
    return found


def found_squares(answer):
    return {(each["geometry"]["plane"]["t"], each["properties"]["object_idx"]): mask_of(each, FRAME).counts for each in features_of(answer)}


def test_what_a_text_names_is_tracked_from_the_frame_where_it_is_asked_for(videos, video_server):
    answer = concept_video(videos, {"1": [{"obj_id": 0, "text": "square"}, {"obj_id": 1, "text": "square"}], "3": []})
    assert found_squares(answer) == tracked_squares([(20, 20, 40, 40)])
    assert video_server.service.frames.nbytes == 0
    assert len(video_server.service.videos) == 0


def test_examples_of_any_frame_show_what_is_tracked_and_visual_is_no_text(tmp_path):
    finder = FakeConceptSegmenter({"square": [(20, 20, 40, 40)]})
    config = PipelineConfig(concept=ConceptStage(model="fake"))
    pipeline = BuiltPipeline(config, segmenter=FakeSegmenter(), concept_segmenter=finder)
    objs = {
        "1": [{"text": "visual", "boxes_xywh": [[10, 10, 15, 15]], "box_labels": [1]}],
        "3": [{"text": "", "boxes_xywh": [[50, 5, 20, 10]], "box_labels": [1]}],
    }
    with (
        running({"fake": pipeline}, folder=tmp_path, tracker=lambda _: moving_tracker()) as server,
        httpx.Client(base_url=f"{server.url}/sam", timeout=60) as client,
    ):
        found = found_squares(concept_video(client, objs))
    assert found == tracked_squares([(10, 10, 25, 25), (50, 5, 70, 15)])


def test_few_frames_both_ways_may_be_asked_for(videos):
    answer = concept_video(videos, {"1": [{"text": "square"}]}, 6, start_frame_idx=2, max_frame_num_to_track=1)
    assert sorted(at for at, _ in found_squares(answer)) == [1, 2, 3]


def test_a_text_that_finds_nothing_gives_nothing(videos):
    assert features_of(concept_video(videos, {"1": [{"text": "circle"}]})) == []


@pytest.mark.parametrize(
    ("objs", "status", "told"),
    [
        ({}, 422, "objs"),
        ({"1": [{"text": "visual"}]}, 422, "an object has a text, or boxes_xywh"),
        ({"1": [{"boxes_xywh": [[1, 1, 5, 5]], "box_labels": []}]}, 422, "the same number"),
        ({"1": [{"boxes_xywh": [[1, 1, 0, 5]], "box_labels": [1]}]}, 422, "x0 < x1"),
        ({"9": [{"text": "square"}]}, 404, "no frame 9"),
    ],
)
def test_kinds_that_cannot_be_used_are_told_and_nothing_is_left(videos, video_server, objs, status, told):
    answer = concept_video(videos, objs)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["detail"]
    assert (video_server.service.frames.nbytes, len(video_server.service.videos)) == (0, 0)


def test_frames_may_come_along_and_tracking_may_end_early(videos):
    frames = [base64.b64encode(frame(40 * index, "PNG")).decode() for index in range(4)]
    body = {"b64imgs": frames, "start_frame_idx": 1, "max_frame_num_to_track": 1, "objs": {"1": [{"obj_id": 0, "bbox": [20, 20, 40, 40]}]}}
    assert [each["geometry"]["plane"]["t"] for each in features_of(videos.post("/video/", json=body))] == [1, 2]


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("", {}, 422, "bbox"),
        ("", {"bbox": [1, 2, 3]}, 422, "bbox"),
        ("", {"bbox": [5, 5, 5, 9]}, 422, "x0 < x1"),
        ("", {"point_coords": [[3, 3]], "point_labels": []}, 422, "same number"),
        ("", {"bbox": BOX, "b64img": "!!"}, 422, "base64"),
        ("", {"bbox": BOX, "b64mask": "aGVsbG8="}, 422, "image"),
        ("automask/", {"points_per_side": 1000}, 422, "points_per_side"),
        ("sam3/", {}, 422, "text_prompt"),
        ("video/", {"objs": {"0": [{"bbox": BOX}]}}, 422, "dirname"),
        ("video/", {"objs": {}, "dirname": "x"}, 422, "objs"),
        ("video/", {"objs": {"0": [{"bbox": BOX}]}, "dirname": "../images"}, 404, "send them again"),
        ("video/", {"objs": {"9": [{"bbox": [20, 20, 40, 40]}]}, "b64imgs": ["IMAGE"]}, 422, "frame"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_is_left(post, running_server, path, body, status, told):
    if body.get("b64imgs"):
        body = {**body, "b64imgs": [base64.b64encode(frame(3)).decode()]}
    answer = post(path, **body)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["detail"]
    assert running_server.service.frames.nbytes == 0


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"data": {"dirname": "a"}}, 400),
        ({"files": {"file": ("0.jpg", b"x", "image/jpeg")}}, 400),
        ({"data": {"dirname": "a"}, "files": {"file": ("0.jpg", b"no image", "image/jpeg")}}, 422),
        ({"data": {"dirname": "../../a"}, "files": {"file": ("../../.x", frame(1), "image/jpeg")}}, 400),
        ({"content": b"no form", "headers": {"Content-Type": "multipart/form-data"}}, 400),
    ],
)
def test_an_upload_is_an_image_under_a_plain_name(videos, video_server, form, status):
    assert videos.post("/upload/", **form).status_code == status
    assert video_server.service.frames.nbytes == 0
