"""`promptseg studio`: every option reaches the studio, and wrong usage is told before anything is opened."""

from __future__ import annotations

import re
import socket
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from in_process import invoke
from promptseg.testing import FakeDetector, FakeSegmenter

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")


@pytest.fixture
def studio(monkeypatch, tmp_path, add_model):
    """Function that runs the command, and returns the application that it would serve, its port, and what was printed.

    `studio.opened` has the addresses that the browser was to open.
    """
    monkeypatch.chdir(tmp_path)
    for name in ("fake", "mini-sam"):
        add_model(name, "segmenter", lambda _: FakeSegmenter(), options={"quantize": None})
    add_model("find", "detector", lambda _: FakeDetector({}))
    monkeypatch.setattr("promptseg.registry.loading.load_video", lambda name, device: (name, device))
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(np.zeros((8, 10, 3), np.uint8)).save(photos / "a.png")
    called, opened = [], []

    def serve_app(app, listening, seconds):
        called.append((app, listening.getsockname()))

    monkeypatch.setattr("promptseg.server.run.serve_app", serve_app)
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("promptseg.cli.studio.PORT", 0)

    def run(*words):
        done = invoke(["studio", *words])
        assert done.exit_code == 0, done.output
        app, address = called.pop()
        return app, address[1], done.stderr

    run.opened = opened
    return run


def project(app):
    return app.state.studio.project


def test_a_folder_is_opened_with_a_dataset_beside_it(studio, tmp_path):
    app, port, told = studio("photos", "--no-browser")
    assert project(app).out == tmp_path / "photos-studio"
    assert project(app).name == "photos"
    assert f"The dataset is in {tmp_path / 'photos-studio'}" in told
    assert re.search(rf"^Open, once: http://127\.0\.0\.1:{port}/open/[\w-]{{32}}$", told, re.MULTILINE)
    assert (tmp_path / "photos-studio" / "journal.jsonl").is_file()
    assert not (tmp_path / "photos" / "journal.jsonl").exists()
    assert studio.opened == []


@pytest.mark.parametrize("words", [["typo"], ["typo.mp4"], ["photos", "--model", "typo"]])
def test_a_source_or_a_model_that_is_not_there_leaves_no_folder(studio, tmp_path, words):
    before = sorted(tmp_path.iterdir())
    done = invoke(["studio", *words, "--no-browser"])
    assert done.exit_code != 0
    assert "typo" in done.output
    assert sorted(tmp_path.iterdir()) == before


def test_a_video_and_a_folder_of_its_frames_are_opened(studio, tmp_path, write_video):
    write_video(tmp_path / "clip.mp4", 3)
    for words in (("clip.mp4",), ("photos", "--video")):
        app, _, _ = studio(*words, "--no-browser")
        assert (project(app).kind, project(app).name) == ("video", words[0])
    assert (tmp_path / "clip-studio" / "video.jsonl").is_file()
    app, _, _ = studio("clip.mp4", "--no-browser")  # The folder is one of the studio.
    assert project(app).frames.size == (48, 64)


def test_without_images_the_sample_is_opened(studio, tmp_path):
    app, _, _ = studio("--no-browser")
    assert [each.name for each in project(app)._images.all] == ["images/coffee.jpg"]
    assert (tmp_path / "promptseg-studio" / "images" / "coffee.jpg").is_file()


def test_the_browser_opens_the_address_that_is_printed(studio):
    from promptseg.cli import studio as command

    threads = []
    original = command.threading.Thread

    class Thread(original):
        def start(self):
            super().start()
            threads.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command.threading, "Thread", Thread)
        _, _, told = studio("photos")
        for thread in threads:
            thread.join()
    assert studio.opened == re.findall(r"Open, once: (.*)", told)


def test_the_dataset_folder_labels_and_truth_are_those_that_are_given(studio, tmp_path):
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.full((8, 10), 255, np.uint8)).save(tmp_path / "masks" / "a.png")
    app, _, _ = studio("photos", "--out", "mine", "--labels", "labels.txt", "--truth", "masks=masks", "--no-browser")
    assert project(app).out.name == "mine"
    assert [label.name for label in project(app).labels.all] == ["cat", "dog"]
    assert [each.mask.area for each in project(app).true_objects(project(app).summaries()[0].key)] == [80]


def test_the_models_reach_the_engine_and_detectors_tell_more_than_is_shown(studio):
    app, _, _ = studio("photos", "--no-browser", "--model", "fake", "--detector", "find", "--quantize", "int8", "--threshold", "0.4")
    engine = app.state.service.engine
    config = engine._pipelines["fake"].config
    assert (config.detect.model, config.detect.threshold, config.segment.options) == ("find", 0.1, {"quantize": "int8"})
    assert project(app).threshold == 0.4


def test_the_device_tracker_host_and_port_are_those_that_are_given(studio):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        wanted = free.getsockname()[1]
    app, port, told = studio("photos", "--no-browser", "--device", "cpu", "--tracker", "t", "--host", "localhost", "--port", wanted)
    assert app.state.service.engine._devices == ("cpu",)
    assert app.state.service.engine._tracker("cpu") == ("t", "cpu")
    assert (app.state.service.settings.host, port) == ("localhost", wanted)
    assert f"http://localhost:{wanted}/open/" in told


