"""Sentences about failed requests, in plain words."""

import contextlib
import socket
import ssl
import threading

import pytest

from promptseg.errors import WeightsError
from promptseg.weights import http
from promptseg.weights.download import fetch_source
from promptseg.weights.failures import plain_failure


@pytest.fixture
def target(tmp_path):
    return tmp_path / "w.bin"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def failure(url, target):
    with pytest.raises(WeightsError) as caught:
        fetch_source(url, target)
    message = str(caught.value)
    assert not any(
        words in message for words in ("HTTPConnectionPool", "HTTPSConnectionPool", "Max retries", "Errno", "urllib3", "object at")
    )
    return message


def test_a_name_that_is_not_found(target):
    assert failure("https://nosuch.invalid/w.bin", target) == "cannot reach nosuch.invalid: name not found"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection(scheme, target):
    assert failure(f"{scheme}://127.0.0.1:9/w.bin", target) == "cannot reach 127.0.0.1:9: connection refused"


@pytest.mark.parametrize("kind", ["waits", "trickles"])
def test_a_server_that_does_not_answer(kind, raw_servers, target, monkeypatch):
    leave = threading.Event()

    def answer():
        if kind == "trickles":
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"
        leave.wait(60)
        yield b""

    raw_servers[0].answer = answer()
    monkeypatch.setattr(http, "TIMEOUT", (5, 0.05))
    host = raw_servers[0].url("").removeprefix("http://")
    assert failure(raw_servers[0].url(), target) == f"cannot reach {host}: timed out"
    leave.set()


def test_an_answer_that_never_begins_is_given_up_whatever_holds_it_up(target, monkeypatch):
    leave = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: leave.wait(60))
    monkeypatch.setattr(http, "PATIENCE", 0.05)
    assert failure("https://example.org/w.bin", target) == "cannot reach example.org: timed out"
    leave.set()


def test_a_connection_that_breaks_off(raw_servers, target):
    host = raw_servers[0].url("").removeprefix("http://")
    assert failure(raw_servers[0].url(), target) == f"the connection to {host} broke off"


def test_a_server_that_answers_in_plain_text_where_tls_was_expected(target):
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):  # The client closes it first.
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(4096)

    thread = threading.Thread(target=serve)
    thread.start()
    with server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        assert failure(f"https://{host}/w.bin", target) == f"cannot reach {host}: it does not speak TLS (https)"
        thread.join()


def test_a_certificate_that_is_not_trusted():
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate")
    error.verify_message = "self-signed certificate"
    assert plain_failure(OSError(ValueError(error)), "https://example.org/w.bin") == (
        "cannot reach example.org: its certificate is not trusted (self-signed certificate): set REQUESTS_CA_BUNDLE to the file of your "
        "organization's certificates"
    )


def test_a_proxy_that_is_not_there_is_named_without_its_password(target, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:SECRET@127.0.0.1:9")
    assert failure("https://example.org/w.bin", target) == "cannot reach example.org through the proxy 127.0.0.1:9: connection refused"


def test_a_proxy_that_refuses_is_quoted(raw_servers, target, monkeypatch):
    raw_servers[0].answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", raw_servers[0].url(""))
    assert failure("https://example.org/w.bin", target).endswith(": the proxy answered 407 Proxy Authentication Required")


def test_an_answer_that_makes_no_sense_is_named_by_the_kind_of_its_error(raw_servers, target):
    raw_servers[0].answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n"
    assert failure(raw_servers[0].url(), target)


def test_errors_that_are_one_another_s_cause_end():
    error, other = ValueError("a"), ValueError("b")
    error.__cause__, other.__cause__ = other, error
    assert plain_failure(error, "https://example.org/") == "the request to example.org failed (ValueError)"
