import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptseg.models.sam.crops import EDGE_TOLERANCE, Crop, crops


def reference(height, width, layers, ratio):
    """Return boxes and layers as ``generate_crop_boxes`` in segment-anything does."""
    found = [([0, 0, width, height], 0)]
    for layer in range(1, layers + 1):
        count = 2**layer
        overlap = int(ratio * min(height, width) * (2 / count))
        crop_w = math.ceil((overlap * (count - 1) + width) / count)
        crop_h = math.ceil((overlap * (count - 1) + height) / count)
        for x0, y0 in product([int((crop_w - overlap) * i) for i in range(count)], [int((crop_h - overlap) * i) for i in range(count)]):
            found.append(([x0, y0, min(x0 + crop_w, width), min(y0 + crop_h, height)], layer))
    return found


@given(st.integers(64, 3000), st.integers(64, 3000), st.integers(0, 3), st.sampled_from([0.0, 512 / 1500, 0.5]))
def test_the_crops_are_those_of_segment_anything_in_its_order(height, width, layers, ratio):
    found = [([crop.x0, crop.y0, crop.x1, crop.y1], crop.layer) for crop in crops((height, width), layers, ratio)]
    assert found == reference(height, width, layers, ratio)


def test_without_further_layers_the_whole_image_is_the_only_crop():
    assert crops((30, 40), 0, 0.3) == [Crop(0, 0, 40, 30, 0)]


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 3), st.floats(0, 1))
def test_each_layer_covers_the_image_with_crops_that_have_pixels_even_if_the_image_is_tiny(height, width, layers, ratio):
    found = crops((height, width), layers, ratio)
    for layer in range(layers + 1):
        covered = np.zeros((height, width), bool)
        for crop in (crop for crop in found if crop.layer == layer):
            assert 0 <= crop.x0 < crop.x1 <= width
            assert 0 <= crop.y0 < crop.y1 <= height
            assert crop.size == (crop.y1 - crop.y0, crop.x1 - crop.x0)
            covered[crop.y0 : crop.y1, crop.x0 : crop.x1] = True
        assert covered.all()


class TestCuts:
    SIZE = (1000, 2000)
    CROP = Crop(0, 0, 1200, 700, 1)  # At the image's top left: its right and bottom edges lie inside the image.

    @pytest.mark.parametrize(
        ("box", "cut"),
        [
            ((300, 300, 600, 500), False),
            ((300, 300, 1200, 500), True),
            ((300, 300, 600, 700), True),
            ((0, 0, 600, 500), False),  # At the image's own edge nothing is cut off.
            ((300, 300, 1200 - EDGE_TOLERANCE + 1, 500), True),
            ((300, 300, 1200 - EDGE_TOLERANCE, 500), False),
        ],
    )
    def test_a_mask_at_an_edge_of_the_crop_is_cut_where_the_image_goes_on(self, box, cut):
        assert self.CROP.cuts(np.float32(box), self.SIZE) is cut

    def test_the_whole_image_cuts_nothing(self):
        assert not crops(self.SIZE, 0, 0.3)[0].cuts(np.float32([0, 0, 2000, 1000]), self.SIZE)
