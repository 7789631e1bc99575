import cv2
import numpy as np
import pytest
from PIL import Image

from promptseg import image_formats
from promptseg.datasets.mask_image_reading import read_mask_file
from promptseg.errors import InputError


def objects(path, kind="auto"):
    return {key: (mask.label, mask.array) for key, mask in read_mask_file(path, kind)[0]}


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16])
def test_black_and_white_is_one_object_without_label(save, square, dtype):
    white = {bool: True, np.uint8: 255, np.uint16: 65535}[dtype]
    ((key, (label, pixels)),) = objects(save("m.png", (square * dtype(white)).astype(dtype))).items()
    assert (key, label) == ("1", None)
    assert (pixels == square).all()


def test_a_black_and_white_image_in_rgb_is_one_object(save, square):
    assert (objects(save("m.png", np.repeat(square[..., None] * np.uint8(255), 3, axis=2)))["1"][1] == square).all()


def test_soft_edges_are_cut_over_127_and_a_finding_says_so(save, square):
    gray = square * np.uint8(255)
    gray[0, 2], gray[0, 3], gray[3, 3] = 127, 128, 3
    path = save("m.png", gray)
    ((_, mask),), ignored, (finding,) = read_mask_file(path)
    square[0, 3] = True
    assert (mask.array == square).all()
    assert not ignored
    assert finding.kind == "converted"
    assert finding.source == str(path)
    assert "6.2 % of the mask is gray: values above 127 are read" in finding.message


def test_a_jpeg_is_never_a_label_mask(save):
    gray = np.zeros((32, 32), np.uint8)
    gray[6:22, 6:22] = 255
    ((_, mask),), _, (finding,) = read_mask_file(save("m.jpg", gray, quality=60))
    assert (mask.array == (gray > 0)).mean() > 0.95
    assert finding.kind == "converted"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_each_number_of_a_label_mask_is_an_object(save, dtype):
    labels = np.zeros((6, 8), dtype)
    labels[0], labels[5, :3] = 1, 200 if dtype == np.uint8 else 1000
    found = objects(save("m.png", labels))
    assert set(found) == {"1", "200" if dtype == np.uint8 else "1000"}
    for key, (label, pixels) in found.items():
        assert label == key
        assert (pixels == (labels == int(key))).all()


def test_the_indices_of_a_palette_count_and_not_its_colors(tmp_path):
    image = Image.fromarray(np.uint8([[0, 1], [2, 255]]), "L").convert("P")
    image.putpalette([200, 10, 10] * 256)
    image.save(tmp_path / "m.png")
    masks, (void,), _ = read_mask_file(tmp_path / "m.png")
    assert [key for key, _ in masks] == ["1", "2"]
    assert np.argwhere(void.array).tolist() == [[1, 1]]


def test_all_of_a_label_mask_is_an_object_where_it_is_said_to_be_one(save):
    values = np.uint8([[0, 3], [140, 255]])
    assert set(objects(save("m.png", values), "labels")) == {"3", "140", "255"}
    assert (objects(save("m.png", values), "binary")["1"][1] == [[False, False], [True, True]]).all()


def test_zeros_and_ones_are_one_object_in_binary_too(save, square):
    assert (objects(save("m.png", square.astype(np.uint8)), "binary")["1"][1] == square).all()


def test_a_black_mask_has_no_object(save):
    assert objects(save("m.png", np.zeros((6, 8), np.uint8))) == {}


def test_a_mask_in_color_is_refused_by_name(save):
    colors = np.zeros((6, 8, 3), np.uint8)
    colors[0, 0] = (255, 0, 0)
    with pytest.raises(InputError, match=r"m\.png is in color"):
        read_mask_file(save("m.png", colors))


def test_what_is_no_image_is_refused_by_name(tmp_path):
    (tmp_path / "m.png").write_text("no")
    with pytest.raises(InputError, match=r"m\.png"):
        read_mask_file(tmp_path / "m.png")


@pytest.mark.parametrize(("color", "opaque"), [((255, 255, 255), 255), ((0, 0, 0), 255), ((200, 30, 30), 128), ((200, 30, 30), 1)], ids=str)
def test_the_alpha_of_one_color_is_the_mask_and_a_finding_says_so(save, square, color, opaque):
    rgba = np.zeros((*square.shape, 4), np.uint8)
    rgba[..., :3], rgba[..., 3] = color, square * np.uint8(opaque)
    ((key, mask),), ignored, findings = read_mask_file(save("m.png", rgba))
    assert (key, mask.label, ignored) == ("1", None, [])
    assert (mask.array == square).all()
    assert "the alpha channel is read as the mask" in findings[0].message


