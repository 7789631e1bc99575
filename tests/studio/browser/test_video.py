"""A video in the page, used as a person uses it: mark, track, look, correct, by mouse and by keys; all is there after a reload."""

from __future__ import annotations

import json
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from paint_segmenter import GREEN, RED, PaintSegmenter, painted
from promptseg import Mask, Pipeline
from promptseg.pipeline import BuiltPipeline
from running_server import serving

from .conftest import Fingers, Held, serious_faults, waited_for

pytest.importorskip("fastapi")
httpx = pytest.importorskip("httpx2")

SIZE = (96, 128)
COUNT = 8
SIDE = 24
SECONDS = 60

AT = "Number(document.querySelector('[data-testid=timeline]').ariaValueNow)"
"""The frame that the timeline is at, in JavaScript."""


def red_x(frame):
    return 20 + 4 * frame


def square(frame):
    pixels = np.zeros(SIZE, bool)
    pixels[20 : 20 + SIDE, red_x(frame) : red_x(frame) + SIDE] = True
    return Mask.from_array(pixels)


@pytest.fixture
def frames():
    """Number of frames of the clip."""
    return COUNT


@pytest.fixture
def studio(tmp_path, frames):
    """The address and a client of a running studio of a clip in which a red square moves and a green one stands still."""
    from promptseg.server.engine import LocalEngine
    from promptseg.studio_server.access import Access
    from promptseg.studio_server.app import settings_for
    from promptseg.studio_server.video.app import create_video_studio
    from promptseg.studio_server.video.project import open_video_project

    (tmp_path / "clip").mkdir()
    (tmp_path / "server").mkdir()
    for index in range(frames):
        image = painted((red_x(min(index, COUNT)), 20, SIDE, RED), (90, 64, 20, GREEN), size=SIZE)
        Image.fromarray(image).save(tmp_path / "clip" / f"{index:03}.png")
    with open_video_project(tmp_path / "clip", tmp_path / "out", ["car"]) as project:
        access = Access(project.own)
        pipeline = BuiltPipeline(Pipeline().segment("mini-sam").config, segmenter=PaintSegmenter())
        engine = LocalEngine({"paint": pipeline}, folder=tmp_path / "server")
        settings = settings_for(access, "127.0.0.1", 0)
        app = create_video_studio(engine, project, access, settings, tmp_path / "server")
        headers = {"Authorization": f"Bearer {access.secret}"}
        with serving(app, settings) as (url, _), httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            yield url, client


