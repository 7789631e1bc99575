"""Shown images are bounded in pixels and bytes."""

import io

import numpy as np
import pytest
from PIL import Image

from promptseg.assistants import shown_images
from promptseg.assistants.shown_images import encode_within, reduced
from promptseg.masks import Mask, Masks
from promptseg.prompts import Prompt
from promptseg.results import Result


@pytest.mark.parametrize(("size", "shown"), [((300, 200), (100, 67)), ((60, 40), (60, 40)), ((900, 1), (100, 1))])
def test_an_image_is_reduced_but_not_enlarged(size, shown):
    content, told = encode_within(Image.new("RGB", size), 100)
    assert Image.open(io.BytesIO(content)).size == told == shown


def test_an_image_of_too_many_bytes_is_reduced_further(monkeypatch):
    monkeypatch.setattr(shown_images, "MAX_SHOWN_BYTES", 20_000)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8))
    content, told = encode_within(noise, 300)
    assert len(content) <= 20_000
    assert 50 < told[0] < 300


def test_the_masks_and_prompts_of_a_reduced_result_are_at_the_same_places():
    pixels = np.zeros((200, 400), bool)
    pixels[40:80, 100:200] = True
    prompts = (Prompt.point(149.5, 59.5) + Prompt.box(100, 40, 200, 80), Prompt.everything())
    result = Result(Masks([Mask.from_array(pixels, label="dog")]), prompts, image=np.zeros((200, 400, 3), np.uint8))
    small = reduced(result, 100)
    assert (small.size, small.image.shape, small.masks[0].label) == ((50, 100), (50, 100, 3), "dog")
    assert small.masks[0].box.tolist() == small.prompts[0].xyxy.tolist() == [25, 10, 50, 20]
    assert small.prompts[0].xy.tolist() == [[37, 14.5]]
    assert reduced(result, 400).image is result.image
