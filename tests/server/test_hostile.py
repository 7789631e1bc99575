"""Requests that mean harm: each is refused, and no answer tells of this machine."""

from __future__ import annotations

import base64
import gzip
import io
import json
import socket
import struct
import zlib

import pytest
from PIL import Image

httpx = pytest.importorskip("httpx2")
pytest.importorskip("fastapi")

TOKEN = "a-token-of-this-server"
TELLTALE = (TOKEN, "Traceback", 'File "', "/promptseg/", "site-packages")


def png(width, height, chunks=b"", pixels=None):
    """Return a PNG that states a size."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    content = zlib.compress(bytes((width + 1) * height)) if pixels is None else pixels
    return b"\x89PNG\r\n\x1a\n" + header + chunks + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def pages(form):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, form, save_all=True, append_images=[Image.new("RGB", (8, 8), "white")])
    return file.getvalue()


SMALL = {"data": base64.b64encode(png(64, 48)).decode()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An allowed folder with an image, and links and files that lead out of it."""
    root = tmp_path_factory.mktemp("hostile")
    allowed, secret = root / "allowed", root / "allowed-not"
    for each in (allowed, secret, allowed / "sub"):
        each.mkdir()
    (allowed / "sub" / "a.png").write_bytes(png(8, 8))
    (secret / "secret.png").write_bytes(png(8, 8))
    (allowed / "link.png").symlink_to(secret / "secret.png")
    (allowed / "linked").symlink_to(secret)
    (allowed / "loop").symlink_to(allowed / "loop")
    return allowed