class VideoPage:
    """The page of a video, by what a person sees and does."""

    def __init__(self, page, url, client):
        self.page, self.url, self.client = page, url, client

    def open(self):
        self.page.goto(f"{self.url}{self.client.post('/v1/studio/addresses').json()['address']}")
        self.rests_at(0)
        self.wait_for("document.querySelector('[data-testid=model-loading]') === null")
        return self

    def wait_for(self, expression):
        """Wait until an expression of the page is true."""
        assert waited_for(self.page, expression), f"{expression}: {self.page.evaluate('JSON.stringify(promptsegStudio.state)')}"

    def rests_at(self, frame):
        """Wait until a frame can be worked on."""
        self.wait_for(f"window.promptsegStudio?.state.open?.key === '{frame:016x}' && promptsegStudio.stage.settled")

    def on_screen(self, x, y):
        """Return where a pixel of the frame is on the screen."""
        left, top = self.page.evaluate(f"promptsegStudio.stage.viewport.toScreen([{x}, {y}])")
        box = self.page.get_by_test_id("stage").bounding_box()
        return box["x"] + left, box["y"] + top

    def click(self, x, y):
        """Click on a pixel of the frame."""
        self.page.mouse.click(*self.on_screen(x, y))

    def mark(self, x, y):
        """Segment the object at a pixel, and keep it."""
        before = len(self.objects)
        self.click(x, y)
        self.wait_for("document.querySelector('[data-testid=accept]:not([disabled])') !== null")
        self.page.keyboard.press("Enter")
        self.wait_for(f"promptsegStudio.state.objects.length === {before + 1}")

    def press(self, *keys):
        """Press keys on the timeline."""
        self.page.get_by_test_id("timeline").focus()
        for key in keys:
            self.page.keyboard.press(key)

    def track(self, direction="forward"):
        """Track to the end."""
        before, end = self.runs, time.monotonic() + SECONDS
        self.page.get_by_test_id(f"track-{direction}").click()
        while self.runs == before or self.client.get("/v1/studio/video").json()["tracking"] is not None:
            assert time.monotonic() < end, "nothing was tracked"
            self.page.wait_for_timeout(20)
        self.wait_for("document.querySelector('[data-testid=tracking]').hidden")

    def choose_more(self, item):
        """Choose an item of the menu about the chosen object. It has the items once the timeline has the object."""
        end = time.monotonic() + SECONDS
        self.page.get_by_test_id("video-more").click()
        while not self.page.get_by_test_id(item).count():
            assert time.monotonic() < end, f"the menu has no {item}"
            self.page.keyboard.press("Escape")
            self.page.get_by_test_id("video-more").click()
        self.page.get_by_test_id(item).click()

    @property
    def objects(self):
        return self.page.evaluate("JSON.parse(JSON.stringify(promptsegStudio.state.objects))")

    @property
    def frame(self):
        """The frame that the timeline is at."""
        return int(self.page.get_by_test_id("timeline").get_attribute("aria-valuenow"))

    @property
    def value_text(self):
        return self.page.get_by_test_id("timeline").get_attribute("aria-valuetext")

    def comes_to(self, holds):
        """Wait until something holds of `runs`, and return them."""
        end = time.monotonic() + SECONDS
        while not holds(runs := self.runs):
            assert time.monotonic() < end, runs
            self.page.wait_for_timeout(20)
        return runs

    @property
    def runs(self):
        """The runs of frames of each object, as the server has them when the page has sent all."""
        self.wait_for("promptsegStudio.state.save === 'saved'")
        return [each["runs"] for each in self.client.get("/v1/studio/video").json()["objects"]]


@pytest.fixture
def touch():
    """Whether the page is one for fingers."""
    return False


@pytest.fixture
def video(browser, studio, touch):
    """The opened page. The test fails if it complains or asks for anything but its server."""
    url, client = studio
    complaints, elsewhere = [], []
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US", has_touch=touch)
    page = context.new_page()
    page.set_default_timeout(1000 * SECONDS)
    page.add_init_script("localStorage.setItem('promptseg.studio.hints', 'true')")
    expected = "503"  # The models are being loaded.
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type == "error" and expected not in message.text else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith((url, "blob:", "data:")) else elsewhere.append(request.url))
    yield VideoPage(page, url, client).open()
    context.close()
    assert (complaints, elsewhere) == ([], [])


def test_an_object_is_marked_tracked_and_corrected_and_all_of_it_is_kept(video):
    video.mark(red_x(0) + 5, 30)
    video.track()
    assert video.runs == [[[0, COUNT, 1]]]
    video.rests_at(COUNT - 1)
    assert video.value_text.startswith(f"frame {COUNT - 1} of {COUNT - 1}, ")
    video.wait_for("document.querySelector('[data-testid=timeline]').ariaValueText.endsWith('seen: 1 car')")
    video.wait_for("promptsegStudio.state.objects.length === 1")
    (kept,) = video.objects
    assert kept["source"] == "suggestion"
    shown = video.page.evaluate("uid => promptsegStudio.stage.pixelsOf(uid)", kept["uid"])
    assert Mask.from_coco_rle(shown).iou(square(COUNT - 1)) >= 0.999

    video.press("ArrowLeft", "ArrowLeft", "ArrowLeft")
    video.rests_at(COUNT - 4)
    video.wait_for("promptsegStudio.state.objects.length === 1")
    video.page.get_by_test_id("stage").focus()
    video.page.keyboard.press("Control+a")
    video.page.keyboard.press("Delete")
    video.wait_for("promptsegStudio.state.objects.length === 0 && promptsegStudio.state.save === 'saved'")
    assert video.runs == [[[0, 4, 1], [4, 5, 4], [5, COUNT, 1]]]
    video.page.keyboard.press("Control+z")
    video.wait_for("promptsegStudio.state.objects.length === 1 && promptsegStudio.state.save === 'saved'")
    assert video.runs == [[[0, COUNT, 1]]]

    video.page.reload()
    video.rests_at(0)
    video.press("End")
    video.rests_at(COUNT - 1)
    video.wait_for("promptsegStudio.state.objects.length === 1")
    assert [each["label"] for each in video.objects] == ["car"]


