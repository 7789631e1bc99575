"""Masks as regions of Label Studio."""

from __future__ import annotations

import numpy as np
import pytest

from promptseg import Mask, Masks
from promptseg.datasets.formats.label_studio.regions import region_mask, regions_of
from promptseg.server.protocols._label_studio_config import read_configuration
from promptseg.server.protocols._label_studio_regions import Place, regions_of_masks

SIZE = (60, 80)


@pytest.fixture
def output():
    """Function that returns the output of a configuration with one control."""

    def of(tag):
        control = f'<{tag} name="out" toName="image"><Label value="a"/></{tag}>'
        return read_configuration(f'<View><Image name="image" value="$image"/>{control}</View>').output("image")

    return of


def pixels(*boxes, holes=()):
    array = np.zeros(SIZE, bool)
    for x0, y0, x1, y1 in boxes:
        array[y0:y1, x0:x1] = True
    for x0, y0, x1, y1 in holes:
        array[y0:y1, x0:x1] = False
    return Mask.from_array(array)


RING, TWO = pixels((10, 10, 40, 40), holes=[(20, 20, 30, 30)]), pixels((5, 5, 20, 20), (40, 30, 70, 50))


def restored(results):
    return Masks([region_mask(region, SIZE) for region in regions_of(results)]).union()


@pytest.mark.parametrize("tag", ["BrushLabels", "BitmaskLabels", "PolygonLabels"])
@pytest.mark.parametrize("mask", [RING, TWO, pixels((0, 0, 80, 60)), pixels((3, 3, 4, 4))], ids=["ring", "two parts", "all", "one pixel"])
def test_reading_a_region_restores_the_mask(tag, mask, output):
    assert restored(regions_of_masks([mask], ["a"], output(tag), Place("image", tolerance=0))) == mask


def test_each_part_is_a_polygon_and_specks_are_none(output):
    speckled = pixels((5, 5, 20, 20), (40, 30, 70, 50), (75, 5, 77, 7))
    found = regions_of_masks([speckled], ["a"], output("PolygonLabels"), Place("image"))
    assert len(found) == len({each["id"] for each in found}) == 2
    assert restored(found) == TWO
    assert len(regions_of_masks([pixels((3, 3, 4, 4))], ["a"], output("PolygonLabels"), Place("image"))) == 1


def test_an_empty_mask_is_left_out_and_a_label_may_be_missing(output):
    found = regions_of_masks([pixels(), RING], ["a", None], output("BrushLabels"), Place("image", item=2, rotation=90))
    assert [(each["value"]["brushlabels"], each["item_index"], each["image_rotation"]) for each in found] == [([], 2, 90)]
    assert "score" not in found[0]
