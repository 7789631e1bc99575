"""Redirects: an allowed host cannot send the server on to one that is not allowed."""

from __future__ import annotations

import pytest

from promptseg.errors import InputError
from promptseg.server.errors import ForbiddenError
from promptseg.server.places import fetched

MOVED = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
IMAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nimage"


def test_a_redirect_to_a_host_that_is_not_allowed_is_not_followed(raw_servers):
    allowed, other = raw_servers
    allowed.answer, other.answer = MOVED % other.url().encode(), IMAGE
    with pytest.raises(ForbiddenError, match=r"this server fetches nothing from 127\.0\.0\.1"):
        fetched(allowed.url(), [f"127.0.0.1:{allowed.server_address[1]}"], 100)
    assert not other.requests


def test_a_redirect_to_an_allowed_host_gets_no_credentials_of_the_first(raw_servers):
    first, second = raw_servers
    first.answer, second.answer = MOVED % second.url().encode(), IMAGE
    hosts = [f"127.0.0.1:{server.server_address[1]}" for server in raw_servers]
    assert fetched(first.url(), hosts, 100, {"Authorization": "Token secret"}) == b"image"
    assert b"secret" in first.requests[0]
    assert b"secret" not in second.requests[0]


def test_an_answer_that_is_an_error_tells_its_status(raw_servers):
    server, _ = raw_servers
    server.answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with pytest.raises(InputError, match="the server answered 401") as caught:
        fetched(server.url(), [f"127.0.0.1:{server.server_address[1]}"], 100)
    assert caught.value.__cause__.status == 401