def test_the_timeline_is_moved_by_keys_and_by_the_mouse(video):
    video.mark(red_x(0) + 5, 30)
    video.press("ArrowRight", "ArrowRight")
    video.rests_at(2)
    assert video.objects == []
    video.press("Shift+ArrowRight")
    video.rests_at(COUNT - 1)
    video.press("PageUp")  # To the keyframe.
    video.rests_at(0)
    assert len(video.objects) == 1
    video.press("End", "Home", "ArrowRight")
    video.rests_at(1)
    box = video.page.get_by_test_id("timeline").bounding_box()
    video.page.mouse.click(box["x"] + box["width"] - 12, box["y"] + 12)
    video.rests_at(COUNT - 1)


def test_it_plays_to_the_end_and_stops(video):
    video.press(" ")
    video.rests_at(COUNT - 1)
    assert video.page.get_by_test_id("play").get_attribute("aria-pressed") == "false"


def test_a_video_is_exported_as_a_whole(video):
    video.mark(red_x(0) + 5, 30)
    video.track()
    video.page.keyboard.press("Control+e")
    video.page.get_by_test_id("format-track").check()
    assert video.page.get_by_test_id("export-done").count() == 0  # There are no images in states.
    video.page.get_by_test_id("export-go").click()
    with video.page.expect_download() as waiting:
        video.page.get_by_test_id("download").click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    assert any(name.startswith("track/") for name in texts)
    (name,) = [name for name in texts if name.endswith(".json") and not name.startswith("track/") and b'"annotations"' in texts[name]]
    coco = json.loads(texts[name])
    assert len(coco["images"]) == len(coco["annotations"]) == COUNT


def test_an_object_that_comes_back_is_the_same_one_where_a_person_says_so(video):
    video.mark(95, 70)
    video.press("End")
    video.rests_at(COUNT - 1)
    video.mark(95, 70)
    video.wait_for("promptsegStudio.state.selection.length === 1 && promptsegStudio.state.save === 'saved'")
    assert len(video.runs) == 2
    video.page.get_by_test_id("same-as").click()
    video.page.get_by_test_id("same-as-1").click()
    video.wait_for("promptsegStudio.state.save === 'saved'")
    assert video.runs == [[[0, 1, 1], [COUNT - 1, COUNT, 1]]]


def test_an_object_is_removed_from_the_video_and_brought_back(video):
    video.mark(red_x(0) + 5, 30)
    video.track()
    video.choose_more("video-remove")
    video.page.get_by_test_id("toast").dispatch_event("pointerenter")  # Then it stays.
    video.wait_for("promptsegStudio.state.objects.length === 0")
    assert video.runs == []
    video.page.get_by_test_id("toast").get_by_text("Undo").click()
    video.wait_for("promptsegStudio.state.objects.length === 1")
    assert video.runs == [[[0, COUNT, 1]]]


def test_what_is_said_of_the_video_is_undone_and_made_again_by_keys(video):
    video.mark(red_x(0) + 5, 30)
    marked = video.comes_to(lambda runs: runs != [])
    video.choose_more("video-gone")
    video.wait_for("promptsegStudio.state.objects.length === 0")
    gone = video.comes_to(lambda runs: runs != marked)
    video.page.keyboard.press("Control+z")
    video.wait_for("promptsegStudio.state.objects.length === 1")
    video.comes_to(lambda runs: runs == marked)
    video.page.keyboard.press("Control+Shift+z")
    video.wait_for("promptsegStudio.state.objects.length === 0")
    video.comes_to(lambda runs: runs == gone)
    video.page.keyboard.press("Control+z")
    video.wait_for("promptsegStudio.state.objects.length === 1")
    video.choose_more("video-remove")
    video.wait_for("promptsegStudio.state.objects.length === 0")
    video.page.keyboard.press("Control+z")
    video.wait_for("promptsegStudio.state.objects.length === 1")
    video.comes_to(lambda runs: runs == marked)