@pytest.fixture(scope="module")
def server(served_pipelines, tmp_path_factory, folder):
    from promptseg.server.settings import ServerSettings
    from running_server import running

    settings = ServerSettings(port=0, token=TOKEN, folders=(folder,), addresses=("localhost", "127.0.0.1"), max_upload_bytes=60_000)
    with running({"mini-sam": served_pipelines["mini-sam"]}, settings, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server.url, timeout=60, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A server that waits for no body. Others wait long, so that a busy machine is no reason to refuse a request."""
    from fake_pipelines import built
    from promptseg.server.settings import ServerSettings
    from running_server import running

    settings = ServerSettings(port=0, token=TOKEN, upload_seconds=0.1)
    with running({"fake": built()}, settings, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def spoken(server):
    """A function that sends bytes to the server, and returns the status and all that it answers."""
    return speaker(server)


def speaker(server):
    host, port = server.url.removeprefix("http://").split(":")

    def speak(*parts):
        with socket.create_connection((host, int(port)), 30) as connection:
            answer = b""
            try:
                for part in parts:
                    connection.sendall(part.replace(b"HOST", f"{host}:{port}".encode()))
                while piece := connection.recv(1 << 16):
                    answer += piece
            except ConnectionError:  # The server does not read a request to its end that it refuses.
                pass
        check_silent(answer.decode("utf-8", "replace"))
        return int(answer.split(b" ")[1]) if answer else 0, answer

    return speak


def check_silent(text):
    assert not [word for word in TELLTALE if word in text], text


def refused(answer, *statuses):
    check_silent(answer.text + str(answer.headers))
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["detail"]


def head(line, *headers, host="HOST"):
    lines = [line, f"Host: {host}", "Connection: close", f"Authorization: Bearer {TOKEN}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@pytest.mark.parametrize(
    "path",
    [
        "../allowed-not/secret.png",
        "sub/../../allowed-not/secret.png",
        "link.png",
        "linked/secret.png",
        "/etc/passwd",
        "/proc/self/environ",
        "~/secret.png",
        "~root/.bashrc",
        "..%2fallowed-not%2fsecret.png",
        "sub/a.png\0.txt",
        "file:///etc/passwd",
        "loop",
        "sub",
        ".",
        "",
        "x" * 4096,
    ],
)
def test_paths_out_of_the_allowed_folders_are_refused(client, folder, path):
    assert str(folder.parent) not in refused(client.post("/v1/images", json={"path": path}), 403, 404)


@pytest.mark.parametrize("path", [".", "sub/..", "/"])
def test_folders_with_links_that_lead_out_are_refused(client, folder, path):
    given = str(folder) if path == "/" else path
    assert str(folder.parent) not in refused(client.post("/v1/videos", json={"path": given}), 403)


def test_a_playlist_that_names_files_elsewhere_is_refused(client, folder):
    (folder / "list.M3U8").write_text(f"#EXTM3U\n#EXTINF:1,\n{folder.parent}/secret.mp4\n#EXT-X-ENDLIST\n")
    assert "playlist" in refused(client.post("/v1/videos", json={"path": "list.M3U8"}), 403)


def test_a_path_within_the_allowed_folder_is_read(client):
    assert client.post("/v1/images", json={"path": "sub/../sub/a.png"}).status_code == 201


@pytest.mark.parametrize(
    "path", ["/v1/images/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/v1/images/%00", "/v1/images/%ff", f"/v1/images/{'a' * 5000}"]
)
def test_ids_that_are_none_are_refused(client, path):
    refused(client.get(path), 404, 422)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (png(50_000, 50_000, pixels=b""), "pixels"),
        (png(2**31 - 1, 2**31 - 1, pixels=b""), "pixels"),
        (png(13_000, 13_000, pixels=b""), "pixels"),
        (png(9_000, 9_000, pixels=b""), "truncated"),
        (png(8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(20_000_000)))), "too large"),
        (png(8, 8, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(20_000_000)))), "too large"),
        (png(64, 64)[:-30], "truncated"),
        (pages("GIF"), "2 frames or pages"),
        (pages("TIFF"), "2 frames or pages"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "SVG"),
        (b"<!doctype html><script>", "web page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run", "format"),
        (b"", "empty"),
    ],
    ids=["bomb", "largest", "pixels", "missing", "text", "profile", "cut", "gif", "tiff", "svg", "html", "eps", "empty"],
)
def test_images_that_are_bombs_or_none_are_refused(client, content, told):
    assert told in refused(client.post("/v1/images", content=content, headers={"Content-Type": "image/png"}), 413, 422)


@pytest.mark.parametrize(
    "body",
    [
        "[" * 20_000 + "]" * 20_000,
        '{"image":' * 5_000 + "1" + "}" * 5_000,
        '{"image": %s, "prompts": [{"points": [[1e400, 2]]}]}',
        '{"image": %s, "prompts": [{"points": [[NaN, 2]]}]}',
        '{"image": %s, "prompts": [{"points": [[1e300, 2]]}]}',
        '{"image": %s, "prompts": [{"box": [-Infinity, 0, 9, 9]}]}',
        '{"image": %s, "prompts": [{"points": [[' + "9" * 6_000 + ", 2]]}]}",
        '{"image": %s, "prompts": [{"mask": {"size": [1000000000, 1000000000], "counts": [1000000000000000000]}}]}',
        '{"image": %s, "prompts": [{"mask": {"size": [48, 64], "counts": [' + "9" * 30 + "]}}]}",
        '{"image": %s, "prompts": [{"text": ["\\ud800"]}]}',
        '{"image": %s, "prompts": [{"everything": {"points_per_side": 128, "crop_n_layers": 9}}]}',
        "\0",
    ],
    ids=["deep", "deep-objects", "1e400", "nan", "1e300", "infinity", "digits", "mask", "run", "surrogate", "grid", "zero"],
)
def test_json_that_is_too_deep_or_too_large_is_refused(client, body):
    text = body.replace("%s", json.dumps(SMALL))
    refused(client.post("/v1/segment", content=text, headers={"Content-Type": "application/json"}), 422)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://localhost/a.png",
        "http://[::1]/a.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://2130706433/a.png",
        "http://0177.0.0.1/a.png",
        "http://localhost@169.254.169.254/a.png",
        "http://localhost\\@169.254.169.254/a.png",
        "http://[",
        "file:///etc/passwd",
        "gopher://localhost/",
    ],
)
def test_addresses_of_private_networks_are_refused(client, url):
    refused(client.post("/v1/images", json={"url": url}), 403, 404)


@pytest.mark.parametrize(
    "host", ["evil.example.org", "127.0.0.1.evil.example.org", "", "[", "127.0.0.1:1@evil.example.org", "\xff", "localhost."]
)
def test_other_names_of_the_host_are_refused(spoken, host):
    """A page of another site whose name leads to this server (DNS rebinding) sends its own name."""
    assert spoken(head("GET /v1/models HTTP/1.1", host=host))[0] in (400, 403)


@pytest.mark.parametrize(
    "origin", ["null", "http://evil.example.org", "http://HOST.evil.example.org", "http://evil@HOST", "http://[", "", "\xff"]
)
def test_requests_from_other_web_pages_are_refused(spoken, origin):
    assert spoken(head("GET /v1/models HTTP/1.1", f"Origin: {origin}"))[0] == 403


def test_the_server_answers_to_its_own_name_and_page(spoken):
    assert spoken(head("GET /v1/models HTTP/1.1", "Origin: http://HOST"))[0] == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        head("GET /v1/models HTTP/1.1", "Host: evil.example.org"),
        b"GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /v1/models HTTP/1.0\r\n\r\n",
        head("GET http://evil.example.org/v1/models HTTP/1.1"),
        head("GET http://HOST/v1/models HTTP/1.1", host="evil.example.org"),
        head("CONNECT evil.example.org:80 HTTP/1.1"),
        head("TRACE /v1/models HTTP/1.1"),
        head("GET /v1/models\0 HTTP/1.1"),
        head(f"GET /v1/models?{'a' * 200_000} HTTP/1.1"),
        head("GET /v1/models HTTP/1.1", f"X-Long: {'a' * 200_000}"),
        head("POST /v1/segment HTTP/1.1", "Content-Length: -1"),
        head("POST /v1/segment HTTP/1.1", "Content-Length: 2", "Content-Length: 20") + b"{}",
        head("POST /v1/segment HTTP/1.1", f"Content-Length: {'9' * 5000}"),
        head("POST /v1/segment HTTP/1.1", "Content-Length: 99999999999"),
        head("POST /v1/segment HTTP/1.1", "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
        head("POST /v1/segment HTTP/1.1", "Content-Length: 2", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    ],
    ids=[
        "two-hosts",
        "no-host",
        "old-version",
        "absolute",
        "absolute-own",
        "connect",
        "trace",
        "zero",
        "long-target",
        "long-header",
        "negative",
        "two-lengths",
        "digits",
        "length",
        "coding",
        "both-lengths",
    ],
)
def test_requests_that_servers_read_differently_are_refused(spoken, request_bytes):
    assert 400 <= spoken(request_bytes)[0] < 500


def test_an_id_of_a_request_adds_no_header(spoken):
    status, answer = spoken(head("GET /v1/models HTTP/1.1", "X-Request-Id: a%0d%0aSet-Cookie: b"))
    assert (status, b"Set-Cookie" in answer) == (200, False)


@pytest.mark.parametrize(
    ("path", "kind"), [("/v1/segment", "application/json"), ("/v1/images", "image/png"), ("/predict", "application/json")]
)
def test_compressed_bodies_are_refused_as_such(client, path, kind):
    answer = client.post(path, content=gzip.compress(b"{}"), headers={"Content-Type": kind, "Content-Encoding": "gzip"})
    assert "no compressed bodies (Content-Encoding: gzip)" in refused(answer, 415)
    assert client.post("/v1/segment", content=b"{}", headers={"Content-Encoding": "identity"}).status_code == 422


def test_uploads_that_stop_are_ended(hasty):
    begun = head("POST /v1/images HTTP/1.1", "Content-Type: image/png", "Content-Length: 5000")
    assert speaker(hasty)(begun + b"12345")[0] == 408


def test_an_upload_that_comes_byte_by_byte_is_ended():
    import asyncio

    from promptseg.server.middleware.bodies import Bodies, SlowError

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass

    async def drip():
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    scope = {"type": "http", "path": "/v1/images", "headers": []}
    with pytest.raises(SlowError):
        asyncio.run(Bodies(app, lambda path: 1000, 0.05)(scope, drip, None))


def test_pieces_beyond_the_limit_are_not_taken(spoken, hasty):
    begun = head("POST /v1/images HTTP/1.1", "Content-Type: image/png", "Transfer-Encoding: chunked")
    piece = b"4000\r\n" + bytes(0x4000) + b"\r\n"
    assert spoken(begun, *[piece] * 8)[0] in (0, 413)
    assert speaker(hasty)(begun, b"ffffffffffffffff\r\n" + bytes(10))[0] in (400, 408, 413)


@pytest.mark.parametrize(
    "given",
    [
        {"Authorization": f"Bearer {TOKEN[:-1]}X"},
        {"Authorization": f"Bearer {TOKEN}X"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN.upper()}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode()},
        {"X-API-Key": b"\xff\xfe"},
        {},
    ],
)
def test_a_token_that_is_wrong_by_a_character_is_refused(server, given):
    detail = refused(httpx.get(f"{server.url}/v1/models", headers=given), 401)
    assert TOKEN[:-1] not in detail
    assert httpx.get(f"{server.url}/v1/models", params={"token": TOKEN[:-1]}).status_code == 401
