"""Images at addresses: what is fetched, what is refused, and what messages say."""

import io
from pathlib import Path

import pytest
from PIL import Image

from promptseg import fetch_image, load_image, web_images
from promptseg.errors import InputError


@pytest.fixture
def png(photo):
    file = io.BytesIO()
    Image.fromarray(photo(6, 8, 1)).save(file, "PNG")
    return file.getvalue()


def test_a_fetched_image_is_read_like_a_file(file_server, png, photo):
    file_server.files["/a.png"] = png
    assert (load_image(fetch_image(file_server.url("/a.png"))) == photo(6, 8, 1)).all()


def test_its_messages_name_the_address_without_credentials(file_server):
    file_server.files["/a.png?key=secret"] = b"no image"
    address = file_server.url("/a.png?key=secret").replace("//", "//me:word@")
    with pytest.raises(InputError, match="is not an image") as caught:
        load_image(fetch_image(address))
    assert "secret" not in str(caught.value)
    assert "word" not in str(caught.value)


def test_a_missing_image_is_an_input_error(file_server):
    with pytest.raises(InputError, match=r"cannot fetch image http://.*/a.png: the server answered 404"):
        fetch_image(file_server.url("/a.png"))


def test_a_web_page_is_told_from_an_image(file_server):
    file_server.files["/a"] = b"\n<!DOCTYPE html><html></html>"
    with pytest.raises(InputError, match="is a web page, and an image was expected: give the address of the image itself"):
        fetch_image(file_server.url("/a"))


@pytest.mark.parametrize("lengths", [True, False])
def test_no_more_is_read_than_the_limit(file_server, monkeypatch, lengths):
    file_server.files["/a.png"], file_server.lengths = b"x" * 5000, lengths
    monkeypatch.setattr(web_images, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match="1000"):
        fetch_image(file_server.url("/a.png"))


def test_nothing_is_fetched_offline(file_server, monkeypatch, png):
    file_server.files["/a.png"] = png
    monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
    with pytest.raises(InputError, match="PROMPTSEG_OFFLINE"):
        fetch_image(file_server.url("/a.png"))
    assert not file_server.requests


@pytest.mark.parametrize("address", ["a.png", "file:///etc/passwd", "ftp://127.0.0.1/a.png", "https:/a", 7, "http://", "http://[x/a.png"])
def test_only_http_and_https_are_addresses(address):
    with pytest.raises(InputError):
        fetch_image(address)


@pytest.mark.parametrize("given", ["https://me:word@example.com/a.png?key=secret", Path("https://me:word@example.com/a.png")])
def test_an_address_given_as_a_path_says_what_to_do(given):
    with pytest.raises(InputError) as caught:
        load_image(given)
    expected = "https://example.com/a.png is an address, and an image is read from a file: fetch it with promptseg.fetch_image(address)"
    assert str(caught.value) == expected


def test_an_address_of_another_kind_has_to_be_downloaded():
    with pytest.raises(InputError, match=r"s3://bucket/a.png is an address, .*: download it, and give its path"):
        load_image("s3://bucket/a.png")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://example.com/photos/caf%C3%A9.jpg?size=3#top", "café.jpg"),
        ("https://example.com/photos/", "photos"),
        ("https://example.com", "example.com"),
        ("https://example.com/..%2F..%2Fa.png", "_.._a.png"),
        ("https://example.com/a%00b%0A.png", "a_b_.png"),
        ("https://example.com/..", "image"),
    ],
)
def test_the_name_of_an_address_is_its_last_part_and_no_path(address, name):
    assert web_images.name_at(address) == name
