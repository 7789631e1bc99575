"""`promptseg serve`: every option reaches the server, and wrong usage is told before anything is loaded."""

from __future__ import annotations

import re
import socket
import sys

import pytest

from in_process import invoke
from promptseg.testing import FakeSegmenter

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")


@pytest.fixture
def served(monkeypatch, tmp_path, add_model):
    """Function that runs the command, and returns the engine and settings of the server that it would run, and what was printed."""
    from promptseg.server.engine import LocalEngine

    monkeypatch.chdir(tmp_path)
    for name in ("images", "datasets"):
        (tmp_path / name).mkdir()
    for name in ("fake", "other"):
        add_model(name, "segmenter", lambda _: FakeSegmenter(), options={"quantize": None})
    add_model("mini-sam", "segmenter", lambda _: FakeSegmenter())
    monkeypatch.setattr("promptseg.registry.loading.load_video", lambda name, device: (name, device))
    called = []

    def serve(engine, settings, listening, folder):
        called.append((engine, settings))
        listening.close()

    monkeypatch.setattr("promptseg.server.run.serve", serve)
    monkeypatch.setattr(LocalEngine, "load", lambda self: None)

    def run(*words):
        done = invoke(["serve", "--port", "0", *words])
        assert done.exit_code == 0, done.output
        engine, settings = called.pop()
        return engine, settings, done.stderr

    return run


def test_the_default_is_one_model_on_loopback_without_a_token(served):
    engine, settings, told = served()
    assert list(engine._pipelines) == ["mini-sam"]
    assert (settings.host, settings.token, settings.folders, settings.addresses, settings.origins) == ("127.0.0.1", None, (), (), ())
    assert re.search(rf"promptseg serves mini-sam at http://127\.0\.0\.1:{settings.port}$", told, re.MULTILINE)
    assert settings.port != 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--allow", "images"), {"folders": ["images"]}),
        (("--allow-out", "datasets"), {"out_folders": ["datasets"]}),
        (("--allow-host", "a.example", "--allow-host", "b.example:80"), {"addresses": ("a.example", "b.example:80")}),
        (("--allow-name", "s.example"), {"hosts": ("s.example",)}),
        (("--origin", "https://l.example/"), {"origins": ("https://l.example",)}),
        (("--protocol", "none"), {"protocols": ()}),
        (
            ("--label-studio", "http://l.example", "--label-studio-key", "k"),
            {"label_studio_url": "http://l.example", "label_studio_key": "k"},
        ),
        (("--cvat-labels", "cat, red car"), {"cvat_labels": ("cat", "red car")}),
        (("--max-upload", "2"), {"max_upload_bytes": 2 << 20}),
        (("--max-waiting", "3"), {"max_waiting": 3}),
        (("--rate", "4"), {"requests_per_minute": 4}),
        (("--memory", "5", "--disk", "6"), {"open_bytes": 5 << 20, "image_bytes": 6 << 20}),
        (("--token", "a-token-of-16-chars"), {"token": "a-token-of-16-chars"}),
    ],
)
def test_options_reach_the_settings(served, tmp_path, words, expected):
    _, settings, _ = served(*words)
    for name, value in expected.items():
        value = tuple((tmp_path / each).resolve() for each in value) if isinstance(value, list) else value
        assert getattr(settings, name) == value


def test_models_are_offered_by_their_names_and_configs_by_those_of_their_files(served, tmp_path):
    (tmp_path / "mine.yaml").write_text("segment: {model: other}\n")
    engine, _, _ = served("--config", "mine.yaml", "--model", "fake", "--model", "other", "--quantize", "int8")
    assert list(engine._pipelines) == ["mine", "fake", "other"]
    assert engine._pipelines["fake"].config.segment.options == {"quantize": "int8"}


def test_devices_and_the_tracker_reach_the_engine(served):
    engine, _, _ = served("--device", "cpu", "--device", "cuda", "--tracker", "sam2.1-hiera-tiny")
    assert engine._devices == ("cpu", "cuda")
    assert engine._tracker("cuda") == ("sam2.1-hiera-tiny", "cuda")
    assert engine._tracker(None) == ("sam2.1-hiera-tiny", "auto")


def test_another_host_gets_a_token_that_is_printed_once(served):
    _, settings, told = served("--host", "0.0.0.0")
    assert len(settings.token) >= 16
    assert told.count(settings.token) == 1


def test_a_token_of_the_environment_is_used_and_not_printed(served, monkeypatch):
    monkeypatch.setenv("PROMPTSEG_TOKEN", "a-token-of-16-chars")
    _, settings, told = served("--host", "0.0.0.0")
    assert settings.token == "a-token-of-16-chars"
    assert settings.token not in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--allow", "absent"), "--allow is a folder that exists, got 'absent'"),
        (("--allow-out", "p.yaml"), "--allow-out is a folder that exists, got 'p.yaml'"),
        (("--memory", "-1"), "--memory is a whole number of at least 0, got -1"),
        (("--origin", "labels.example.org"), "https://labels.example.org, got 'labels.example.org'"),
        (("--origin", "*"), "got '*'"),
        (("--allow-name", "https://s.example"), "got 'https://s.example'"),
        (("--allow-host", "https://a.example/"), "got 'https://a.example/'"),
        (("--label-studio", "l.example:8080"), "begins with http:// or https://"),
        (("--cvat-labels", ","), "a phrase is text that is not blank, got ','"),
        (("--cvat-labels", "cat, cat|kitten"), "cvat_labels name one thing twice, got ('cat', 'cat|kitten')"),
        (("--model", "mini-smo"), "Did you mean 'mini-sam'"),
        (("--model", "mini-sam", "--model", "mini-sam"), "two models are offered by the name 'mini-sam'"),
        (("--config", "p.yaml", "--detector", "d-fine-n"), "--config names the models"),
        (("--protocol", "labelstudio"), "there is no protocol 'labelstudio'"),
        (("--token", "short"), "at least 16 characters"),
        (("--host", "no.such.host.invalid"), "cannot listen on no.such.host.invalid"),
    ],
)
def test_wrong_usage_is_told_before_a_model_is_loaded(served, words, told):
    done = invoke(["serve", "--port", "0", *words])
    assert done.exit_code in (1, 2)
    assert told in " ".join(done.stderr.split())


def test_a_port_that_is_taken_is_told(served):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = invoke(["serve", "--port", port])
    assert done.exit_code in (1, 2)
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "0 for any that is free" in " ".join(done.stderr.split())


def test_the_missing_package_is_named_with_what_to_install(served, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    done = invoke(["serve"])
    assert done.exit_code == 1
    assert "[server]" in done.stderr