def test_colors_under_transparent_pixels_do_not_count(save, square):
    rgba = np.random.default_rng(0).integers(0, 256, (*square.shape, 4), dtype=np.uint8)
    rgba[square] = (9, 9, 9, 255)
    rgba[~square, 3] = 0
    assert (objects(save("m.png", rgba))["1"][1] == square).all()


def test_gray_numbers_with_alpha_are_objects_where_they_are_visible(save, square):
    la = np.zeros((*square.shape, 4), np.uint8)
    la[..., :3], la[..., 3] = 7, 255
    la[square, :3] = 5
    la[0, :, 3] = 0
    found = objects(save("m.png", la))
    assert set(found) == {"5", "7"}
    assert not found["7"][1][0].any()
    assert (found["5"][1] == (square & (np.arange(square.shape[0]) > 0)[:, None])).all()


@pytest.mark.parametrize("alpha", [0, 255])
def test_an_alpha_of_one_value_says_nothing(save, square, alpha):
    rgba = np.repeat(square[..., None] * np.uint8(255), 4, axis=2)
    rgba[..., 3] = alpha
    assert (objects(save("m.png", rgba))["1"][1] == square).all()


def test_numbers_in_the_low_bytes_of_16_bit_colors_are_objects(tmp_path, square):
    labels = np.repeat((square * np.uint16(3))[..., None], 3, axis=2)
    cv2.imwrite(str(tmp_path / "m.png"), labels)
    found = objects(tmp_path / "m.png")
    assert set(found) == {"3"}
    assert (found["3"][1] == square).all()


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_whole_numbers_of_32_bits_are_objects(save, square, dtype):
    found = objects(save("m.tif", (square * dtype(300)).astype(dtype)))
    assert set(found) == {"300"}
    assert (found["300"][1] == square).all()


@pytest.mark.parametrize(
    "values", [np.int32([[0, -1]]), np.int32([[0, 70000]]), np.float32([[0, 0.5]]), np.float32([[0, np.nan]])], ids=str
)
def test_other_numbers_are_refused_with_their_range(save, values):
    with pytest.raises(InputError, match="expected integers from 0 to 65535"):
        read_mask_file(save("m.tif", values))


@pytest.mark.parametrize("mode", ["CMYK", "LAB"])
def test_a_mode_in_which_no_value_is_a_gray_level_is_refused_by_name(tmp_path, mode):
    Image.new(mode, (8, 6)).save(tmp_path / "m.tif")
    with pytest.raises(InputError, match=f"mask .*m.tif has the mode {mode}"):
        read_mask_file(tmp_path / "m.tif")


def test_a_mask_of_several_pages_is_refused_with_their_number(tmp_path):
    pages = [Image.new("L", (8, 6), value) for value in (0, 255)]
    pages[0].save(tmp_path / "m.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"mask .*m\.tif has 2 pages"):
        read_mask_file(tmp_path / "m.tif")


def test_the_size_of_a_mask_is_bounded_before_its_pixels_are_made(save, square, monkeypatch):
    path = save("m.png", square.astype(np.uint8))
    monkeypatch.setattr(image_formats, "MAX_PIXELS", 40)
    with pytest.raises(InputError, match=r"mask .*m\.png is larger than 40 pixels"):
        read_mask_file(path)


def test_a_mask_is_read_upright(tmp_path, square):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(square.astype(np.uint8))).save(tmp_path / "m.png", exif=exif)
    assert (objects(tmp_path / "m.png")["1"][1] == square).all()


def test_numbers_are_found_anywhere_in_a_large_image(tmp_path):
    values = np.zeros((1100, 1000), np.uint16)
    values[0, 0], values[-1, -3:], values[-1, 0] = 3, 700, 65535
    Image.fromarray(values).save(tmp_path / "large.png")
    objects, ignored, _ = read_mask_file(tmp_path / "large.png")
    assert [(key, mask.area) for key, mask in objects] == [("3", 1), ("700", 3), ("65535", 1)]
    assert ignored == []
