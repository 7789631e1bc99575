import numpy as np
import pytest

from promptseg.errors import OutputError
from promptseg.masks import Mask
from promptseg.tracking.outputs import davis_palette, draw_timeline, label_image
from promptseg.tracking.redetection import Event


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


def test_ids_above_255_get_16_bits():
    assert np.asarray(label_image([300], [square(0, 2)], (8, 8)))[0, 0] == 300


def test_ids_above_65535_are_refused():
    with pytest.raises(OutputError, match="70000"):
        label_image([70000], [square(0, 2)], (8, 8))


def test_the_timeline_has_a_bar_where_an_object_was_seen_and_a_mark_for_each_event():
    pytest.importorskip("matplotlib", reason="the timeline needs matplotlib")
    events = [Event(0, 1, "added", ""), Event(3, 1, "lost", ""), Event(6, 1, "recovered", ""), Event(4, 9, "added", "")]
    (axes,) = draw_timeline({1: ("dog 1", [0, 1, 2, 6, 7]), 9: ("cup 9", [4])}, events, 8).axes
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
    (axes,) = draw_timeline({}, [], 3).axes
    assert axes.get_xlim() == (0, 3)
