"""The server and the browser are killed in the middle of changes: nothing is lost or there twice. `studio_kills.py` does it often."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("fastapi")
pytest.importorskip("skimage")

TIMES = 2


@pytest.fixture
def kills():
    folder = str(Path(__file__).resolve().parents[3] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        import studio_kills
    finally:
        sys.path.remove(folder)
    if sys.platform == "win32":
        pytest.skip("this system has no signal that kills a process")
    if studio_kills.BROWSER is None:
        pytest.skip("there is no chromium on this machine")
    return studio_kills


def test_what_the_page_has_shown_is_kept_once_whatever_is_killed(kills, tmp_path):
    tally = kills.kill_all(tmp_path, TIMES)
    assert sum(tally.kills.values()) == 2 * TIMES
    assert (tally.lost, tally.doubled, tally.asked) == (0, 0, 0), tally
    assert tally.unsent > 0, "no kill came in the middle of a change"
