"""The page looks as in its pictures, light and dark. They are compared in cells of 8 by 8 pixels, so that another font does not matter.

After a change of how the page looks: set PROMPTSEG_RENEW_PICTURES=1, run this file, and look at each picture before it is committed.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fake_pipelines import built
from promptseg import Mask

from .conftest import StudioPage

PICTURES = Path(__file__).with_name("pictures")
RENEW = os.environ.get("PROMPTSEG_RENEW_PICTURES") == "1"

SIZE = (1280, 800)
CELL = 8
MOST_BYTES = 60_000

NEAR = 24
"""Levels of 255 by which a cell may differ: letters of another font cover about as much of it."""

MOST_DIFFERENT = 0.01
"""Share of the cells that may differ by more: lines of text may be longer or shorter. With a serif font it is 0.002."""

SHAPES = {"cup": (90, 80, 230, 220), "spoon": (260, 100, 300, 300), "plate": (330, 120, 540, 330)}


@pytest.fixture
def images(tmp_path):
    """A folder of three drawn images."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        image = Image.new("RGB", (600, 400), (214, 205, 190))
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 260 + 20 * number, 600, 400), fill=(139, 110, 84))
        for shade, box in enumerate(SHAPES.values()):
            draw.ellipse(box, fill=(60 + 50 * shade, 90 + 20 * number, 140))
        image.save(folder / f"image{number}.png")
    return folder


@pytest.fixture
def opened(run_studio, new_page):
    """Function that opens the page with three objects, in light or dark."""
    with run_studio(labels=list(SHAPES), pipelines={"fake": built()}) as studio:
        key = studio.client.get("/v1/studio/images").json()["images"][0]["key"]
        put = [{"uid": label, "label": label, "mask": ellipse(box).to_coco_rle(), "source": "model"} for label, box in SHAPES.items()]
        studio.client.post(f"/v1/studio/images/{key}/changes", json={"version": 0, "change": {"put": put}}).raise_for_status()

        def make(scheme) -> StudioPage:
            page = new_page(studio, color_scheme=scheme, reduced_motion="reduce").open()
            page.wait_for("document.images.length >= 3 && [...document.images].every(image => image.complete)")
            return page

        yield make


def ellipse(box):
    image = Image.new("1", (600, 400))
    ImageDraw.Draw(image).ellipse(box, fill=1)
    return Mask.from_array(np.array(image))


def pictured(page):
    """Return how the page looks, (height, width, 3) uint8."""
    page.settled()
    content = page.page.screenshot(animations="disabled", caret="hide")
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


def share_of_different(first, second):
    """Return the share of cells in which two pictures differ."""
    means = [each.reshape(SIZE[1] // CELL, CELL, SIZE[0] // CELL, CELL, 3).mean((1, 3)) for each in (first, second)]
    return float((np.abs(means[0] - means[1]).max(2) > NEAR).mean())


def reference(name):
    return np.array(Image.open(PICTURES / f"{name}.png").convert("RGB"))


def check(name, picture, tmp_path):
    if RENEW:
        PICTURES.mkdir(exist_ok=True)
        Image.fromarray(picture).quantize(256, kmeans=1, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)
    different = share_of_different(picture, reference(name))
    if different > MOST_DIFFERENT:
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    assert different <= MOST_DIFFERENT, f"{different:.1%} of {name} differ: see {tmp_path / name}.png"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_with_an_object_selected_looks_as_before(opened, tmp_path, scheme):
    page = opened(scheme)
    page.press("v")
    page.click(435, 225)
    page.wait_until("studio => studio.state.selection.length === 1")
    page.page.mouse.move(640, 790)
    check(f"objects-{scheme}", pictured(page), tmp_path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_with_the_sheet_of_keys_looks_as_before(opened, tmp_path, scheme):
    page = opened(scheme)
    page.press("?")
    page.page.get_by_role("dialog").wait_for()
    check(f"keys-{scheme}", pictured(page), tmp_path)


def test_the_pictures_are_small_and_the_comparison_tells_them_apart():
    names = [f"{what}-{scheme}" for what in ("objects", "keys") for scheme in ("light", "dark")]
    assert sorted(each.stem for each in PICTURES.iterdir()) == sorted(names)
    assert all(each.stat().st_size < MOST_BYTES for each in PICTURES.iterdir())
    light = reference("objects-light")
    assert share_of_different(light, light) == 0
    for other in (reference("objects-dark"), reference("keys-light"), np.roll(light, CELL // 2, 0)):
        assert share_of_different(light, other) > MOST_DIFFERENT
