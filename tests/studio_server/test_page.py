"""The page: its headers, caching, compression, and what is told where it is not built."""

from __future__ import annotations

import gzip
import re

import pytest

pytest.importorskip("fastapi")

SCRIPT = b"export const value = 1;\n" * 100
INDEX = (
    b'<!doctype html><link rel="icon" href="data:,"><link rel="stylesheet" href="studio.css">'
    b'<script type="module" src="./studio.js"></script>'
)
BUILT = {"index.html": INDEX, "studio.js": SCRIPT, "studio.css": b"a{}", "build.json": b"{}"}


@pytest.fixture
def built(project, studio_app, client_of):
    """A client of a studio with a small page."""
    with client_of(studio_app(project, BUILT)) as made:
        yield made


def script_of(client):
    (address,) = re.findall(r'src="(/studio\.js\?v=\w+)"', client.get("/").text)
    return address


def test_the_page_is_never_cached_and_its_files_for_ever(built):
    page = built.get("/")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert 'href="data:,"' in page.text
    script = built.get(script_of(built))
    assert (script.status_code, script.content) == (200, SCRIPT)
    assert script.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("version", ["", "?v=0123456789abcdef"])
def test_a_file_without_its_version_is_asked_for_again(built, version):
    answer = built.get(f"/studio.js{version}")
    assert answer.headers["cache-control"] == "private, no-cache"
    again = built.get(f"/studio.js{version}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("accepted", "encoded"),
    [("gzip, br", True), ("br;q=1, gzip;q=0.5", True), ("gzip;q=0", False), ("gzip;q=0.0, br", False)],
)
def test_what_is_large_is_compressed_for_who_takes_it(built, accepted, encoded):
    with built.stream("GET", "/studio.js", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert ("content-encoding" in answer.headers) == encoded
    assert (gzip.decompress(raw) if encoded else raw) == SCRIPT
    assert "content-encoding" not in built.get("/studio.css").headers


@pytest.mark.parametrize("path", ["/", "/studio.js", "/v1/studio", "/v1/studio/images/0000000000000000", "/open/x", "/absent.js"])
def test_every_answer_has_the_strict_policy(built, path):
    headers = built.get(path).headers
    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/v1/studio", "/v1/studio/images", "/v1/studio/images/0000000000000000", "/absent.js"])
def test_what_is_private_is_kept_by_no_browser(built, path):
    assert built.get(path).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["absent.js", "index.html", "..%2fapp.py", "__init__.py"])
def test_there_are_no_other_files(built, name):
    assert built.get(f"/{name}").status_code == 404


def test_a_page_that_is_not_built_says_how_to_build_it(client):
    answer = client.get("/")
    assert answer.status_code == 503
    assert "make studio-page" in answer.text
