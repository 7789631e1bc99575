"""Images and results are kept within bounds."""

from pathlib import Path

import numpy as np
import pytest

from promptseg.assistants import opened_images
from promptseg.assistants.opened_images import OpenedImages
from promptseg.errors import InputError
from promptseg.masks import Mask, Masks
from promptseg.results import Result


@pytest.fixture
def opened():
    return OpenedImages()


def add(opened, value, size=(8, 9)):
    return opened.add(np.full((*size, 3), value, np.uint8), f"{value}.png", Path(f"{value}.png"))


def result(size=(8, 9)):
    return Result(Masks([Mask.from_array(np.ones(size, bool), logits=np.ones((2, 2), np.float32))]))


def test_the_same_pixels_have_the_same_id_and_keep_their_results(opened):
    first = add(opened, 1)
    made = opened.add_result(first, result())
    again = opened.add(first.pixels.copy(), "copy.png", Path("copy.png"))
    assert again.id == first.id != add(opened, 2).id
    assert opened.result(made)[0].name == "copy.png"


def test_the_image_that_was_used_least_recently_is_dropped_with_its_results(opened, monkeypatch):
    monkeypatch.setattr(opened_images, "MAX_IMAGES", 2)
    first, second = add(opened, 1), add(opened, 2)
    kept, lost = opened.add_result(first, result()), opened.add_result(second, result())
    opened.image(first.id)
    add(opened, 3)
    assert opened.result(kept)[0].id == first.id
    for ask in (lambda: opened.image(second.id), lambda: opened.result(lost)):
        with pytest.raises(InputError, match="a while ago"):
            ask()


def test_the_bytes_are_bounded_and_the_last_image_is_always_kept(opened, monkeypatch):
    monkeypatch.setattr(opened_images, "MAX_IMAGE_BYTES", 300)
    first, large = add(opened, 1), add(opened, 2, (80, 90))
    assert opened.image(large.id).size == (80, 90)
    with pytest.raises(InputError):
        opened.image(first.id)


def test_the_results_are_bounded_and_hold_no_logits(opened, monkeypatch):
    monkeypatch.setattr(opened_images, "MAX_RESULTS", 2)
    image = add(opened, 1)
    made = [opened.add_result(image, result()) for _ in range(3)]
    with pytest.raises(InputError):
        opened.result(made[0])
    assert opened.result(made[2])[1].masks[0].logits is None
