"""The store of images: ids by content, bounds in bytes, pixels and time."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from promptseg.errors import InputError
from promptseg.server.errors import NotFoundError, TooLargeError
from promptseg.server.images import ImageStore


def png(value, size=(20, 10)):
    file = io.BytesIO()
    Image.new("RGB", size, (value, 0, 0)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path, 1 << 20, 1000, 3600)


def test_the_same_content_has_the_same_id_and_one_file(store, tmp_path):
    one, two = store.put(png(1)), store.put(png(1))
    assert one == two
    assert one.size == (10, 20)
    assert [path.name for path in tmp_path.iterdir()] == [one.id]
    assert np.array_equal(store.get(one.id).pixels(), np.full((10, 20, 3), (1, 0, 0), np.uint8))


def test_the_size_is_that_of_the_upright_image(store):
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 10)).save(file, "JPEG", exif=exif)
    assert store.put(file.getvalue()).size == (20, 10)


def test_the_least_recently_used_are_dropped_beyond_the_size(tmp_path):
    contents = [png(value) for value in range(3)]
    store = ImageStore(tmp_path, sum(map(len, contents)) - 1, 1000, 3600)
    first, second = store.put(contents[0]), store.put(contents[1])
    store.get(first.id)
    third = store.put(contents[2])
    assert store.get(first.id)
    assert store.get(third.id)
    with pytest.raises(NotFoundError, match="send it again"):
        store.get(second.id)
    assert {path.name for path in tmp_path.iterdir()} == {first.id, third.id}


def test_what_nobody_uses_is_dropped_in_time(tmp_path):
    store = ImageStore(tmp_path, 1 << 20, 1000, 0.0)
    stored = store.put(png(1))
    store.sweep()
    assert (len(store), store.nbytes, list(tmp_path.iterdir())) == (0, 0, [])
    with pytest.raises(NotFoundError):
        stored.pixels()


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(store, monkeypatch):
    monkeypatch.setattr("promptseg.server.images.load_image", None)
    with pytest.raises(TooLargeError, match="40 x 30 pixels"):
        store.put(png(1, (40, 30)))


def test_an_image_larger_than_the_store_is_refused(tmp_path):
    with pytest.raises(TooLargeError):
        ImageStore(tmp_path, 10, 1000, 3600).put(png(1))


@pytest.mark.parametrize("content", [b"", b"<svg/>", png(1)[:40], png(1)[:-30]])
def test_what_is_no_whole_image_is_refused_and_leaves_nothing(store, tmp_path, content):
    with pytest.raises(InputError):
        store.put(content)
    assert list(tmp_path.iterdir()) == []


def test_an_animation_is_refused_as_a_server_says_it(store):
    file = io.BytesIO()
    frames = [Image.new("RGB", (20, 10), (value, 0, 0)) for value in (0, 90, 180)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match=r"^the image has 3 frames or pages, and an image has one: send the one .* or all as a video$"):
        store.put(file.getvalue())


def test_removing_makes_room(store, tmp_path):
    stored = store.put(png(1))
    store.remove(stored.id)
    assert (store.nbytes, list(tmp_path.iterdir())) == (0, [])
    with pytest.raises(NotFoundError):
        store.remove(stored.id)
