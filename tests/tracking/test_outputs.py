"""Files of tracked objects: label images, the table of masks, the timeline."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco

from promptseg.class_colors import palette
from promptseg.errors import OutputError
from promptseg.masks import Mask, Masks
from promptseg.tracking.outputs import TrackOutputs, davis_palette, draw_timeline, label_image
from promptseg.tracking.redetection import Event, TrackedFrame


def test_the_palette_is_that_of_davis():
    colors = np.frombuffer(davis_palette(), np.uint8).reshape(-1, 3)
    assert colors[:5].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    assert colors[[8, 15, 255]].tolist() == [[64, 0, 0], [192, 128, 128], [224, 224, 192]]


def square(first, last):
    pixels = np.zeros((8, 8), bool)
    pixels[first:last, first:last] = True
    return Mask.from_array(pixels)


def test_a_smaller_mask_lies_over_a_larger_one():
    values = np.asarray(label_image([3, 7], [square(2, 4), square(0, 8)], (8, 8)))
    assert (values[3, 3], values[0, 0]) == (3, 7)


def test_a_frame_without_objects_has_an_empty_label_image_of_its_size():
    values = np.asarray(label_image([], [], (8, 12)))
    assert values.shape == (8, 12)
    assert not values.any()


@pytest.mark.parametrize(("number", "mode"), [(255, "P"), (256, "I;16"), (300, "I;16")])
def test_ids_above_255_get_16_bits(number, mode):
    image = label_image([number], [square(0, 2)], (8, 8))
    assert (image.mode, np.asarray(image)[0, 0]) == (mode, number)


def test_tracks_are_written_as_youtube_vis_reads_them(tmp_path):
    pytest.importorskip("av", reason="the overlay needs package av")
    dog, cat = np.zeros((6, 10), bool), np.zeros((6, 10), bool)
    dog[1:3, 2:7] = cat[4:6, 0:3] = True
    masks = [Mask.from_array(dog, score=0.5, label="dog"), Mask.from_array(cat, label="cat")]
    with TrackOutputs(tmp_path, (6, 10), 10.0, timeline=False) as outputs:
        for index, (numbers, there) in enumerate([((3, 8), masks), ((8,), masks[1:])]):
            outputs.write(TrackedFrame(index, numbers, Masks(there, (6, 10)), index / 10, np.zeros((6, 10, 3), np.uint8)))
    content = json.loads((tmp_path / "masks.json").read_text("utf-8"))
    assert content["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    (video,) = content["videos"]
    assert (video["height"], video["width"], video["length"], video["times"]) == (6, 10, 2, [0, 0.1])
    first, second = content["annotations"]
    assert (first["id"], first["category_id"], first["video_id"], second["id"], second["category_id"]) == (3, 2, video["id"], 8, 1)
    assert (first["height"], first["width"], first["score"], first["scores"], second["score"]) == (6, 10, 0.5, [0.5, None], None)
    assert (first["areas"], second["areas"]) == ([10, None], [6, 6])
    assert (first["bboxes"], second["bboxes"]) == ([[2, 1, 5, 2], None], [[0, 4, 3, 2]] * 2)
    assert first["segmentations"][0]["size"] == [6, 10]
    assert np.array_equal(coco.decode(first["segmentations"][0]), dog)


def test_ids_above_65535_are_refused():
    with pytest.raises(OutputError, match="70000"):
        label_image([70000], [square(0, 2)], (8, 8))


def test_the_timeline_has_a_bar_where_an_object_was_seen_and_a_mark_for_each_event():
    pytest.importorskip("matplotlib", reason="the timeline needs matplotlib")
    events = [Event(0, 1, "added", ""), Event(3, 1, "lost", ""), Event(6, 1, "recovered", ""), Event(4, 9, "added", "")]
    (axes,) = draw_timeline({1: ("dog 1", [0, 1, 2, 6, 7]), 9: ("cup 9", [4])}, events, 8, palette(2)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dog 1", "cup 9"]
    bars, marks = axes.collections[:2], axes.collections[2:]
    spans = [[(path.get_extents().x0, path.get_extents().x1) for path in one.get_paths()] for one in bars]
    assert spans == [[(0, 3), (6, 8)], [(4, 5)]]
    assert {one.get_label(): one.get_offsets().tolist() for one in marks} == {
        "added": [[0, 0], [4, 1]],
        "lost": [[3, 0]],
        "recovered": [[6, 0]],
    }
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["added", "lost", "recovered"]


def test_the_timeline_of_no_object_is_drawn():
    pytest.importorskip("matplotlib", reason="the timeline needs matplotlib")
    (axes,) = draw_timeline({}, [], 3, []).axes
    assert axes.get_xlim() == (0, 3)
