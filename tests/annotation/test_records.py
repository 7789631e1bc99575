"""Records of the journal as annotated images."""

import numpy as np

from promptseg import Mask
from promptseg.annotation.records import image_of, mask_to_dict


def test_an_empty_mask_of_a_record_is_no_object_and_the_others_keep_their_numbers():
    pixels = np.zeros((6, 8), bool)
    empty = mask_to_dict(Mask.from_array(pixels))
    pixels[1:3, 2:4] = True
    full = mask_to_dict(Mask.from_array(pixels))
    image = image_of({"name": "a.png", "path": "/a.png", "size": [6, 8], "masks": [empty, full]})
    assert [(each.name, each.mask.area) for each in image.objects] == [("a.png#2", 4)]
