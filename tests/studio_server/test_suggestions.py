"""Suggestions on many images: what is done stays, a person's work is left alone, and failures stop nothing."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from fake_pipelines import built, detections
from promptseg import Mask, Prompt
from promptseg.errors import InputError
from promptseg.server.engine import LocalEngine
from promptseg.server.service import Service
from promptseg.server.settings import ServerSettings
from promptseg.studio_server.changes import Change
from promptseg.studio_server.documents import StudioObject
from promptseg.studio_server.image_list import key_of
from promptseg.studio_server.project import open_project
from promptseg.studio_server.stored import stored_image
from promptseg.studio_server.suggestions import Suggested, check_examples, suggest
from promptseg.testing import FakeConceptSegmenter, FakeDetector

SIZE = (40, 60)
NAMES = ("a.png", "b.png", "c.png")
FOUND = detections(("cup", (5, 5, 25, 25), 0.9), ("spoon", (30, 5, 50, 35), 0.5), ("cup", (2, 30, 8, 38), 0.2))


class OnlyExamples(FakeConceptSegmenter):
    """A concept segmenter that reads no words: they are for the detector."""

    accepts = frozenset({"example"})


@pytest.fixture
def project(tmp_path):
    (folder := tmp_path / "photos").mkdir()
    for number, name in enumerate(NAMES):
        Image.fromarray(np.full((*SIZE, 3), 40 * number, np.uint8)).save(folder / name)
    with open_project(folder, tmp_path / "out") as opened:
        yield opened


@asynccontextmanager
async def serving(folder):
    pipeline = replace(built(FOUND, detect={"threshold": 0.05}), concept_segmenter=OnlyExamples())
    service = Service(LocalEngine({"fake": pipeline}, folder=folder), ServerSettings(), folder)
    async with service.running():
        await service.loaded()
        yield service


@pytest.fixture
def suggested(project, tmp_path):
    """Suggests on images, and returns what was done and all events. `meanwhile` is called with each event."""

    def run(*prompts, keys=None, threshold=None, meanwhile=lambda event: None):
        async def work():
            (folder := tmp_path / "server").mkdir(exist_ok=True)
            async with serving(folder) as service:
                chosen = [each.key for each in project.summaries() if each.state == "new"] if keys is None else keys
                events = []
                async with aclosing(suggest(service, project, chosen, prompts, threshold)) as stream:
                    async for event in stream:
                        events.append(event)
                        if meanwhile(event) == "cancel":
                            break
                return events

        events = asyncio.run(work())
        return events[-1], events

    return run


def drawn(project, name):
    project.change(key_of(name), 0, Change(put=(StudioObject("mine", Mask.from_array(np.ones(SIZE, bool)).counts.decode()),)))


def test_new_images_get_objects_that_are_marked_as_suggestions(project, suggested):
    done, events = suggested(Prompt.text("cup", "spoon"))
    assert done == Suggested(images=3, objects=6)
    assert [(event.done, event.total, event.failed) for event in events[:-1]] == [(0, 3, 0), (1, 3, 0), (2, 3, 0), (3, 3, 0)]
    for name in NAMES:
        document = project.document(key_of(name))
        assert document.state == "suggested"
        assert [(each.label, each.source) for each in document.objects] == [("cup", "suggestion"), ("spoon", "suggestion")]
        assert [list(each.prompts) for each in document.objects] == [[{"text": ["cup"]}], [{"text": ["spoon"]}]]
        assert 0 < document.doubt < 1
    assert {label.name for label in project.labels.all} == {"cup", "spoon"}


def test_the_threshold_is_that_of_the_page_unless_another_is_given(project, suggested):
    keys = [key_of("a.png")]
    for threshold, found in ((None, 2), (0.05, 3), (0.8, 1)):
        assert suggested(Prompt.text("cup", "spoon"), keys=keys, threshold=threshold)[0].objects == found


def test_an_image_without_anything_to_suggest_is_not_new_any_more(project, suggested):
    assert suggested(Prompt.text("fork"))[0] == Suggested(images=3)
    assert [(each.state, each.objects) for each in project.summaries()] == [("suggested", 0)] * 3
    assert suggested(Prompt.text("fork"))[0] == Suggested()


def test_suggestions_are_on_the_disk_when_they_are_told(project, suggested, tmp_path):
    suggested()
    before = project.summaries()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "journal.jsonl").write_bytes((tmp_path / "out" / "journal.jsonl").read_bytes())
    with open_project(tmp_path / "photos", tmp_path / "copy") as again:
        assert again.summaries() == before


def test_what_a_person_did_before_is_left_alone(project, suggested):
    drawn(project, "b.png")
    before = project.document(key_of("b.png"))
    done, _ = suggested(keys=[key_of(name) for name in NAMES])
    assert (done.images, done.left_alone) == (2, 1)
    assert project.document(key_of("b.png")) == before


def test_what_a_person_does_meanwhile_is_left_alone(project, suggested, monkeypatch):
    keep = project.suggest

    def person_comes_first(key, *given):
        if key == key_of("b.png"):
            drawn(project, "b.png")
        return keep(key, *given)

    monkeypatch.setattr(project, "suggest", person_comes_first)
    done, _ = suggested()
    assert (done.images, done.left_alone) == (2, 1)
    assert [each.uid for each in project.document(key_of("b.png")).objects] == ["mine"]
    assert project.summary(key_of("b.png")).state == "started"


def test_suggestions_can_be_made_again_and_replace_earlier_ones(project, suggested):
    suggested(Prompt.text("cup"))
    keys = [key_of(name) for name in NAMES]
    assert suggested(Prompt.text("spoon"), keys=keys)[0].images == 3
    assert [each.label for each in project.document(keys[0]).objects] == ["spoon"]


def test_an_image_that_fails_is_named_and_the_others_are_done(project, suggested, tmp_path):
    (tmp_path / "photos" / "b.png").write_bytes(b"no image")
    done, events = suggested()
    assert done.images == 2
    assert list(done.failed) == ["b.png"]
    assert events[-2].failed == 1
    summary = project.summary(key_of("b.png"))
    assert (summary.state, summary.error) == ("new", done.failed["b.png"])


def test_an_image_that_is_gone_meanwhile_stops_nothing(project, suggested, tmp_path):
    keys = [key_of(name) for name in NAMES]
    (tmp_path / "photos" / "b.png").unlink()
    done, _ = suggested(keys=keys)
    assert done.images == 2


def test_what_is_done_stays_when_the_rest_is_cancelled(project, suggested):
    suggested(meanwhile=lambda event: "cancel" if getattr(event, "done", 0) == 2 else None)
    assert [each.state for each in project.summaries()] == ["suggested", "suggested", "new"]
    done, _ = suggested()
    assert done.images == 1


def test_everything_and_places_are_not_measured_by_the_threshold(project, suggested):
    done, _ = suggested(Prompt.everything(2), Prompt.box(5, 5, 20, 20), keys=[key_of("a.png")], threshold=1.0)
    assert done.objects == 5
    assert [list(each.prompts) for each in project.document(key_of("a.png")).objects] == [[{"box": [5, 5, 20, 20]}], [], [], [], []]


def test_examples_find_what_is_like_them(project, suggested):
    there = np.zeros((*SIZE, 3), np.uint8)
    done, _ = suggested(Prompt.example(there, Prompt.box(4, 4, 20, 20), label="cup"))
    assert done == Suggested(images=3, objects=3)
    (found,) = project.document(key_of("a.png")).objects
    assert (found.label, found.prompts) == ("cup", ())


def test_a_click_waits_for_no_more_than_one_image(project, tmp_path):
    begun, click_waits, seen = threading.Event(), threading.Event(), []

    class SlowDetector(FakeDetector):
        def detect(self, image, phrases=None):
            seen.append(image)
            begun.set()
            assert click_waits.wait(60)
            return super().detect(image, phrases)

    async def work():
        pipeline = replace(built(FOUND), detector=SlowDetector(FOUND))
        service = Service(LocalEngine({"fake": pipeline}, folder=tmp_path), ServerSettings(), tmp_path)
        async with service.running():
            await service.loaded()
            keys = [key_of(name) for name in NAMES]

            async def suggesting():
                return [event async for event in suggest(service, project, keys, [])]

            job = asyncio.create_task(suggesting())
            assert await asyncio.to_thread(begun.wait, 10)
            image = stored_image(service.images, project.image(keys[2]), project.rasters)
            click = asyncio.create_task(service.segment(image, [Prompt.point(20, 20)]))
            while not service.engine.state.waiting:
                await asyncio.sleep(0)
            click_waits.set()
            await click
            images_before_the_click = len(seen)
            await job
            return images_before_the_click

    assert asyncio.run(work()) == 1
    assert len(seen) == 3


def test_an_example_for_many_images_names_its_image():
    there = np.zeros((*SIZE, 3), np.uint8)
    check_examples([Prompt.text("cup"), Prompt.example(there, Prompt.point(3, 4))])
    with pytest.raises(InputError, match="names its image"):
        check_examples([Prompt.example(None, Prompt.point(3, 4))])
