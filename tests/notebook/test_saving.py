"""Results and masks are written in the format that the suffix says."""

import json
from dataclasses import replace

import numpy as np
import pytest

from promptseg import load_image
from promptseg.errors import InputError, OutputError


def test_a_result_is_saved_as_its_overlay(result, tmp_path):
    result.save(tmp_path / "new" / "overlay.png")
    assert (load_image(tmp_path / "new" / "overlay.png") == np.asarray(result.overlay())).all()
    result.save(str(tmp_path / "overlay.JPG"))
    assert (tmp_path / "overlay.JPG").read_bytes().startswith(b"\xff\xd8")


def test_a_result_is_saved_as_json(result, tmp_path):
    result.save(tmp_path / "masks.json")
    assert json.loads((tmp_path / "masks.json").read_text("utf-8")) == json.loads(json.dumps(result.to_dict()))


def test_a_result_without_its_image_is_saved_as_json_alone(result, tmp_path):
    bare = replace(result, image=None)
    bare.save(tmp_path / "masks.json")
    with pytest.raises(InputError, match="no image to draw on"):
        bare.save(tmp_path / "overlay.png")
    assert [path.name for path in tmp_path.iterdir()] == ["masks.json"]


@pytest.mark.parametrize("name", ["overlay", "overlay.txt", "overlay.jsonl"])
def test_a_suffix_that_says_no_format_is_refused_with_those_that_do(name, result, tmp_path):
    with pytest.raises(OutputError, match=r"says no format: use \.png or \.jpg for the overlay, or \.json for the masks"):
        result.save(tmp_path / name)


def test_the_image_that_was_segmented_is_never_overwritten(result, tmp_path):
    source = tmp_path / "cup.jpg"
    source.write_bytes(b"the image")
    with pytest.raises(OutputError, match="it is the input"):
        replace(result, source=str(source)).save(tmp_path / "." / "cup.jpg")
    assert source.read_bytes() == b"the image"


@pytest.mark.parametrize("path", [5, None, b"a.png"], ids=repr)
def test_a_path_of_another_kind_is_refused(path, result):
    with pytest.raises(OutputError, match="a file is named by text or a path"):
        result.save(path)
    with pytest.raises(OutputError, match="a file is named by text or a path"):
        result.masks[0].save(path)


@pytest.mark.parametrize("path", ["", ".", "a\0.png"], ids=repr)
def test_a_path_that_names_no_file_is_refused(path, result, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError):
        result.save(path)
    with pytest.raises(OutputError):
        result.masks[0].save(path)


@pytest.mark.parametrize("name", ["cup.png", "cup.tif", "cup.tiff", "cup.bmp"])
def test_a_mask_is_saved_in_black_and_white(name, masks, tmp_path):
    masks[0].save(tmp_path / name)
    assert (load_image(tmp_path / name)[..., 0] == masks[0].array * np.uint8(255)).all()


@pytest.mark.parametrize("name", ["cup.jpg", "cup", "cup.json"])
def test_a_mask_is_not_saved_where_its_edges_would_blur(name, masks, tmp_path):
    with pytest.raises(OutputError, match=r"the format is chosen by a suffix: \.bmp, \.png, \.tif, \.tiff"):
        masks[0].save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_masks_and_a_mask_are_drawn_on_the_image_of_a_session(masks):
    image = np.full((40, 60, 3), 200, np.uint8)
    both, one = masks.overlay(image, labels=False), masks[0].overlay(image, labels=False)
    assert both.size == one.size == (60, 40)
    assert (np.asarray(one)[:, 30:] == 200).all()
    assert (np.asarray(both)[15, 40] != 200).any()
    with pytest.raises(InputError, match="do not fit an image"):
        masks.overlay(np.zeros((3, 3, 3), np.uint8))
