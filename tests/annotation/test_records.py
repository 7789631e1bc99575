"""Records of the journal as annotated images."""

import numpy as np

from promptseg import Mask
from promptseg.annotation.records import has_pixels, image_of, mask_to_dict


def test_an_empty_mask_of_a_record_is_no_object_and_the_others_keep_their_numbers():
    pixels = np.zeros((6, 8), bool)
    empty = mask_to_dict(Mask.from_array(pixels))
    pixels[1:3, 2:4] = True
    full = mask_to_dict(Mask.from_array(pixels))
    image = image_of({"name": "a.png", "path": "/a.png", "size": [6, 8], "masks": [empty, full]})
    assert [(each.name, each.mask.area) for each in image.objects] == [("a.png#2", 4)]


def test_a_record_keeps_the_models_own_score_of_a_calibrated_mask():
    mask = Mask((6, 8), Mask.from_array(np.ones((6, 8), bool)).counts, score=0.5, predicted_iou=0.9)
    image = image_of({"name": "a.png", "path": "/a.png", "size": [6, 8], "masks": [mask_to_dict(mask)]})
    assert (image.objects[0].mask.score, image.objects[0].mask.predicted_iou) == (0.5, 0.9)
    assert "predicted_iou" not in mask_to_dict(Mask.from_array(np.ones((6, 8), bool), score=0.5))


def test_a_mask_of_a_record_has_pixels_by_its_runs_whatever_their_lengths():
    for height, width in [(1, 1), (6, 8), (30, 40), (2000, 3000)]:
        pixels = np.zeros((height, width), bool)
        assert not has_pixels(mask_to_dict(Mask.from_array(pixels)))
        pixels[-1, -1] = True
        assert has_pixels(mask_to_dict(Mask.from_array(pixels)))
        assert has_pixels(mask_to_dict(Mask.from_array(~np.zeros_like(pixels))))
