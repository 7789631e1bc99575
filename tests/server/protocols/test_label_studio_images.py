"""Where the server fetches images of Label Studio's tasks, with which token, and where it does not."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading

import pytest

from promptseg.errors import InputError
from promptseg.server.errors import ForbiddenError
from promptseg.server.protocols._label_studio_images import Source, TaskImages, resolved
from promptseg.server.settings import ServerSettings

BASE = "http://labels.example:8080"
PERSONAL, SHORT, LEGACY = "a.b.c", "x.y.z", "0123456789abcdef"


class _Studio(http.server.BaseHTTPRequestHandler):
    """What Label Studio answers: images to who has a token, and a short token for a personal one."""

    def do_GET(self):
        given = self.headers.get("Authorization", "")
        self.server.seen.append((self.path, given))
        self._send(200 if given in self.server.accepts else 401, self.server.image)

    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, sent["refresh"]))
        known = sent["refresh"] == PERSONAL
        self._send(200 if known else 401, json.dumps({"access": SHORT}).encode())

    def _send(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def studio(monkeypatch, sample_bytes):
    """A Label Studio of its own for a test, with what it has been asked in `seen`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Studio) as server:
        server.seen, server.accepts, server.image = [], {f"Token {LEGACY}", f"Bearer {SHORT}"}, sample_bytes
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(running_server, studio):
    """Function that fetches images of tasks, with a token, and returns their ids."""
    images = TaskImages(running_server.service)

    def one(address, key=LEGACY, allowed=None):
        source = Source(studio.url, key, (f"127.0.0.1:{studio.server_port}",) if allowed is None else allowed)
        return asyncio.run(images.image(address, source)).id

    return one


@pytest.mark.parametrize(
    "address", ["/data/upload/1/0a1b-coffee cup.jpg", "/data/local-files/?d=set/coffee%20cup.jpg", "/tasks/4/resolve/?fileuri=czM6"]
)
def test_files_of_label_studio_are_fetched_with_its_token_once(fetch, studio, address):
    assert fetch(address) == fetch(address)
    assert studio.seen == [(address.replace(" ", "%20"), f"Token {LEGACY}")]


def test_a_personal_token_is_exchanged_and_the_short_one_kept(fetch, studio):
    fetch("/data/upload/1/a.jpg", PERSONAL)
    fetch("/data/upload/1/b.jpg", PERSONAL)
    assert studio.seen == [
        ("/api/token/refresh", PERSONAL),
        ("/data/upload/1/a.jpg", f"Bearer {SHORT}"),
        ("/data/upload/1/b.jpg", f"Bearer {SHORT}"),
    ]


def test_a_personal_token_is_exchanged_without_a_proxy(fetch, studio, monkeypatch):
    """Nor is one asked for the images."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch("/data/upload/1/a.jpg", PERSONAL)
    assert studio.seen[0] == ("/api/token/refresh", PERSONAL)


def test_a_token_that_is_refused_is_told_without_it(fetch):
    with pytest.raises(InputError, match="Label Studio refuses its access token: give a valid one") as caught:
        fetch("/data/upload/1/a.jpg", "no-such-key")
    assert "no-such-key" not in str(caught.value)


def test_without_a_token_it_is_told_how_to_give_one(fetch, studio):
    with pytest.raises(InputError, match=r"gives its files to its access token alone.*--label-studio and --label-studio-key"):
        fetch("/data/upload/1/a.jpg", "")
    studio.accepts.add("")
    assert fetch("/data/upload/1/a.jpg", "")


def test_its_other_pages_get_no_token(fetch, studio):
    for address in ("/api/projects", "/data/../api/users", "/data/%2e%2e/api/users"):
        with pytest.raises(InputError, match="401"):
            fetch(address)
    assert {given for _, given in studio.seen} == {""}


def test_nothing_is_fetched_from_an_address_that_is_not_allowed(fetch, studio):
    with pytest.raises(ForbiddenError, match=r"this server fetches nothing from 127\.0\.0\.1"):
        fetch("/data/upload/1/a.jpg", allowed=())
    with pytest.raises(ForbiddenError, match="private network"):
        fetch("/data/upload/1/a.jpg", allowed=("127.0.0.1",))
    with pytest.raises(ForbiddenError, match="this server fetches nothing from localhost"):
        fetch(f"http://localhost:{studio.server_port}/data/upload/1/a.jpg")
    assert not studio.seen


def test_an_image_that_was_dropped_is_fetched_again(fetch, studio, running_server):
    name = fetch("/data/upload/1/a.jpg")
    running_server.service.images.remove(name)
    assert fetch("/data/upload/1/a.jpg") == name
    assert len(studio.seen) == 2


def test_the_address_that_connects_counts_only_where_it_is_allowed():
    plain = Source.of(ServerSettings(addresses=("images.example",)), "http://10.0.0.1/", "theirs")
    assert plain == Source("http://10.0.0.1", "theirs", ("images.example",))
    named = ServerSettings(label_studio_url="http://labels.example:8080/", label_studio_key="ours")
    assert Source.of(named, "http://evil.example", "theirs") == Source(BASE, "ours", ("labels.example:8080",))
    without_address = ServerSettings(label_studio_key="ours", addresses=("evil.example",))
    assert Source.of(without_address, "http://evil.example", "theirs").key == "theirs"
    assert "ours" not in repr(Source.of(named, "", ""))


@pytest.mark.parametrize(
    ("address", "base", "full", "own"),
    [
        ("/data/upload/1/a b.jpg", BASE, f"{BASE}/data/upload/1/a%20b.jpg", True),
        ("/data/upload/1/a.jpg", f"{BASE}/studio", f"{BASE}/studio/data/upload/1/a.jpg", True),
        ("/studio/data/upload/1/a.jpg", f"{BASE}/studio", f"{BASE}/studio/data/upload/1/a.jpg", True),
        (f"{BASE}/data/upload/1/a.jpg", BASE, f"{BASE}/data/upload/1/a.jpg", True),
        ("http://labels.example/data/a.jpg", BASE, "http://labels.example/data/a.jpg", False),
        ("https://labels.example:8080/data/a.jpg", BASE, "https://labels.example:8080/data/a.jpg", False),
        ("http://labels.example:8080@evil/data/a.jpg", BASE, "http://labels.example:8080@evil/data/a.jpg", False),
        ("/api/users", BASE, f"{BASE}/api/users", False),
        ("/data/upload/../../api/users", BASE, f"{BASE}/data/upload/../../api/users", False),
    ],
)
def test_the_token_is_for_files_of_label_studio_alone(address, base, full, own):
    assert resolved(address, base) == (full, own)


@pytest.mark.parametrize(
    "address", ["s3://bucket/a.jpg", "gs://bucket/a.jpg", "azure-blob://box/a.jpg", "file:///etc/passwd", "ftp://host/a.jpg"]
)
def test_other_schemes_are_refused_with_the_way_out(address):
    with pytest.raises(ForbiddenError, match="turn on pre-signed URLs in the cloud storage of the project"):
        resolved(address, BASE)


@pytest.mark.parametrize("address", ["a.jpg", "//evil.example/a.jpg", "/data/a\nb", "/data\\a", "/" + "a" * 5000, ""])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InputError, match="address"):
        resolved(address, BASE)


def test_without_an_address_of_label_studio_the_message_says_how_to_give_it():
    with pytest.raises(InputError, match="start promptseg serve with --label-studio URL"):
        resolved("/data/upload/1/a.jpg", "")
