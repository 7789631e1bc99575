"""Every instance of concepts through a video: frames with their images, and events."""

import numpy as np
import pytest

from promptseg.errors import PromptError
from promptseg.prompts import Prompt
from promptseg.testing import FakeConceptVideoSegmenter, FakeFrames
from promptseg.tracking.concepts import track_concepts
from promptseg.tracking.outputs import label_image

FOUND = {"dog": [(2, 2, 8, 8), (20, 4, 26, 10)], "cat": [(10, 10, 14, 14)]}


def frames(count, rereadable=False):
    return FakeFrames([np.full((30, 40, 3), 10 * index, np.uint8) for index in range(count)], rereadable)


def test_frames_have_images_objects_and_labels():
    found = list(track_concepts(FakeConceptVideoSegmenter(FOUND), frames(5), [Prompt.text("dog, cat")]))
    assert [at.frame for at in found] == [0, 1, 2, 3, 4]
    assert [at.image[0, 0, 0] for at in found] == [0, 10, 20, 30, 40]
    assert all(at.object_ids == (1, 2, 3) for at in found)
    assert [mask.label for mask in found[3].masks] == ["dog", "dog", "cat"]
    assert all(at.detected for at in found)


def test_no_object_has_the_id_of_the_background():
    (at,) = track_concepts(FakeConceptVideoSegmenter(FOUND), frames(1), [Prompt.text("dog")])
    assert np.unique(np.asarray(label_image(at.object_ids, at.masks, (30, 40)))).tolist() == [0, 1, 2]


def test_events_tell_what_happens_to_an_object():
    found = list(track_concepts(FakeConceptVideoSegmenter({"dog": [(2, 2, 8, 8)]}, shift=(16, 0)), frames(4), [Prompt.text("dog")]))
    told = [[(event.kind, event.object_id, event.label) for event in at.events] for at in found]
    assert told == [[("added", 1, "dog")], [], [], [("lost", 1, "dog")]]
    assert found[0].events[0].reason == "found as 'dog' with confidence 1.00"


def test_what_the_model_drops_and_finds_again_is_told(monkeypatch):
    finder = FakeConceptVideoSegmenter({"dog": [(2, 2, 8, 8)]})
    open_session, opened = FakeConceptVideoSegmenter.open, []
    monkeypatch.setattr(FakeConceptVideoSegmenter, "open", lambda *given: opened.append(open_session(*given)) or opened[0])
    told = []
    for at in track_concepts(finder, frames(4), [Prompt.text("dog")]):
        told.append([(event.kind, event.label) for event in at.events])
        if at.frame == 1:
            opened[0].remove(0)
    assert told == [[("added", "dog")], [], [("removed", "dog")], []]


def test_nothing_to_find_is_refused():
    with pytest.raises(PromptError):
        next(track_concepts(FakeConceptVideoSegmenter(FOUND), frames(2), []))
