"""A video in the studio over HTTP: a frame is worked on as an image is, tracking is watched, and what was kept is exported."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from paint_segmenter import GREEN, RED, PaintSegmenter, painted
from promptseg import Mask, Pipeline
from promptseg.pipeline import BuiltPipeline
from running_server import serving

httpx = pytest.importorskip("httpx2")

SIZE = (96, 128)
COUNT = 8
SIDE = 24


def red_x(frame):
    return 20 + 4 * frame


@pytest.fixture
def clip(tmp_path):
    """A folder of frames: a red square moves to the right by 4 pixels a frame, a green one stands still."""
    (tmp_path / "clip").mkdir()
    for index in range(COUNT):
        image = painted((red_x(index), 20, SIDE, RED), (90, 64, 20, GREEN), size=SIZE)
        Image.fromarray(image).save(tmp_path / "clip" / f"{index:03}.png")
    return tmp_path / "clip"


@pytest.fixture
def studio(clip, tmp_path):
    """A client of a running studio of the clip, with its project as `studio.project`."""
    from promptseg.server.engine import LocalEngine
    from promptseg.studio_server.access import Access
    from promptseg.studio_server.app import settings_for
    from promptseg.studio_server.video.app import create_video_studio
    from promptseg.studio_server.video.project import open_video_project

    (tmp_path / "server").mkdir()
    with open_video_project(clip, tmp_path / "out", ["cat"]) as project:
        access = Access(project.own)
        config = Pipeline().segment("mini-sam").config
        engine = LocalEngine({"paint": BuiltPipeline(config, segmenter=PaintSegmenter())}, folder=tmp_path / "server")
        settings = settings_for(access, "127.0.0.1", 0)
        app = create_video_studio(engine, project, access, settings, tmp_path / "server")
        headers = {"Authorization": f"Bearer {access.secret}"}
        with serving(app, settings) as (url, _), httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            client.project = project
            yield client


def key(frame):
    return f"{frame:016x}"


def rle(x, y=20, side=SIDE):
    pixels = np.zeros(SIZE, bool)
    pixels[y : y + side, x : x + side] = True
    return Mask.from_array(pixels).to_coco_rle()


def put(client, frame, *objects, version=None, remove=()):
    """Change the objects on a frame, as the page does."""
    opened = client.get(f"/v1/studio/images/{key(frame)}").json()
    body = {"version": opened["document"]["version"] if version is None else version, "change": {"put": objects, "remove": remove}}
    return client.post(f"/v1/studio/images/{key(frame)}/changes", json=body)


def wait(client, job):
    """Wait for the end of a job, and return it."""
    with client.stream("GET", f"/v1/jobs/{job['id']}/events") as answer:
        *_, last = (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))
    return last


def track(client, frame, **body):
    answer = client.post("/v1/studio/video/track", json={"frame": frame, **body})
    assert answer.status_code == 202, answer.text
    return wait(client, answer.json())


def test_the_project_tells_that_it_is_a_video(studio):
    told = studio.get("/v1/studio").json()
    assert (told["kind"], told["name"], [label["name"] for label in told["labels"]]) == ("video", "clip", ["cat"])
    assert [each["name"] for each in told["formats"][:2]] == ["track", "coco"]
    video = studio.get("/v1/studio/video").json()
    assert {name: video[name] for name in ("width", "height", "frames", "objects", "tracking")} == {
        "width": 128,
        "height": 96,
        "frames": COUNT,
        "objects": [],
        "tracking": None,
    }
    assert studio.get("/v1/studio/images").json() == {"images": []}


def test_a_frame_is_segmented_like_an_image_and_its_mask_is_a_keyframe(studio):
    opened = studio.get(f"/v1/studio/images/{key(2)}").json()
    body = {"image": {"id": opened["image"]}, "prompts": [{"points": [[red_x(2) + 5, 25]]}]}
    (found,) = studio.post("/v1/segment", json=body).json()["masks"]
    answer = put(studio, 2, {"uid": "cat", "label": "cat", "mask": found["segmentation"], "source": "model", "prompts": body["prompts"]})
    assert answer.json() == {"version": 1, "document": None}
    (kept,) = studio.get(f"/v1/studio/images/{key(2)}").json()["document"]["objects"]
    assert (kept["label"], kept["source"], kept["prompts"], kept["mask"]) == ("cat", "model", body["prompts"], rle(red_x(2)))
    (told,) = studio.get("/v1/studio/video").json()["objects"]
    assert (told["number"], told["runs"], told["keys"]) == (1, [[2, 3, 1]], [2])


def test_tracking_is_watched_frame_by_frame_and_its_masks_are_suggestions(studio):
    put(studio, 0, {"uid": "red", "mask": rle(red_x(0))})
    with studio.stream("GET", "/v1/studio/events") as events:
        lines = (json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: "))
        assert track(studio, 0)["state"] == "done"
        told = []
        for event in lines:
            told.append(event)
            if event["type"] == "video":
                break
    assert [event["frame"] for event in told[:-1]] == list(range(1, COUNT))
    assert told[2]["objects"][0]["segmentation"] == rle(red_x(3))
    assert studio.get("/v1/studio/video").json()["objects"][0]["runs"] == [[0, COUNT, 1]]
    (found,) = studio.get(f"/v1/studio/images/{key(5)}").json()["document"]["objects"]
    assert (found["source"], found["mask"]) == ("suggestion", rle(red_x(5)))
    masks = studio.get("/v1/studio/video/masks", params={"start": 3, "stop": 6}).json()["frames"]
    assert [(each["frame"], each["objects"][0]["kind"]) for each in masks] == [(3, "seen"), (4, "seen"), (5, "seen")]


def test_a_label_is_of_the_object_on_all_frames_and_makes_no_keyframe(studio):
    put(studio, 0, {"uid": "red", "mask": rle(red_x(0))})
    track(studio, 0)
    (found,) = studio.get(f"/v1/studio/images/{key(4)}").json()["document"]["objects"]
    put(studio, 4, {**found, "label": "car"})
    (told,) = studio.get("/v1/studio/video").json()["objects"]
    assert (told["label"], told["keys"]) == ("car", [0])
    assert [label["name"] for label in studio.get("/v1/studio").json()["labels"]] == ["cat", "car"]


def test_to_remove_an_object_from_a_frame_leaves_it_on_the_others(studio):
    put(studio, 0, {"uid": "red", "mask": rle(red_x(0))})
    track(studio, 0, frames=2)
    put(studio, 1, remove=["red"])
    (told,) = studio.get("/v1/studio/video").json()["objects"]
    assert (told["runs"], told["gone"]) == ([[0, 1, 1], [1, 2, 4], [2, 3, 1]], [1])
    put(studio, 0, remove=["red"])
    put(studio, 2, remove=["red"])
    assert studio.get("/v1/studio/video").json()["objects"] == []


def test_another_page_is_refused_with_the_objects_as_they_are(studio):
    put(studio, 0, {"uid": "red", "mask": rle(red_x(0))})
    put(studio, 0, {"uid": "red", "mask": rle(30)})
    answer = put(studio, 0, {"uid": "red", "mask": rle(50)}, version=1)
    assert answer.status_code == 409
    assert answer.json()["document"]["objects"][0]["mask"] == rle(30)
    merged = put(studio, 0, {"uid": "blue", "mask": rle(60)}, version=1).json()
    assert [each["uid"] for each in merged["document"]["objects"]] == ["red", "blue"]


def test_keyframes_on_several_frames_are_changed_as_a_whole(studio):
    objects = [{"uid": "red", "label": "cat"}]
    keys = [{"frame": frame, "uid": "red", "mask": rle(red_x(frame))} for frame in (0, 5)]
    body = {"version": 0, "objects": objects, "keys": [*keys, {"frame": 7, "uid": "red", "mask": None}]}
    assert studio.post("/v1/studio/video/changes", json=body).json() == {"version": 1}
    (told,) = studio.get("/v1/studio/video").json()["objects"]
    assert (told["keys"], told["gone"]) == ([0, 5], [7])
    body = {"version": 1, "unkey": [{"frame": 5, "uid": "red"}], "keys": [{"frame": 99, "uid": "red", "mask": None}]}
    assert studio.post("/v1/studio/video/changes", json=body).status_code == 404
    assert studio.get("/v1/studio/video").json()["objects"][0]["keys"] == [0, 5]


def test_frames_are_jpeg_at_the_size_of_the_screen_and_exact_as_tiles_are_not_needed(studio):
    answer = studio.get("/v1/studio/video/frames/3", params={"width": 64})
    assert (answer.headers["content-type"], Image.open(io.BytesIO(answer.content)).size) == ("image/jpeg", (64, 48))
    assert answer.headers["cache-control"] == "no-store"
    assert "immutable" in studio.get("/v1/studio/video/frames/3", params={"v": "x"}).headers["cache-control"]
    tile = studio.get(f"/v1/studio/images/{key(3)}/tiles/0/0/0")
    assert Image.open(io.BytesIO(tile.content)).size == (128, 96)
    assert studio.get(f"/v1/studio/video/frames/{COUNT}").status_code == 404
    assert studio.get(f"/v1/studio/images/{key(3)}/tiles/0/1/0").status_code == 404


def test_one_job_tracks_at_a_time_and_is_stopped(studio):
    assert track(studio, 0)["error"].startswith("there is nothing to track on frame 0")
    put(studio, 0, {"uid": "red", "mask": rle(red_x(0))})
    first = studio.post("/v1/studio/video/track", json={"frame": 0}).json()
    second = studio.post("/v1/studio/video/track", json={"frame": 0})
    studio.delete(f"/v1/jobs/{first['id']}")
    assert second.status_code == 409 or wait(studio, second.json())["state"] == "done"  # The first may have ended already.
    assert studio.get("/v1/studio/video").json()["tracking"] is None


def test_the_files_of_track_and_frames_in_formats_of_images_are_exported(studio):
    put(studio, 1, {"uid": "red", "label": "cat", "mask": rle(red_x(1)), "attributes": {"age": "3"}})
    track(studio, 1, direction="both")
    job = studio.post("/v1/studio/export", json={"formats": ["track", "coco"], "states": ["done"]}).json()  # As the page does.
    assert wait(studio, job)["state"] == "done"
    done = studio.get(f"/v1/jobs/{job['id']}/result").json()
    assert [each["format"] for each in done["files"]] == ["track", "coco"]
    assert done["files"][0]["lost"] == ["1 attribute is not in the files: the format cannot hold them"]
    assert done["files"][1]["lost"] == []
    packed = zipfile.ZipFile(io.BytesIO(studio.get(done["download"]).content))
    tracks = json.loads(packed.read("track/masks.json"))
    assert [category["name"] for category in tracks["categories"]] == ["cat"]
    assert [sum(area is not None for area in each["areas"]) for each in tracks["annotations"]] == [COUNT]
    assert json.loads(packed.read("track/events.jsonl").splitlines()[0])["kind"] == "added"
    assert {f"track/labels/{frame:05}.png" for frame in range(COUNT)} | {"track/overlay.mp4"} <= set(packed.namelist())
    coco = json.loads(packed.read("coco.json"))
    assert (len(coco["images"]), len(coco["annotations"])) == (COUNT, COUNT)
    assert all(each["attributes"] == {"age": "3"} for each in coco["annotations"])
    assert sum(name.startswith("frames/") for name in packed.namelist()) == COUNT


def test_only_frames_that_a_person_has_marked_are_exported_where_asked(studio):
    put(studio, 2, {"uid": "red", "mask": rle(red_x(2))})
    track(studio, 2)
    job = studio.post("/v1/studio/export", json={"formats": ["coco"], "only_keys": True}).json()
    assert wait(studio, job)["state"] == "done"
    coco = json.loads((studio.project.out / "coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == ["clip-00000002.jpg"]


def test_nothing_is_exported_before_there_is_a_mask(studio):
    job = studio.post("/v1/studio/export", json={"formats": ["track"]}).json()
    assert "no masks yet" in wait(studio, job)["error"]