def test_bands_and_stretch_are_those_that_are_given(studio):
    app, _, _ = studio("photos", "--no-browser", "--bands", "4,3,2", "--stretch", "1,99.5")
    assert (project(app).rasters._bands, project(app).rasters._stretch) == ((4, 3, 2), (1, 99.5))
    app, _, _ = studio("photos", "--no-browser")
    assert (project(app).rasters._bands, project(app).rasters._stretch) == (None, (2, 98))


def test_a_file_that_was_named_and_cannot_be_opened_is_told_at_once(studio, tmp_path):
    (tmp_path / "b.png").write_text("no image")
    assert "b.png is not an image" in studio("b.png", "--no-browser")[2]
    assert "promptseg: " not in studio("photos/a.png", "--no-browser")[2]


def test_the_next_studio_of_a_folder_has_the_port_and_secret_of_the_last_one(studio):
    first, port, _ = studio("photos", "--no-browser")
    second, again, _ = studio("photos", "--no-browser")
    assert port == again
    assert first.state.access.secret == second.state.access.secret


def test_a_port_that_is_taken_is_told_only_where_it_was_asked_for(studio, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        monkeypatch.setattr("promptseg.cli.studio.PORT", number)
        _, port, _ = studio("photos", "--no-browser")
        assert port != number
        done = invoke(["studio", "photos", "--no-browser", "--port", number])
    assert done.exit_code == 2
    assert f"cannot listen on 127.0.0.1 port {number}" in done.stderr


class TestRunning:
    """A second start on a folder whose studio runs."""

    @pytest.fixture
    def running(self, studio, tmp_path):
        from promptseg.studio_server.access import Access, Running
        from promptseg.studio_server.project import open_project

        with open_project("photos", tmp_path / "photos-studio") as project:
            Running("127.0.0.1", 8470).write(project.own)
            yield Access(project.own)

    def test_it_gives_a_further_address_of_that_one(self, studio, running, monkeypatch):
        asked = []

        def post(address, headers, timeout):
            asked.append((address, headers["Authorization"]))
            return SimpleNamespace(raise_for_status=lambda: None, json=lambda: {"address": "/open/code"})

        monkeypatch.setattr("requests.post", post)
        done = invoke(["studio", "photos", "--no-browser"])
        assert done.exit_code == 0
        assert "runs already. Open, once: http://127.0.0.1:8470/open/code" in done.stderr
        assert asked == [("http://127.0.0.1:8470/v1/studio/addresses", f"Bearer {running.secret}")]

    @pytest.mark.parametrize("given", [{}, {"address": "https://evil.example"}, {"address": 1}, []])
    def test_what_answers_like_no_studio_is_not_opened(self, studio, running, monkeypatch, given):
        monkeypatch.setattr("requests.post", lambda *_, **__: SimpleNamespace(raise_for_status=lambda: None, json=lambda: given))
        done = invoke(["studio", "photos"])
        assert done.exit_code == 1
        assert "another run is writing to" in done.stderr
        assert studio.opened == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("photos", "photos-studio"),
        ("photos/", "photos-studio"),
        ("photos/../photos", "photos-studio"),
        ("photos/a.png", "photos/a-studio"),
        ("photos/*.png", "photos-studio"),
        ("link", "link-studio"),
    ],
)
def test_the_dataset_is_beside_the_images(studio, tmp_path, source, expected):
    from promptseg.studio_server.opening import default_out

    (tmp_path / "link").symlink_to(tmp_path / "photos")
    assert default_out(source) == tmp_path / expected


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("absent",), 1, "there is no absent"),
        (("photos", "--threshold", "2", "--detector", "find"), 2, "from 0 to 1, got 2"),
        (("photos", "--port", "70000"), 2, "--port is a whole number from 0 to 65535, got 70000"),
        (("photos", "--model", "mini-smo"), 2, "Did you mean 'mini-sam'"),
        (("photos", "--labels", "absent.txt"), 1, "absent.txt"),
        (("photos", "--truth", "masks=absent"), 1, "absent"),
        (("photos", "--video", "--truth", "masks=photos"), 2, "leave --truth out for a video"),
        (("--video",), 2, "give the folder"),
        (("absent.mp4",), 1, "absent.mp4"),
        (("photos", "--out", "photos/a.png"), 1, "is a file: expected a folder"),
        (("photos", "--host", "no.such.host.invalid"), 2, "cannot listen on no.such.host.invalid"),
    ],
)
def test_wrong_usage_is_told(studio, words, status, told):
    done = invoke(["studio", "--no-browser", *words])
    assert told in " ".join(done.stderr.split())
    assert done.exit_code == status


def test_a_folder_of_somebody_else_is_not_taken_for_the_dataset(studio, tmp_path):
    (tmp_path / "photos-studio").mkdir()
    (tmp_path / "photos-studio" / "notes.txt").write_text("mine")
    done = invoke(["studio", "photos", "--no-browser"])
    assert done.exit_code == 2
    assert "is not a folder of the studio: give --out" in " ".join(done.stderr.split())
    assert [path.name for path in (tmp_path / "photos-studio").iterdir()] == ["notes.txt"]


def test_the_missing_package_is_named_with_what_to_install(studio, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    done = invoke(["studio", "photos"])
    assert done.exit_code == 1
    assert "[studio]" in done.stderr
