"""The options of `promptseg serve --executor ray` reach the engine; that it works is shown in `tests/server/test_ray_engine.py`."""

from __future__ import annotations

import sys

import pytest

from promptseg.cli.on_ray import ray_engine, replicas_of
from promptseg.server.ray_deployment import Replicas
from promptseg.server.ray_replica import ReplicaSettings
from promptseg.server.settings import ServerSettings


@pytest.mark.parametrize(
    ("given", "gpus", "expected"),
    [
        (None, None, Replicas(1, 1)),
        ("3", None, Replicas(3, 3)),
        ("2:8", 0.25, Replicas(2, 8, gpus=0.25)),
    ],
)
def test_replicas_are_a_number_or_two(given, gpus, expected):
    assert replicas_of("ray", given, gpus, ["cuda"]) == expected


def test_the_local_executor_has_none():
    assert replicas_of("local", None, None, ["cuda", "cpu"]) is None


def test_the_settings_of_the_server_are_those_of_each_replica(tmp_path):
    settings = ServerSettings(port=5, open_bytes=1, image_bytes=2, max_waiting=3, max_videos=4, idle_seconds=6)
    engine = ray_engine({}, settings, ["cuda"], "fake-tracker", tmp_path, Replicas(2, 2))
    assert engine._settings == ReplicaSettings("cuda", "fake-tracker", 1, 2, 3, 4, 6, tmp_path)
    assert engine._name.endswith("-5")


def test_without_ray_the_command_says_what_to_install(run, monkeypatch):
    pytest.importorskip("fastapi")
    monkeypatch.setitem(sys.modules, "ray", None)
    result = run("serve", "--executor", "ray", "--port", "0")
    assert result.exit_code == 1
    assert "ray-serve" in result.stderr
