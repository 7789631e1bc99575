"""True masks that the page shows: those of the reader."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask
from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.reading import open_named
from promptseg.datasets.writing import write
from promptseg.errors import ConfigError
from promptseg.studio_server.truth import Truth


@pytest.fixture
def photos(tmp_path):
    """Three images, of which the first two have true objects in a COCO file."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    images = []
    for number, name in enumerate(("a.png", "sub/b.png", "c.png")):
        Image.fromarray(np.full((40, 60, 3), 50 * number, np.uint8)).save(folder / name)
        pixels = np.zeros((40, 60), bool)
        pixels[5 : 15 + number, 8:20] = True
        objects = (
            AnnotatedObject(f"{name}#1", Mask.from_array(pixels, label="cup")),
            AnnotatedObject(f"{name}#2", Mask.from_array(~pixels)),
        )
        images.append(AnnotatedImage(name, folder / name, (40, 60), objects))
    write("coco", images[:2], tmp_path)
    return folder


def test_the_masks_are_those_of_the_reader(photos, tmp_path):
    place = f"coco={tmp_path / 'coco.json'}"
    truth = Truth.open(place, photos)
    assert len(truth) == 2
    for image in open_named(place, photos):
        found = truth.of(image.name, (40, 60))
        assert [(each.label, each.mask) for each in found] == [(each.label, each.mask) for each in image.objects]
        assert len(found) == 2


def test_an_image_without_annotations_has_no_truth(photos, tmp_path):
    truth = Truth.open(f"coco={tmp_path / 'coco.json'}", photos)
    assert truth.of("c.png", (40, 60)) == ()
    assert truth.of("unknown.png", (40, 60)) == ()


def test_masks_of_another_size_are_left_out_and_logged(photos, tmp_path, caplog):
    truth = Truth.open(f"coco={tmp_path / 'coco.json'}", photos)
    assert truth.of("a.png", (60, 40)) == ()
    assert "60 x 40, and the image is 40 x 60" in caplog.text


def test_an_image_that_cannot_be_read_any_more_has_no_truth(photos, tmp_path, caplog):
    truth = Truth.open(f"coco={tmp_path / 'coco.json'}", photos)
    (photos / "a.png").write_bytes(b"damaged")
    assert truth.of("a.png", (40, 60)) == ()
    assert "cannot be read" in caplog.text


def test_a_place_is_written_as_for_evaluate(photos):
    with pytest.raises(ConfigError, match="FORMAT=PATH"):
        Truth.open("coco.json", photos)
