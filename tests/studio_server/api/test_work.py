"""Suggestions, exports, imports, encoding ahead and code, as the page asks for them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from fake_pipelines import built, detections
from promptseg import Mask
from promptseg.pipeline import BuiltPipeline
from promptseg.studio_server.image_list import key_of
from promptseg.studio_server.project import open_project
from promptseg.testing import FakeDetector, FakeSegmenter
from running_studio import running_studio

SIZE = (40, 60)
NAMES = ("a.png", "b.png", "c.png")
KEYS = [key_of(name) for name in NAMES]
ODD = os.fsdecode(b"br\xf6ken.png"), os.fsdecode(b"caf\xe9.png")
FOUND = detections(("cup", (5, 5, 25, 25), 0.9), ("spoon", (30, 5, 50, 35), 0.5))


@contextlib.contextmanager
def opened(tmp_path, *further, model=None):
    (folder := tmp_path / "photos").mkdir()
    for name in further:
        (folder / name).write_bytes(b"no image")
    for number, name in enumerate(NAMES):
        Image.fromarray(np.full((*SIZE, 3), 40 * number, np.uint8)).save(folder / name)
    (tmp_path / "server").mkdir()
    with (
        open_project(folder, tmp_path / "out") as project,
        running_studio(project, {"fake": model or built(FOUND)}, tmp_path / "server") as running,
    ):
        yield running


@pytest.fixture
def studio(tmp_path):
    with opened(tmp_path) as running:
        yield running


def drawn(uid="mine", **changes):
    pixels = np.zeros(SIZE, bool)
    pixels[10:30, 5:25] = True
    return {"uid": uid, "label": "cup", "mask": Mask.from_array(pixels).to_coco_rle(), **changes}


def put(studio, name, *objects, state=None):
    version = studio.project.summary(key_of(name)).version
    body = {"version": version, "change": {"put": list(objects), "state": state}}
    answer = studio.client.post(f"/v1/studio/images/{key_of(name)}/changes", json=body)
    assert answer.status_code == 200, answer.text


def test_suggestions_are_made_for_what_is_new(studio):
    put(studio, "b.png", drawn())
    done = studio.result(studio.client.post("/v1/studio/suggest", json={"prompts": [{"text": ["cup"]}]}))
    assert done == {"images": 2, "objects": 2, "left_alone": 0, "failed": {}}
    listed = studio.client.get("/v1/studio/images").json()["images"]
    assert [(each["state"], each["objects"]) for each in listed] == [("suggested", 1), ("started", 1), ("suggested", 1)]
    assert [each["doubt"] is None for each in listed] == [False, True, False]
    (found,) = studio.client.get(f"/v1/studio/images/{KEYS[0]}").json()["document"]["objects"]
    assert (found["source"], found["label"], found["prompts"]) == ("suggestion", "cup", [{"text": ["cup"]}])


def test_without_prompts_the_detector_finds_its_classes(studio):
    assert studio.result(studio.client.post("/v1/studio/suggest", json={"keys": KEYS[:1], "threshold": 0.6}))["objects"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"prompts": [{"text": ["cup"]}], "keys": ["0" * 16]}, 404),
        ({"prompts": [{"concept": {"examples": [{"prompt": {"points": [[3, 4]]}}]}}]}, 422),
        ({"threshold": 2}, 422),
        ({"model": "unknown"}, 404),
    ],
)
def test_what_cannot_be_suggested_is_refused_at_once(studio, body, status):
    answer = studio.client.post("/v1/studio/suggest", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert {each.state for each in studio.project.summaries()} == {"new"}


class Closed(FakeDetector):
    """A detector that says which classes it knows."""

    @property
    def provenance(self):
        return replace(super().provenance, classes=("cup", "spoon"))


def test_a_phrase_beyond_the_detectors_classes_is_refused_before_the_job_with_the_nearest(tmp_path):
    config = built(FOUND).config
    with opened(tmp_path, model=BuiltPipeline(config, Closed(FOUND), FakeSegmenter())) as studio:
        answer = studio.client.post("/v1/studio/suggest", json={"prompts": [{"text": ["cup", "spoom"]}]})
        assert (answer.status_code, studio.client.get("/v1/jobs").json()["jobs"]) == (422, [])
        assert "'spoom' names none of the 2 classes of this detector. Similar classes: 'spoon'" in answer.json()["detail"]
        assert studio.result(studio.client.post("/v1/studio/suggest", json={"prompts": [{"text": ["cup"]}]}))["objects"] == 3


def test_an_export_is_written_and_can_be_downloaded(studio):
    put(studio, "a.png", drawn(), state="done")
    studio.result(studio.client.post("/v1/studio/suggest", json={}))
    done = studio.result(studio.client.post("/v1/studio/export", json={"formats": ["coco", "yolo"]}))
    assert [(each["format"], each["path"], each["images"]) for each in done["files"]] == [("coco", "coco.json", 1), ("yolo", "yolo", 1)]
    assert all(isinstance(line, str) for each in done["files"] for line in each["lost"])
    packed = zipfile.ZipFile(io.BytesIO(studio.client.get(done["download"]).content))
    assert packed.read("coco.json") == (studio.project.out / "coco.json").read_bytes()
    done = studio.result(studio.client.post("/v1/studio/export", json={"formats": ["coco"], "states": ["done", "suggested"]}))
    assert done["files"][0]["images"] == 3


@pytest.fixture
def studio_of_odd_names(tmp_path):
    with opened(tmp_path, *ODD) as running:
        shutil.copy(tmp_path / "photos" / "a.png", tmp_path / "photos" / ODD[1])
        yield running


def test_names_that_are_no_text_reach_the_page_as_text(studio_of_odd_names):
    studio, (broken, whole) = studio_of_odd_names, ODD
    keys = [key_of(broken), key_of(whole)]
    done = studio.result(studio.client.post("/v1/studio/suggest", json={"keys": keys}))
    assert list(done["failed"]) == ["br%F6ken.png"]
    done = studio.result(studio.client.post("/v1/studio/export", json={"formats": ["coco"], "states": ["suggested"]}))
    assert any("caf%E9.png" in line for line in done["files"][0]["lost"])
    content = (studio.project.out / "coco.json").read_bytes().replace(b'"iscrowd": 0', b'"iscrowd": 1', 1)
    refused = studio.client.post("/v1/studio/import", content=content)
    assert (refused.status_code, "caf%E9.png" in refused.json()["detail"]) == (409, True)
    code = studio.client.post("/v1/studio/code", json={"key": keys[1], "prompts": [{"points": [[3, 4]]}]}).json()
    assert "caf\\udce9.png" in code["python"]
    assert r"caf\351.png" in code["command"]


@pytest.mark.parametrize("body", [{"formats": []}, {"formats": ["cocoo"]}, {"formats": ["coco"], "states": ["unknown"]}])
def test_what_cannot_be_exported_is_refused_at_once(studio, body):
    assert studio.client.post("/v1/studio/export", json=body).status_code == 422


def test_there_is_no_such_download(studio):
    assert studio.client.get(f"/v1/studio/exports/{'0' * 32}").status_code == 404


def test_what_was_exported_is_imported_again(studio):
    put(studio, "a.png", drawn())
    studio.result(studio.client.post("/v1/studio/export", json={"formats": ["cvat"]}))
    content = (studio.project.out / "cvat.xml").read_bytes()
    answer = studio.client.post("/v1/studio/import", params={"name": "cvat.xml"}, content=content)
    assert answer.status_code == 409
    assert answer.json()["title"] == "There are objects already"
    done = studio.client.post("/v1/studio/import", params={"name": "cvat.xml", "mode": "add"}, content=content).json()
    name = done.pop("name")
    assert done == {"images": 1, "objects": 1, "problems": []}
    assert [each.source for each in studio.project.document(KEYS[0]).objects] == ["hand", "import"]
    assert studio.client.post("/v1/studio/import", params={"format": "cocoo"}, content=b"{}").status_code == 422
    undone = studio.client.delete(f"/v1/studio/imports/{name}").json()
    assert undone == {"images": 1, "removed": 1, "restored": 0, "kept": 0}
    assert [each.source for each in studio.project.document(KEYS[0]).objects] == ["hand"]
    assert studio.client.delete(f"/v1/studio/imports/{name}").status_code == 404


def test_images_are_encoded_ahead(studio):
    assert studio.client.post(f"/v1/studio/images/{KEYS[1]}/ahead").status_code == 202
    assert studio.client.post(f"/v1/studio/images/{'0' * 16}/ahead").status_code == 404


def test_code_of_an_object_is_that_of_its_prompts(studio):
    clicked = {"points": [[12, 14.5]], "foreground": [True]}
    put(studio, "a.png", drawn(prompts=[clicked]), drawn("drawn"))
    code = studio.client.post("/v1/studio/code", json={"key": KEYS[0], "object": "mine"}).json()
    assert "ps.Prompt.point(12, 14.5)" in code["python"]
    assert str(studio.project.image(KEYS[0]).path) in code["command"]
    same = studio.client.post("/v1/studio/code", json={"key": KEYS[0], "prompts": [clicked]}).json()
    assert (same["command"], same["exact"], code["exact"]) == (code["command"], None, False)
    (note,) = (line for line in code["python"].splitlines(keepends=True) if line.startswith("# "))
    assert "The object has another mask now" in note  # It was drawn.
    assert code["python"].replace(note, "") == same["python"]
    assert studio.client.post("/v1/studio/code", json={"key": KEYS[0], "object": "drawn"}).status_code == 422
    assert studio.client.post("/v1/studio/code", json={"key": KEYS[0], "object": "unknown"}).status_code == 404


def test_code_of_a_candidate_that_was_chosen_picks_that_one(studio):
    opened = studio.client.get(f"/v1/studio/images/{KEYS[0]}").json()
    clicked = {"points": [[20, 20]], "foreground": [True]}
    body = {"image": {"id": opened["image"]}, "prompts": [clicked]}
    selected = studio.client.post("/v1/segment", json=body).json()["masks"][0]
    masks = studio.client.post("/v1/segment", json={**body, "candidates": True}).json()["masks"]
    told = {}
    for index, mask in enumerate(masks):
        put(studio, "a.png", drawn("chosen", mask=mask["segmentation"], prompts=[clicked]))
        code = studio.client.post("/v1/studio/code", json={"key": KEYS[0], "object": "chosen"}).json()
        told[index] = f"result.masks[{index}]" in code["python"], "--candidates" in code["command"], code["exact"]
        assert told[index][0] == (mask["segmentation"] != selected["segmentation"])
    assert set(told.values()) == {(True, True, True), (False, False, True)}
    put(studio, "a.png", drawn("chosen", prompts=[clicked]))
    assert studio.client.post("/v1/studio/code", json={"key": KEYS[0], "object": "chosen"}).json()["exact"] is False


@pytest.mark.parametrize(
    ("clicked", "written"),
    [
        ([20.300001, 19.700001], "(20.3, 19.7)"),
        ([20.000001, 19.999999], "(20.000002, 19.999998)"),  # At 20, 20 the disk of the fake has other pixels on its edge.
    ],
)
def test_code_has_short_coordinates_where_they_give_the_same_mask(clicked, written, studio):
    opened = studio.client.get(f"/v1/studio/images/{KEYS[0]}").json()
    prompt = {"points": [clicked], "foreground": [True]}
    (found,) = studio.client.post("/v1/segment", json={"image": {"id": opened["image"]}, "prompts": [prompt]}).json()["masks"]
    put(studio, "a.png", drawn("clicked", mask=found["segmentation"], prompts=[prompt]))
    code = studio.client.post("/v1/studio/code", json={"key": KEYS[0], "object": "clicked"}).json()
    assert f"ps.Prompt.point{written}" in code["python"]
    assert code["exact"] is True


def test_code_names_the_images_of_examples(studio):
    opened = studio.client.get(f"/v1/studio/images/{KEYS[1]}").json()
    example = {"prompt": {"box": [1, 2, 10, 20]}, "image": {"id": opened["image"]}}
    body = {"key": KEYS[0], "prompts": [{"concept": {"examples": [example]}}]}
    assert repr(str(studio.project.image(KEYS[1]).path)) in studio.client.post("/v1/studio/code", json=body).json()["python"]
    example["image"] = {"id": "0" * 64}
    assert studio.client.post("/v1/studio/code", json=body).status_code == 404


def test_true_masks_come_with_the_image(studio, tmp_path):
    from promptseg.datasets.reading import open_named
    from promptseg.studio_server.truth import Truth

    put(studio, "a.png", drawn())
    studio.result(studio.client.post("/v1/studio/export", json={"formats": ["coco"]}))
    place, images = f"coco={studio.project.out / 'coco.json'}", tmp_path / "photos"
    studio.project.truth = Truth.open(place, images)
    truth = studio.client.get(f"/v1/studio/images/{KEYS[0]}").json()["truth"]
    (image,) = open_named(place, images)
    assert truth == [{"label": each.label, "mask": json.loads(json.dumps(each.mask.to_coco_rle()))} for each in image.objects]
    assert studio.client.get(f"/v1/studio/images/{KEYS[1]}").json()["truth"] == []
