"""Servers that break the protocol, send too much or redirect to odd places, and credentials that must not be seen."""

import hashlib
import itertools
import traceback

import pytest

from promptseg.errors import WeightsError, WeightsNotFoundError
from promptseg.weights.download import fetch_source
from promptseg.weights.store import WeightFile, fetch_weights, weights_folder

DATA = b"the weights of a small model"
SHA = hashlib.sha256(DATA).hexdigest()


def answer(status="200 OK", body=b"", **headers):
    lines = [f"HTTP/1.1 {status}", "Connection: close", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


BROKEN = {
    "nothing": b"",
    "no HTTP": b"\x00\xff\x00\xff" * 100 + b"\r\n\r\n",
    "a status that is not a number": b"HTTP/1.1 abc OK\r\n\r\n",
    "a header without a colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 3\r\n\r\nabc",
    "a header of 100 KB": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "1000 headers": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
    "a length in words": answer(body=DATA, Content_Length="abc"),
    "a negative length": answer(body=DATA, Content_Length="-5"),
    "a length in Arabic digits": b"HTTP/1.1 200 OK\r\nContent-Length: \xd9\xa3\r\n\r\nabc",
    "a length of 5000 digits": answer(body=DATA, Content_Length="9" * 5000),
    "two lengths": answer(body=DATA, Content_Length="3, 4"),
    "chunks of no size": answer(body=b"xyz\r\nabc\r\n", Transfer_Encoding="chunked"),
    "chunks that end early": answer(body=b"ff\r\nabc", Transfer_Encoding="chunked"),
    "a length and no bytes": answer(Content_Length=str(len(DATA))),
    "a compressed body": answer(body=b"abc", Content_Encoding="gzip"),
    "a body that is not what its compression says": answer(body=b"abc", Content_Encoding="br, gzip"),
    "a redirect to no host": answer("302 Found", Location="http://["),
    "a redirect to bytes": answer("302 Found", Location="\xff"),
    "a redirect to a port of letters": answer("302 Found", Location="http://127.0.0.1:abc/"),
    "a redirect to a port too high": answer("302 Found", Location="http://127.0.0.1:99999999/"),
    "a redirect to a name too long": answer("302 Found", Location="http://" + "a" * 300 + "/"),
    "a redirect to a file": answer("302 Found", Location="file:///etc/passwd"),
    "a redirect to FTP": answer("302 Found", Location="ftp://127.0.0.1/w.bin"),
    "a redirect to a script": answer("302 Found", Location="javascript:alert(1)"),
    "a redirect to nothing": answer("302 Found"),
    "a redirect to itself": answer("302 Found", Location="/w.bin"),
    "a part that was not asked for": answer("206 Partial Content", DATA, Content_Range="bytes 5-9/99"),
    "a range in words": answer("206 Partial Content", DATA, Content_Range="all of it"),
    "no part at all": answer("416 Range Not Satisfiable"),
    "a reason outside Latin-1": b"HTTP/1.1 503 \xf0\x9f\x92\xa5\r\n\r\n",
    "no content": answer("204 No Content"),
    "another file": answer(body=b"an error page", Content_Length="13"),
}


@pytest.fixture
def target(tmp_path):
    return tmp_path / "w.bin"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # urllib3 leaves sockets of broken answers to Python.
class TestBrokenServers:
    @pytest.mark.parametrize("kind", BROKEN)
    def test_the_next_source_is_tried_after_it(self, kind, raw_servers, file_server):
        raw_servers[0].answer = BROKEN[kind]
        file_server.files["/w.bin"] = DATA
        fetched = fetch_weights("model", [WeightFile("w.bin", SHA, (raw_servers[0].url(), file_server.url("/w.bin")), len(DATA))])
        assert fetched.files["w.bin"].read_bytes() == DATA
        assert raw_servers[0].requests

    @pytest.mark.parametrize("kind", [kind for kind in BROKEN if kind != "another file"])
    def test_without_another_source_the_error_is_our_own(self, kind, raw_servers, target):
        raw_servers[0].answer = BROKEN[kind]
        with pytest.raises(WeightsError) as caught:
            fetch_source(raw_servers[0].url(), target, len(DATA))
        assert len(str(caught.value)) < 1000

    def test_a_wrong_range_costs_the_beginning_and_the_same_source_starts_again(self, raw_servers):
        folder = weights_folder("model")
        folder.mkdir(parents=True)
        (folder / ".w.bin.part").write_bytes(DATA[:5])
        raw_servers[0].answer = answer("206 Partial Content", DATA[9:], Content_Range=f"bytes 9-{len(DATA) - 1}/{len(DATA)}")
        with pytest.raises(WeightsNotFoundError, match=r"asked to continue at byte 5 and sends range 'bytes 9-"):
            fetch_weights("model", [WeightFile("w.bin", SHA, (raw_servers[0].url(),), len(DATA))])
        ranges = [b"Range: bytes=" in request for request in raw_servers[0].requests]
        assert ranges == [True, False]

    def test_a_status_of_416_without_a_beginning_is_a_refusal(self, raw_servers, target):
        raw_servers[0].answer = BROKEN["no part at all"]
        with pytest.raises(WeightsNotFoundError, match="the server answered 416"):
            fetch_source(raw_servers[0].url(), target)


class TestSize:
    def test_a_server_that_announces_more_than_the_size_is_refused_before_anything_is_written(self, raw_servers, target):
        raw_servers[0].answer = answer(body=b"x" * 100, Content_Length="100")
        with pytest.raises(WeightsError, match="the server has 100 bytes, expected 28"):
            fetch_source(raw_servers[0].url(), target, len(DATA))
        assert not target.exists()

    def test_a_server_that_sends_without_end_is_stopped_and_what_it_sent_is_removed(self, raw_servers, target):
        raw_servers[0].answer = itertools.chain([answer()], itertools.repeat(b"x" * 65536))
        with pytest.raises(WeightsError, match="sends more than 1000000 bytes"):
            fetch_source(raw_servers[0].url(), target, 1_000_000)
        assert not target.exists()

    def test_a_redirect_with_a_body_without_end_is_followed_at_once(self, raw_servers, file_server, target):
        file_server.files["/w.bin"] = DATA
        redirect = answer("302 Found", Location=file_server.url("/w.bin"))
        raw_servers[0].answer = itertools.chain([redirect], itertools.repeat(b"x" * 65536))
        fetch_source(raw_servers[0].url(), target, len(DATA))
        assert target.read_bytes() == DATA

    def test_a_beginning_longer_than_the_file_is_thrown_away(self, file_server, target):
        file_server.files["/w.bin"] = DATA
        target.write_bytes(DATA + b"?")
        fetch_source(file_server.url("/w.bin"), target, len(DATA))
        assert target.read_bytes() == DATA

    def test_a_local_file_of_more_bytes_is_not_copied(self, tmp_path, target):
        (tmp_path / "large").write_bytes(DATA)
        with pytest.raises(WeightsError, match="has 28 bytes, expected 5"):
            fetch_source(f"file:{tmp_path / 'large'}", target, 5)
        assert not target.exists()


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_they_are_followed_to_another_host(self, status, raw_servers, file_server, target):
        file_server.files["/w.bin"] = DATA
        raw_servers[0].answer = answer(f"{status} Elsewhere", Location=file_server.url("/w.bin"))
        fetch_source(raw_servers[0].url(), target)
        assert target.read_bytes() == DATA

    def test_a_relative_address_is_of_the_same_host(self, raw_servers, target):
        raw_servers[0].answer = answer("302 Found", Location="../other")
        with pytest.raises(WeightsError, match="redirects more than 10 times"):
            fetch_source(raw_servers[0].url("/deep/w.bin"), target)
        assert raw_servers[0].requests[1].startswith(b"GET /other ")

    @pytest.mark.parametrize("credentials", ["token", "password"])
    def test_credentials_stay_with_their_host(self, credentials, raw_servers, target, monkeypatch):
        one, other = raw_servers
        one.answer, other.answer = answer("302 Found", Location=other.url("/there")), answer(body=DATA)
        if credentials == "token":
            monkeypatch.setenv("HF_TOKEN", "hf_SECRET")
            monkeypatch.setenv("HF_ENDPOINT", one.url(""))
            fetch_source("hf:owner/repository/w.bin", target)
        else:
            fetch_source(one.url().replace("http://", "http://user:SECRET@"), target)
        assert b"\r\nAuthorization: " in one.requests[0]
        assert b"Authorization" not in other.requests[0]

    def test_credentials_go_along_on_the_same_host(self, raw_servers, target):
        raw_servers[0].answer = answer("302 Found", Location="/w.bin")
        with pytest.raises(WeightsError):
            fetch_source(raw_servers[0].url("/first").replace("http://", "http://user:pass@"), target)
        assert all(b"\r\nAuthorization: Basic dXNlcjpwYXNz\r\n" in request for request in raw_servers[0].requests)


def everything_shown(error):
    """Return all that a traceback or a log of an error could show."""
    text = "".join(traceback.format_exception(error)) + repr(error)
    for chained in (error.__cause__, error.__context__):
        text += "" if chained is None else everything_shown(chained)
    return text


class TestCredentials:
    @pytest.mark.parametrize("token", ["hf_SECRET\r", "hf_SECRET\n", " hf_SECRET ", "\thf_SECRET\r\n"])
    def test_white_space_around_a_token_is_removed(self, token, file_server, target, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", token)
        monkeypatch.setenv("HF_ENDPOINT", f"{file_server.url('/')}\r")
        file_server.files["/owner/repository/resolve/main/w.bin"] = DATA
        fetch_source("hf:owner/repository/w.bin", target)
        assert file_server.requests[0][1]["Authorization"] == "Bearer hf_SECRET"

    @pytest.mark.parametrize("token", ["hf_SECRET\r\nX-Other: 1", "hf_SECRET hf", "hf_SECRETé", "hf_\u2028SECRET", "hf_\x00SECRET"])
    def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(self, token, file_server, target, monkeypatch):
        monkeypatch.setattr("os.environ", {"HF_TOKEN": token, "HF_ENDPOINT": file_server.url(), "NO_PROXY": "127.0.0.1"})
        with pytest.raises(WeightsError, match="HF_TOKEN") as caught:
            fetch_source("hf:owner/repository/w.bin", target)
        assert "SECRET" not in everything_shown(caught.value)
        assert file_server.requests == []

    @pytest.mark.parametrize("place", ["refused", "no server", "bad answer", "redirect"])
    def test_a_token_is_in_no_message(self, place, raw_servers, target, monkeypatch):
        server = raw_servers[0]
        monkeypatch.setenv("HF_TOKEN", "hf_SECRET\r")
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9" if place == "no server" else server.url(""))
        server.answer = {
            "refused": answer("401 Unauthorized"),
            "redirect": answer("302 Found", Location="http://user:SECRET@[/?sig=SECRET"),
        }.get(place, b"")
        with pytest.raises(WeightsError) as caught:
            fetch_source("hf:owner/repository/w.bin", target)
        assert "SECRET" not in everything_shown(caught.value)

    @pytest.mark.parametrize(
        "url",
        [
            "http://user:SECRET@127.0.0.1:9/w.bin",
            "http://user:SECRET@127.0.0.1:abc/w.bin",
            "http://user:SECRET@/w.bin",
            "http://user:SECRET@[/w.bin",
            "http://user:a/SECRET@127.0.0.1:9/w.bin",
            "http://user:a#SECRET@127.0.0.1:9/w.bin",
            "http://user:SECRÉT€@127.0.0.1:9/w.bin",
            "http://SECRET@127.0.0.1:9/w.bin",
            "http://127.0.0.1:9/w.bin?token=SECRET",
            "http://127.0.0.1:9/w.bin?X-Signature=SECRET&expires=5#part",
            "http://127.0.0.1:9999999/w.bin?token=SECRET",
        ],
    )
    def test_a_password_or_a_signature_in_a_url_is_in_no_message(self, url):
        with pytest.raises(WeightsNotFoundError, match="could not be fetched") as caught:
            fetch_weights("model", [WeightFile("w.bin", SHA, (url,), len(DATA))])
        shown = everything_shown(caught.value)
        assert "SECRET" not in shown
        assert "SECRÉT" not in shown

    def test_the_host_and_the_path_of_a_url_are_shown(self):
        with pytest.raises(WeightsNotFoundError, match=r"http://127\.0\.0\.1:9/packages/name@1\.0/w\.bin: "):
            fetch_weights("model", [WeightFile("w.bin", SHA, ("http://user:pass@127.0.0.1:9/packages/name@1.0/w.bin",))])

    def test_the_path_of_a_local_file_is_shown(self, tmp_path):
        with pytest.raises(WeightsNotFoundError, match=r"file:///absent/w\.bin: there is no file /absent/w\.bin"):
            fetch_weights("model", [WeightFile("w.bin", SHA, ("file:///absent/w.bin",))])

    def test_user_name_and_password_are_sent_as_they_are_meant(self, raw_servers, target):
        raw_servers[0].answer = answer(body=DATA)
        fetch_source(raw_servers[0].url().replace("http://", "http://us%40er:p%C3%A4ss@"), target)
        assert b"\r\nAuthorization: Basic dXNAZXI6cMOkc3M=\r\n" in raw_servers[0].requests[0]  # us@er:päss