def test_axe_finds_no_serious_fault_in_a_video(video):
    video.mark(red_x(0) + 5, 30)
    video.track()
    video.rests_at(COUNT - 1)
    assert serious_faults(video.page) == []
    video.page.get_by_test_id("video-more").click()
    video.page.get_by_role("menu").wait_for()
    assert serious_faults(video.page) == []


def test_a_right_click_on_an_object_opens_its_menu_and_on_the_frame_nothing_of_a_folder(video):
    video.mark(red_x(0) + 5, 30)
    video.page.mouse.click(*video.on_screen(red_x(0) + 5, 30), button="right")
    video.page.get_by_test_id("menu-objects.hide").click()
    video.wait_for("promptsegStudio.state.objects[0].hidden && promptsegStudio.state.save === 'saved'")
    video.page.mouse.click(*video.on_screen(5, 90), button="right")
    video.page.get_by_test_id("menu-show-all").wait_for()
    assert video.page.get_by_test_id("menu-images.doneNext").count() == 0


@pytest.mark.parametrize("touch", [True])
def test_a_finger_marks_an_object_and_two_zoom_the_frame(video):
    fingers = Fingers(video.page)
    before = video.page.evaluate("promptsegStudio.stage.viewport.scale")
    x, y = video.on_screen(64, 48)
    fingers.down((x - 40, y), (x + 40, y))
    fingers.down((x - 80, y), (x + 80, y))
    fingers.up()
    video.wait_for(f"Math.abs(promptsegStudio.stage.viewport.scale / {2 * before} - 1) < 0.05")
    assert video.objects == []
    video.page.touchscreen.tap(*video.on_screen(red_x(0) + 5, 30))
    video.page.get_by_test_id("accept").tap()
    video.wait_for("promptsegStudio.state.objects.length === 1")


@pytest.mark.parametrize(("touch", "frames"), [(True, 120)])
def test_fingers_go_through_the_timeline_and_zoom_it(video, frames):
    video.mark(red_x(0) + 5, 30)
    box = video.page.get_by_test_id("timeline").bounding_box()
    middle, right, y = box["x"] + box["width"] / 2, box["x"] + box["width"] - 12, box["y"] + 12
    video.page.touchscreen.tap(right, y)
    video.rests_at(frames - 1)
    video.page.touchscreen.tap(middle, y)
    video.wait_for(f"{AT} < {frames - 1}")
    at = video.frame
    video.rests_at(at)
    fingers = Fingers(video.page)
    fingers.down((middle - 60, y))
    video.wait_for(f"{AT} < {at}")
    held = video.frame
    fingers.down((middle - 60, y), (middle + 60, y))
    fingers.down((middle - 120, y), (middle + 120, y))
    fingers.up()
    video.rests_at(held)  # Two fingers zoom, and go nowhere.
    video.page.touchscreen.tap(right, y)
    video.wait_for(f"{AT} > {at}")
    assert video.frame < frames - 10


def test_a_stroke_before_the_frame_is_open_is_refused_and_reaches_no_other_frame(video):
    def stroke():
        video.page.mouse.move(*video.on_screen(30, 70))
        video.page.mouse.down()
        video.page.mouse.move(*video.on_screen(60, 80), steps=4)
        video.page.mouse.up()

    toasts = video.page.get_by_test_id("toast")
    held = Held(video.page, f"/images/{1:016x}$")
    video.page.keyboard.press("b")
    video.press("ArrowRight")
    held.waits()
    stroke()
    assert (toasts.all_inner_texts(), video.objects) == (["The frame is opened when it rests"], [])
    held.let_go()
    video.rests_at(1)
    assert (toasts.all_inner_texts(), video.objects) == ([], [])
    stroke()
    video.wait_for("promptsegStudio.state.objects.length === 1 && promptsegStudio.state.save === 'saved'")
    assert video.runs == [[[1, 2, 1]]]
