"""The head of a request must come in time, of each request of a connection, and what is long but not slow is read."""

from __future__ import annotations

import socket

import pytest

from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import PipelineConfig
from promptseg.server.settings import ServerSettings
from promptseg.testing import FakeSegmenter
from running_server import running

for name in ("fastapi", "uvicorn", "prometheus_client"):
    pytest.importorskip(name)

SECONDS = 1.0
"""Time in which a head must come: more than a busy machine keeps a test that sends one waiting."""

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    settings = ServerSettings(port=0, head_seconds=SECONDS)
    with running(
        {"fake": BuiltPipeline(PipelineConfig(), segmenter=FakeSegmenter())}, settings, tmp_path_factory.mktemp("server")
    ) as server:
        yield server.url.removeprefix("http://").split(":")


@pytest.fixture
def connection(address):
    with socket.create_connection(address, 30) as connection:
        yield connection


def dripped(connection, byte):
    """Send a byte again and again until the server closes, and return what it has answered."""
    connection.settimeout(0.02)
    answer = b""
    for _ in range(1000):
        try:
            piece = connection.recv(1 << 16)
        except TimeoutError:
            connection.sendall(byte)
            continue
        except ConnectionError:
            return answer
        if not piece:
            return answer
        answer += piece
    raise AssertionError("the connection stays open")


def answered(connection):
    """Return the status of an answer that is read to its end."""
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
        answer += connection.recv(1 << 16)
    return int(answer.split(b" ")[1])


def test_a_header_that_comes_byte_by_byte_is_given_up(connection):
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    assert dripped(connection, b"a").startswith(b"HTTP/1.1 408 ")


def test_so_is_a_connection_that_says_nothing(connection):
    answer = b""
    while piece := connection.recv(1 << 16):
        answer += piece
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_so_is_the_second_request_of_a_connection(connection):
    connection.sendall(HEALTH)
    assert answered(connection) == 200
    connection.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
    assert dripped(connection, b"a").startswith(b"HTTP/1.1 408 ")


def test_a_connection_between_two_requests_may_wait_longer(connection):
    connection.sendall(HEALTH)
    assert answered(connection) == 200
    connection.settimeout(SECONDS + 0.3)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    connection.settimeout(30)
    connection.sendall(HEALTH[:20])
    connection.sendall(HEALTH[20:])
    assert answered(connection) == 200


def test_a_body_is_no_head(connection):
    connection.sendall(b"POST /v1/segment HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{")
    connection.settimeout(SECONDS + 0.3)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    connection.settimeout(30)
    connection.sendall(b"}")
    assert answered(connection) == 422
