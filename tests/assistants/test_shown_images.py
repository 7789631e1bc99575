"""Shown images are bounded in pixels and bytes."""

import io

import numpy as np
import pytest
from PIL import Image

from promptseg.assistants import shown_images
from promptseg.assistants.shown_images import encode_within


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
