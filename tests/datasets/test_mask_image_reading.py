import numpy as np
import pytest
from PIL import Image

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
