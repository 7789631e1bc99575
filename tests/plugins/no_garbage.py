"""Searches for no garbage among modules and tests.

They are over a million objects, and none of them is garbage. Python would look at all of them again and again: a second each time.
"""

from __future__ import annotations

import gc

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
