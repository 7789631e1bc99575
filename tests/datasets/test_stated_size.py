import numpy as np
import pytest
from PIL import Image, ImageOps

from promptseg import Mask
from promptseg.datasets.stated_size import compare_size, stated_size
from promptseg.errors import InputError


def turned(save, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save("a.jpg", exif=exif)  # Stored 8 wide and 6 high.


def test_equal_sizes_are_no_mismatch(save):
    assert compare_size(save("a.png"), (6, 8), (6, 8)) is None


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_an_annotation_of_the_stored_image_is_turned_as_the_image_is(save, orientation):
    path = turned(save, orientation)
    mismatch = compare_size(path, (8, 6), (6, 8))
    assert mismatch.cause == "orientation"
    assert "EXIF" in str(mismatch)
    pixels = np.zeros((6, 8), bool)
    pixels[0:2, 0:5] = True
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(pixels.astype(np.uint8) * 255)
    image.info["exif"] = exif.tobytes()
    image.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image)) > 0
    assert (mismatch.fit(Mask.from_array(pixels, score=0.5, label="a")).array == expected).all()


def test_a_label_and_a_score_survive_the_turn(save):
    mask = compare_size(turned(save, 6), (8, 6), (6, 8)).fit(Mask.from_array(np.ones((6, 8), bool), score=0.5, label="a"))
    assert (mask.size, mask.score, mask.label) == ((8, 6), 0.5, "a")


def test_without_an_orientation_swapped_sides_belong_to_another_image(save):
    mismatch = compare_size(save("a.png"), (6, 8), (8, 6))
    assert mismatch.cause == "unknown"
    with pytest.raises(InputError, match="another image"):
        mismatch.fit(Mask.from_array(np.ones((8, 6), bool)))


@pytest.mark.parametrize("stated", [(12, 16), (3, 4), (600, 800), (601, 800)])
def test_a_size_of_the_same_proportions_is_a_resize(save, stated):
    assert compare_size(save("a.png"), (6, 8), stated).cause == "resized"


@pytest.mark.parametrize("stated", [(6, 80), (0, 0), (-6, -8), (10**30, 7)])
def test_a_size_of_other_proportions_belongs_to_another_image(save, stated):
    assert compare_size(save("a.png"), (6, 8), stated).cause == "unknown"


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (6, 8, (6, 8)),
        (6.0, 8.0, (6, 8)),
        (0, 8, None),
        (None, 8, None),
        ("6", " 8 ", (6, 8)),
        ("6", "eight", None),
        ("6", "9" * 5000, None),
        (float("nan"), 8, None),
        (float("inf"), 8, None),
        (-6, 8, None),
        ([6], 8, None),
        pytest.param(10**400, 8, None, id="too large"),
    ],
)
def test_two_numbers_of_pixels_are_a_stated_size_and_nothing_else_is(height, width, size):
    assert stated_size(height, width) == size
