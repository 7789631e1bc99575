"""Projects of Label Studio that have connected, known after the end of the server, and their tokens forgotten."""

from __future__ import annotations

import json
import os

import pytest

from promptseg.server.protocols._label_studio_bodies import Options
from promptseg.server.protocols._label_studio_connections import MAX_CONNECTIONS, Connections
from promptseg.server.settings import ServerSettings
from running_server import running

httpx = pytest.importorskip("httpx2")

ADDRESS, TOKEN = "http://labels.example:8080", "0123456789abcdef"
OPTIONS = Options(model="words", answer="polygon", tolerance=0.5)


@pytest.fixture
def settings(tmp_path):
    return ServerSettings(addresses=("labels.example",), connections_file=tmp_path / "kept" / "label-studio.json")


def test_a_connection_is_known_again_without_its_token(settings):
    before = Connections(settings)
    before.add("", "3.17", ADDRESS, TOKEN, OPTIONS)
    assert before.get("", "3.17").source.key == TOKEN
    again = Connections(settings).get("", "3.17")
    assert (again.source.url, again.source.key, again.source.allowed) == (ADDRESS, "", ("labels.example",))
    assert again.options == OPTIONS


def test_nobody_else_may_read_the_file_and_it_holds_no_token_or_password(settings):
    connections = Connections(settings)
    connections.add("", "3", ADDRESS, TOKEN, OPTIONS)
    connections.add("", "4", "http://ann:secret@labels.example", TOKEN, OPTIONS)
    text = settings.connections_file.read_text("utf-8")
    assert [each["address"] for each in json.loads(text)["connections"]] == [ADDRESS, ""]
    assert TOKEN not in text
    if os.name == "posix":
        assert settings.connections_file.stat().st_mode & 0o777 == 0o600


def test_the_last_word_of_a_project_counts_and_the_oldest_projects_are_forgotten(settings):
    connections = Connections(settings)
    settings.connections_file.parent.mkdir()
    kept = [{"model": "", "project": str(number), "address": "", "options": {}} for number in range(MAX_CONNECTIONS)]
    settings.connections_file.write_text(json.dumps({"connections": kept}), "utf-8")
    connections = Connections(settings)
    connections.add("", 0, ADDRESS, TOKEN, OPTIONS)
    connections.add("words", 0, "", TOKEN, Options())
    again = Connections(settings)
    assert again.get("", "0").options == OPTIONS
    assert again.get("", "1").address == ""
    assert len(json.loads(settings.connections_file.read_text("utf-8"))["connections"]) == MAX_CONNECTIONS
    assert "1" not in {each["project"] for each in json.loads(settings.connections_file.read_text("utf-8"))["connections"]}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"connections": [{"model": 3}]}', b"\xff" * 9, b" " * (9 << 20)])
def test_a_file_that_cannot_be_read_is_left_out_and_replaced(settings, content, caplog):
    settings.connections_file.parent.mkdir()
    settings.connections_file.write_bytes(content)
    connections = Connections(settings)
    assert "cannot be read, and are forgotten" in caplog.text
    connections.add("", "3", ADDRESS, TOKEN, OPTIONS)
    assert Connections(settings).get("", "3").options == OPTIONS


def test_a_folder_that_cannot_be_written_loses_nothing_while_the_server_runs(tmp_path, caplog):
    (tmp_path / "kept").write_text("a file")
    connections = Connections(ServerSettings(connections_file=tmp_path / "kept" / "label-studio.json"))
    connections.add("", "3", ADDRESS, TOKEN, OPTIONS)
    assert connections.get("", "3").options == OPTIONS
    assert "forgotten when the server ends" in caplog.text
    assert TOKEN not in caplog.text


def test_a_server_that_is_started_again_answers_as_the_project_has_asked(served_pipelines, tmp_path, sample_bytes):
    import base64

    image = f"data:image/jpeg;base64,{base64.b64encode(sample_bytes).decode()}"
    config = """<View><Image name="image" value="$image"/><PolygonLabels name="polygon" toName="image"><Label value="cup"/></PolygonLabels>
    <BrushLabels name="brush" toName="image"><Label value="cup"/></BrushLabels></View>"""
    asked = {"tasks": [{"id": 1, "data": {"image": image}}], "project": "3.17", "label_config": config, "params": {"context": None}}
    settings = ServerSettings(port=0, connections_file=tmp_path / "label-studio.json")
    with running(served_pipelines, settings, tmp_path) as server:
        setup = {"project": "3.17", "schema": config, "extra_params": {"model": "words", "answer": "brush"}}
        assert httpx.post(f"{server.url}/setup", json=setup, timeout=60).json() == {"model_version": "words"}
        before = httpx.post(f"{server.url}/predict", json=asked, timeout=60).json()
    with running(served_pipelines, settings, tmp_path) as server:
        after = httpx.post(f"{server.url}/predict", json=asked, timeout=60).json()
    assert after["model_version"] == "words"
    assert {result["type"] for result in after["results"][0]["result"]} == {"brushlabels"}
    shapes = [[result["value"] for result in answer["results"][0]["result"]] for answer in (before, after)]
    assert shapes[0] == shapes[1] != []
