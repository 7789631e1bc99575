"""Redetection on real frames with real detections: objects vanish behind a wall and come back with their ids."""

import cv2
import pytest

from promptseg.pipeline import Pipeline
from promptseg.testing import FakeSegmenter
from promptseg.tracking.redetection import RedetectionConfig, track_with_redetection
from promptseg.tracking.session import PropagateSegmenter
from promptseg.video.frames import open_frames

pytest.importorskip("av", reason="a video file needs av")
pytest.importorskip("scipy", reason="pairing needs scipy")

pytestmark = pytest.mark.usefixtures("ultralytics_tasks")  # The detector is YOLO.


@pytest.mark.parametrize("stride", [3, 8])
def test_a_person_and_a_dog_come_back_with_their_ids(shared, stride):
    """Frames 3 to 5 show a wall. The masks of the detector are the ground truth before and after it."""
    source = open_frames(shared / "data" / "videos" / "01_dog.mp4", stop=9 * stride, every=stride)
    frames = [cv2.resize(frame.image, (640, 360), interpolation=cv2.INTER_AREA) for frame in source.read()]
    for index in (3, 4, 5):
        frames[index] = frames[index].copy()
        frames[index][:] = 128
    finder = Pipeline().detect("yolov8n-seg", weights=str(shared / "weights" / "yolo" / "yolov8n-seg.pt"), threshold=0.5).build("cpu")
    found = []

    def detect(image):
        found.append(finder(image).masks)
        return found[-1]

    tracked = list(
        track_with_redetection(PropagateSegmenter(FakeSegmenter()), frames, detect=detect, redetection=RedetectionConfig(redetect_every=1))
    )
    labels = {event.object_id: event.label for event in tracked[0].events}
    assert sorted(labels.values()) == ["dog", "person"]
    told = {(event.object_id, event.kind) for frame in tracked for event in frame.events}
    assert told >= {(number, kind) for number in labels for kind in ("added", "lost", "recovered")}
    assert not any(event.kind == "added" for frame in tracked[1:] for event in frame.events)
    for number, label in labels.items():
        at = max(index for index, masks in enumerate(found) if label in masks.labels)
        assert at > 5
        mask = tracked[at].masks[tracked[at].object_ids.index(number)]
        assert max(mask.iou(other) for other in found[at] if other.label == label) > 0.6
