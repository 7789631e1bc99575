"""Images and JSON files are written whole or not at all."""

import errno
import json

import numpy as np
import pytest
from PIL import Image

from promptseg.errors import OutputError
from promptseg.runtime import files
from promptseg.runtime.output_files import png_text, write_image, write_json, write_png

IMAGE = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.PNG", "PNG"), ("a.jpg", "JPEG"), ("a.jpeg", "JPEG"), ("a.bmp", "BMP")])
def test_an_image_is_written_in_the_format_of_its_name(name, kind, tmp_path):
    write_image(IMAGE, tmp_path / "new" / "folder" / name)
    with Image.open(tmp_path / "new" / "folder" / name) as image:
        assert (image.format, image.size) == (kind, (4, 4))


@pytest.mark.parametrize("name", ["a.xyz", "a"])
def test_a_name_that_says_no_format_is_refused(name, tmp_path):
    with pytest.raises(OutputError, match=r"is not an image format that Pillow writes"):
        write_image(IMAGE, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_as_it_is(tmp_path):
    write_json({"name": "濡れた道", "values": [1, 2.5, None]}, tmp_path / "new" / "a.json")
    assert json.loads((tmp_path / "new" / "a.json").read_text("utf-8")) == {"name": "濡れた道", "values": [1, 2.5, None]}


@pytest.mark.parametrize("write", [lambda path: write_image(IMAGE, path), lambda path: write_json([1, 2], path)])
@pytest.mark.parametrize(("owner", "function", "number"), [(files.os, "fsync", errno.ENOSPC), (files.Path, "replace", errno.EACCES)])
@pytest.mark.parametrize("before", [None, b"what stood there"])
def test_nothing_half_written_is_left_and_what_stood_there_is_untouched(write, owner, function, number, before, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    if before is not None:
        path.write_bytes(before)

    def fail(*_):
        raise OSError(number, "the disk says no")

    monkeypatch.setattr(owner, function, fail)
    with pytest.raises(OutputError, match=r"cannot write .*a\.png: the disk says no"):
        write(path)
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*file.a\.json"):
        write_json([], tmp_path / "file" / "a.json")


def test_a_png_carries_a_text_that_only_its_key_finds(tmp_path):
    path = tmp_path / "new" / "a.png"
    write_png(Image.new("RGBA", (3, 2)), path, "made of", "x" * 64)
    assert png_text(path, "made of") == "x" * 64
    assert png_text(path, "another") is None
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("RGBA", (3, 2))


@pytest.mark.parametrize(
    "content", [None, b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXt" + b"x" * 99]
)
def test_what_is_no_png_of_ours_has_no_text(tmp_path, content):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    assert png_text(path, "made of") is None
