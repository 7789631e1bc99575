"""Photos with their truth: pairs, and what cannot be one."""

import numpy as np
import pytest
from PIL import Image

from promptseg.errors import InputError
from promptseg.finetune.data import read_folders


@pytest.fixture
def folders(tmp_path):
    """Two empty folders, and ``put(name, photo, mask)``."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()

    def put(name, photo=(20, 30), mask=((5, 8), 255)):
        if photo is not None:
            Image.fromarray(np.full((*photo, 3), 90, np.uint8)).save(images / f"{name}.jpg")
        if mask is not None:
            pixels = mask if isinstance(mask, np.ndarray) else np.zeros(photo, np.uint8)
            if not isinstance(mask, np.ndarray):
                pixels[: mask[0][0], : mask[0][1]] = mask[1]
            Image.fromarray(pixels).save(masks / f"{name}.png")

    return images, masks, put


def test_a_photo_is_paired_with_the_mask_of_its_name(folders):
    images, masks, put = folders
    put("b")
    put("a", mask=((3, 4), 255))
    (images / "notes.txt").touch()
    found = read_folders(images, masks)
    assert [example.image.name for example in found] == ["a.jpg", "b.jpg"]
    assert [[mask.area for mask in example.objects] for example in found] == [[12], [40]]
    assert found[0].size == found[0].objects[0].size == (20, 30)


def test_only_those_that_are_named_are_read(folders):
    images, masks, put = folders
    for name in "abc":
        put(name)
    assert [example.image.stem for example in read_folders(images, masks, only=["c", "a"])] == ["a", "c"]
    with pytest.raises(InputError, match="no photo d in"):
        read_folders(images, masks, only=["a", "d"])


def test_photos_of_one_content_have_one_digest(folders):
    images, masks, put = folders
    put("a")
    put("b")
    put("c", photo=(30, 20))
    one, copy, other = (example.digest for example in read_folders(images, masks))
    assert one == copy != other


@pytest.mark.parametrize(("value", "area"), [(1, 40), (255, 40), (128, 40)])
def test_a_mask_is_of_zeros_and_ones_or_cut_above_127(value, area, folders):
    images, masks, put = folders
    put("a", mask=((5, 8), value))
    assert read_folders(images, masks)[0].objects[0].area == area


def test_soft_borders_are_cut_above_127(folders):
    images, masks, put = folders
    put("a", mask=np.tile(np.array([0, 100, 127, 128, 200, 255], np.uint8), (20, 5)))
    assert read_folders(images, masks)[0].objects[0].area == 20 * 15


@pytest.mark.parametrize(
    ("photo", "mask", "complaint"),
    [
        ((20, 30), None, r"photos without a mask of the same name: b\.jpg"),
        (None, np.ones((20, 30), np.uint8), r"masks without a photo of the same name: b\.png"),
        ((20, 30), np.ones((30, 20), np.uint8), r"b\.png is 20 wide and 30 high, and its photo .*b\.jpg 30 wide and 20 high"),
        ((20, 30), np.full((20, 30), 3, np.uint8), r"b\.png is no binary mask: its largest value is 3"),
        ((20, 30), np.full((20, 30), 3, np.uint16), r"b\.png is no binary mask: it has more than 8 bits"),
    ],
)
def test_what_is_no_pair_is_named(photo, mask, complaint, folders):
    images, masks, put = folders
    put("a")
    put("b", photo, mask)
    with pytest.raises(InputError, match=complaint):
        read_folders(images, masks)


def test_two_files_of_one_name_are_refused(folders):
    images, masks, put = folders
    put("a")
    Image.new("RGB", (30, 20)).save(images / "a.png")
    with pytest.raises(InputError, match=r"one name but for the suffix: .*a\.jpg, .*a\.png"):
        read_folders(images, masks)


def test_a_folder_that_is_absent_or_empty_is_named(folders, tmp_path):
    images, masks, put = folders
    with pytest.raises(InputError, match=r"there are no pictures in .*images"):
        read_folders(images, masks)
    put("a")
    with pytest.raises(InputError, match=r"cannot read folder .*nowhere: No such file"):
        read_folders(images, tmp_path / "nowhere")


def test_a_photo_that_shows_nothing_is_left_out_and_named(folders):
    images, masks, put = folders
    put("a")
    put("b", mask=np.zeros((20, 30), np.uint8))
    with pytest.warns(UserWarning, match=r"left out because their masks are empty: b\.jpg"):
        assert [example.image.stem for example in read_folders(images, masks)] == ["a"]
    put("a", mask=np.zeros((20, 30), np.uint8))
    with pytest.raises(InputError, match=r"all 2 masks in .* are empty"):
        read_folders(images, masks)
