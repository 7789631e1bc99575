"""What a server fetches from addresses that clients name: never from a host that is not allowed, nor from a private network."""

from __future__ import annotations

import http.server
import socket
import threading

import pytest

pytest.importorskip("fastapi")

from promptseg.errors import InputError
from promptseg.server import fetching
from promptseg.server.errors import ForbiddenError, TooLargeError
from promptseg.server.fetching import check_address, fetched, is_public


class Answers(http.server.BaseHTTPRequestHandler):
    """`/r?ADDRESS` redirects; `/404` is missing; all else has 1000 bytes."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers["Host"], self.headers["Authorization"]))
        found, _, target = self.path.partition("?")
        status = {"/r": 302, "/404": 404}.get(found, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", target)
        self.end_headers()
        self.wfile.write(b"x" * (1000 if status == 200 else 0))

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.seen = []
        server.name = f"127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_private_address_is_fetched_where_it_is_allowed_with_its_port(site):
    assert fetched(f"http://{site.name}/a b?q=ü", [site.name], 1000) == b"x" * 1000
    assert site.seen[-1][0] == "/a%20b?q=%C3%BC"
    with pytest.raises(ForbiddenError, match=r"private network: start the server with --allow-host 127\.0\.0\.1:\d+ if it is meant"):
        fetched(f"http://{site.name}/a", ["127.0.0.1"], 1000)


def test_no_more_is_read_than_is_taken(site):
    with pytest.raises(TooLargeError, match="999"):
        fetched(f"http://{site.name}/a", [site.name], 999)


def test_an_error_of_the_host_is_told(site):
    with pytest.raises(InputError, match="answered 404") as found:
        fetched(f"http://{site.name}/404", [site.name], 1000)
    assert found.value.__cause__.status == 404


def test_a_redirect_is_checked_as_the_first_address_is(site):
    port = site.server_port
    for target in (f"http://localhost:{port}/x", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "//[::1]/"):
        with pytest.raises(ForbiddenError):
            fetched(f"http://{site.name}/r?{target}", [site.name], 1000)
    with pytest.raises(InputError, match="redirects more than"):
        fetched(f"http://{site.name}{'/r?' * 9}/", [site.name], 1000)


def test_credentials_stay_with_their_host(site):
    other = f"localhost:{site.server_port}"
    given = {"Authorization": "Token secret"}
    fetched(f"http://{site.name}/r?/x", [site.name], 1000, given)
    assert [seen[2] for seen in site.seen[-2:]] == ["Token secret", "Token secret"]
    fetched(f"http://{site.name}/r?http://{other}/x", [site.name, other], 1000, given)
    assert site.seen[-1] == ("/x", other, None)


def test_a_name_that_changes_between_check_and_use_is_not_looked_up_again(site, monkeypatch):
    lookups = []

    def rebinding(host, port, **settings):
        lookups.append(host)
        address = "93.184.216.34" if len(lookups) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    asked = []

    def connect(address, timeout):
        asked.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(fetching.socket, "create_connection", connect)
    with pytest.raises(InputError, match="refused"):
        fetched(f"http://images.example.org:{site.server_port}/a", ["images.example.org"], 1000)
    assert asked == [("93.184.216.34", site.server_port)]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "169.254.169.254",
        "2130706433",
        "0177.0.0.1",
        "0x7f000001",
        "127.1",
        "0.0.0.0",
        "[::ffff:10.0.0.1]",
        "localhost",
    ],
)
def test_private_addresses_are_refused_in_every_form(host):
    with pytest.raises(ForbiddenError, match="private network"):
        check_address(f"http://{host}/a.png", [host])


@pytest.mark.parametrize(
    "address",
    ["http://a@b/", "http://@b/", "http://[", "http://b:99999/", "ftp://b/", "http:///x", "http://b:0/", "http://b\\@c/", "http://b c/"],
)
def test_addresses_that_two_programs_could_read_differently_are_refused(address):
    with pytest.raises(ForbiddenError):
        check_address(address, ["b", "c", "b c"])


def test_addresses_within_addresses_are_looked_at():
    assert [is_public(each) for each in ("8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808")] == [True] * 3
    private = ["100.64.0.1", "224.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "::ffff:192.168.0.1", "fe80::1%eth0", "fc00::1"]
    assert not any(is_public(each) for each in private)
