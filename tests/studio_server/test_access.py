"""Who gets into a studio: an address that works once, the cookie, the token, and who is kept out."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from promptseg.studio_server.access import Access, Running, read_secret

pytest.importorskip("fastapi")

COOKIE = "promptseg-studio-8470"
PATHS = ("/v1/studio", "/v1/studio/images", "/v1/models", "/v1/openapi.json", "/studio.js", "/metrics", "/v1/studio/events")


@pytest.fixture
def stranger(project, studio_app, client_of):
    """A client that has not opened the page."""
    with client_of(studio_app(project, {"index.html": b"<!doctype html>", "studio.js": b"1"}), let_in=False) as made:
        yield made


class TestAddress:
    def test_it_works_once_and_gives_a_cookie_that_scripts_cannot_read(self, stranger):
        address = f"/open/{stranger.app.state.access.new_code()}"
        answer = stranger.get(address)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        given = answer.headers["set-cookie"]
        assert given.startswith(f"{COOKIE}={stranger.app.state.access.secret}; ")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(given.split("; "))
        assert stranger.get("/").status_code == 200
        stranger.cookies.clear()
        again = stranger.get(address)
        assert (again.status_code, "set-cookie" in again.headers) == (401, False)
        assert "used before" in again.text

    def test_somebody_with_the_cookie_comes_to_the_page_by_an_old_address(self, stranger):
        address = f"/open/{stranger.app.state.access.new_code()}"
        stranger.get(address)
        assert stranger.get(address).headers["location"] == "/"

    @pytest.mark.parametrize("code", ["x", "x" * 5000, "..%2f..", "%00"])
    def test_others_do_not_work(self, stranger, code):
        assert stranger.get(f"/open/{code}").status_code in (401, 404)

    def test_it_ends_with_time(self, tmp_path, monkeypatch):
        access = Access(tmp_path)
        code = access.new_code()
        monkeypatch.setattr("promptseg.studio_server.access.time.monotonic", lambda: 1e12)
        assert not access.redeem(code)

    def test_only_the_latest_wait(self, tmp_path):
        access = Access(tmp_path)
        codes = [access.new_code() for _ in range(40)]
        assert [access.redeem(code) for code in codes] == [False] * 8 + [True] * 32


class TestWithout:
    @pytest.mark.parametrize("path", PATHS)
    def test_nothing_is_told(self, stranger, path):
        answer = stranger.get(path)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"

    def test_the_page_says_in_plain_words_what_to_do(self, stranger):
        answer = stranger.get("/")
        assert answer.status_code == 401
        assert "Open it by the address that" in answer.text
        assert "<script" not in answer.text

    @pytest.mark.parametrize("value", ["", "wrong", "a" * 43])
    def test_a_wrong_cookie_or_token_is_none(self, stranger, value):
        assert stranger.get("/v1/studio", headers={"Cookie": f"{COOKIE}={value}"}).status_code == 401
        assert stranger.get("/v1/studio", headers={"Authorization": f"Bearer {value}"}).status_code == 401
        assert stranger.get("/", headers={"Cookie": f"{COOKIE}={value}"}).status_code == 401

    def test_the_cookie_of_another_studio_is_none(self, stranger):
        cookie = {"Cookie": f"promptseg-studio-1={stranger.app.state.access.secret}"}
        assert stranger.get("/v1/studio", headers=cookie).status_code == 401


def test_the_secret_works_as_a_token_for_scripts(stranger):
    assert stranger.get("/v1/studio", headers={"Authorization": f"Bearer {stranger.app.state.access.secret}"}).status_code == 200


def test_a_further_address_is_given_to_who_has_the_secret(client):
    answer = client.post("/v1/studio/addresses")
    assert answer.status_code == 201
    client.cookies.clear()
    assert client.get(answer.json()["address"]).status_code == 303


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example:8470"}, {"Origin": "https://evil.example"}])
@pytest.mark.parametrize("path", ["/", "/v1/studio", "/open/x"])
def test_other_hosts_and_pages_are_refused_even_with_the_cookie(client, header, path):
    assert client.get(path, headers=header).status_code == 403


def test_a_page_of_another_port_cannot_write(client):
    answer = client.put("/v1/studio/labels", json={"labels": []}, headers={"Origin": "http://127.0.0.1:3000"})
    assert answer.status_code == 403


class TestSecret:
    def test_it_is_the_owners_alone_and_stays(self, tmp_path):
        first = Access(tmp_path)
        assert stat.S_IMODE((tmp_path / "session").stat().st_mode) == 0o600
        assert Access(tmp_path).secret == first.secret == read_secret(tmp_path)

    def test_a_file_that_others_may_read_is_closed(self, tmp_path):
        secret = Access(tmp_path).secret
        (tmp_path / "session").chmod(0o644)
        assert Access(tmp_path).secret == secret
        assert stat.S_IMODE((tmp_path / "session").stat().st_mode) == 0o600

    @pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 50, b"a" * 50 + b"\n"])
    def test_a_file_that_is_none_is_replaced(self, tmp_path, content):
        (tmp_path / "session").write_bytes(content)
        secret = Access(tmp_path).secret
        assert len(secret) >= 40
        assert os.fsencode(secret) != content
        assert read_secret(tmp_path) == secret


@pytest.mark.parametrize("content", ["", "[]", '{"host": 1, "port": 8470}', '{"host": "127.0.0.1", "port": 0}', '{"host": "a"}'])
def test_a_file_that_says_nothing_of_a_running_studio_is_none(tmp_path, content):
    (tmp_path / "server.json").write_text(content)
    assert Running.read(tmp_path) is None


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8470"),
        ("0.0.0.0", "http://127.0.0.1:8470"),
        ("::1", "http://[::1]:8470"),
        ("::", "http://[::1]:8470"),
    ],
)
def test_the_address_is_one_that_a_browser_can_open(tmp_path, host, address):
    Running(host, 8470).write(tmp_path)
    assert Running.read(tmp_path).address == address


def test_a_dataset_has_a_name_that_no_other_has_whatever_its_path_is(photos, tmp_path, monkeypatch, studio_app, client_of):
    from promptseg.studio_server.project import open_project

    def told(place):
        (tmp_path / place).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / place)
        with open_project(photos, Path("dataset")) as project, client_of(studio_app(project)) as client:
            return client.get("/v1/studio").json(), client.app.state.access.secret

    (here, secret), (there, _), (again, _) = told("here"), told("there"), told("here")
    assert here["out"] == there["out"] == "dataset"
    assert here["dataset"] == again["dataset"] != there["dataset"]
    assert here["dataset"] not in secret
    assert secret not in str(here)
