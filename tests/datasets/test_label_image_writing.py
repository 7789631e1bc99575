"""Label images: small objects stay visible on large ones, and void pixels hide no object."""

import numpy as np

from promptseg import Mask
from promptseg.datasets.core import AnnotatedObject
from promptseg.datasets.label_image_writing import VOID, paint, with_void


def filled(x0, y0, x1, y1, size=(6, 8)):
    pixels = np.zeros(size, bool)
    pixels[y0:y1, x0:x1] = True
    return Mask.from_array(pixels)


def objects(*masks):
    return [AnnotatedObject(f"a#{number}", mask) for number, mask in enumerate(masks, 1)]


def test_a_small_object_stays_whole_on_a_large_one_in_any_order():
    large, small = filled(0, 0, 8, 6), filled(2, 1, 4, 3)
    for order in ([large, small], [small, large]):
        numbers, seen = paint(objects(*order), (6, 8))
        visible = {each.name: mask.area for each, mask in seen}
        assert visible == {f"a#{order.index(small) + 1}": 4, f"a#{order.index(large) + 1}": 44}
        assert numbers[1, 2] == order.index(small) + 1


def test_an_object_that_is_hidden_gets_no_number():
    numbers, seen = paint(objects(filled(2, 1, 4, 3), filled(2, 1, 3, 3), filled(3, 1, 4, 3)), (6, 8))
    assert [each.name for each, _ in seen] == ["a#2", "a#3"]
    assert np.unique(numbers).tolist() == [0, 1, 2]


def test_void_pixels_lie_around_objects_and_never_on_them():
    numbers, _ = paint(objects(filled(2, 1, 4, 3)), (6, 8))
    labels = with_void(numbers, [filled(1, 0, 5, 4)])
    assert labels[1:3, 2:4].tolist() == [[1, 1], [1, 1]]
    assert (labels == VOID).sum() == 16 - 4
