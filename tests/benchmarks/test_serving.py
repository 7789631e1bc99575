"""The benchmark of the server in its short form: under load, every answer is that of the Python call, and nothing stays behind."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")


@pytest.fixture(scope="module")
def benchmark():
    folder = str(Path(__file__).resolve().parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        import serving
    finally:
        sys.path.remove(folder)
    return serving


def test_the_short_form(benchmark):
    options = argparse.Namespace(prompts=32, clients=32, images=2, clicks=8, vanishing=100, opened=2)
    figures = benchmark.measure(options)
    assert figures["answers that differ from the Python call"] == 0
    assert set(figures["answers by status"]) <= {200, 429}
    assert figures["answers by status"][200] == 32
    assert figures["after 100 clients that vanished: requests that wait, jobs"] == [0, 0]
    assert figures["their requests that were decoded all the same"] < 100
    before, after = figures["open files and connections, before and after"]
    assert after <= before + 2
