"""What ``/`` tells: a browser gets a page that loads nothing, a program a line of text."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("fastapi")
httpx = pytest.importorskip("httpx2")

from promptseg.pipeline import BuiltPipeline  # noqa: E402 - The server needs fastapi.
from promptseg.pipeline.config import PipelineConfig  # noqa: E402
from promptseg.server.app import create_app  # noqa: E402
from promptseg.server.engine import LocalEngine  # noqa: E402
from promptseg.server.settings import ServerSettings  # noqa: E402
from promptseg.testing import FakeSegmenter  # noqa: E402
from running_server import running  # noqa: E402

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """A function that runs a server with one model."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("prometheus_client")

    def serve(name="fake", **settings):
        pipeline = BuiltPipeline(PipelineConfig(), segmenter=FakeSegmenter())
        return running({name: pipeline}, ServerSettings(port=0, **settings), tmp_path_factory.mktemp("server"))

    return serve


def test_a_browser_gets_a_page_with_the_models_and_links_that_exist(serve):
    with serve() as server:
        answer = httpx.get(server.url, headers=BROWSER)
        assert (answer.status_code, answer.headers["content-type"], answer.headers["vary"]) == (200, "text/html; charset=utf-8", "Accept")
        assert "<strong>fake</strong>: box, everything, example, mask, point" in answer.text
        assert "Label Studio" in answer.text
        links = re.findall(r'href="([^"]+)"', answer.text)
        assert [httpx.get(f"{server.url}/{link}").status_code for link in links if "://" not in link] == [200, 200]


def test_the_page_runs_and_loads_nothing(serve):
    with serve() as server:
        answer = httpx.get(server.url, headers=BROWSER)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"<(script|img|link|iframe)|\bon\w+=|url\(|@import", answer.text)


def test_names_of_models_are_text(serve):
    with serve("<script>x</script>") as server:
        assert "&lt;script&gt;x&lt;/script&gt;" in httpx.get(server.url, headers=BROWSER).text


@pytest.mark.parametrize(("protocols", "told"), [(None, "osam is running"), (("osam",), "osam is running"), ((), "promptseg is running")])
def test_a_program_gets_the_word_of_the_protocol_that_asks(serve, protocols, told):
    with serve(protocols=protocols) as server:
        answer = httpx.get(server.url)
    assert (answer.text, answer.headers["content-type"]) == (told, "text/plain; charset=utf-8")


def test_it_needs_the_token_as_all_that_tells_something(serve):
    with serve(token="a" * 32) as server:
        assert httpx.get(server.url, headers=BROWSER).status_code == 401
        assert httpx.get(f"{server.url}/?token={'a' * 32}", headers=BROWSER).status_code == 200


def test_an_application_may_have_a_page_of_its_own(tmp_path):
    app = create_app(LocalEngine({}, folder=tmp_path), folder=tmp_path, home_page=False)
    assert "/" not in {getattr(route, "path", None) for route in app.routes}
