"""Objects of rasters that are larger than an image may be, from run lengths of the whole raster and to them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("fastapi")

from promptseg import Mask
from promptseg.scene_masks import SceneMask
from promptseg.server.api.scene_answers import whole_counts
from promptseg.studio_server.documents import StudioObject, check_object
from promptseg.studio_server.rasters.scene_objects import scene_mask, scene_masks

SIZE = (30_000, 35_000)


def drawn(kind):
    pixels = np.zeros((40, 60), bool)
    if kind == "ring":
        rows, columns = np.ogrid[:40, :60]
        far = np.hypot(rows - 20, columns - 30)
        pixels[(far < 19) & (far > 8)] = True
    elif kind == "parts":
        pixels[3:9, 5:8] = pixels[20:40, 50:60] = True
    else:
        pixels[:] = True
    return Mask.from_array(pixels, score=0.5, label="roof")


@pytest.mark.parametrize("kind", ["ring", "parts", "full"])
@pytest.mark.parametrize("at", [(0, 0), (34_940, 29_960), (17_000, 0), (12_345, 6_789)])
def test_an_object_is_the_same_after_a_way_through_run_lengths_of_the_raster(kind, at):
    mask = SceneMask.of(drawn(kind), at)
    kept = StudioObject("one", whole_counts(mask, SIZE), "roof", 0.5)
    check_object(kept, SIZE)
    again = scene_mask(kept, SIZE)
    assert (again.box, again.area, again.label, again.score) == (mask.box, mask.area, "roof", 0.5)
    assert np.array_equal(again.mask.array, mask.mask.array)


def test_an_object_as_high_as_the_raster_is_one_run_over_all_its_columns():
    size = (500, 400_000)
    mask = SceneMask.of(Mask.from_array(np.ones((500, 30), bool)), (1000, 0))
    kept = StudioObject("one", whole_counts(mask, size))
    assert scene_masks([kept], size)[0].box == (1000, 0, 1030, 500)
