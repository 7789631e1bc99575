"""Leaves what exists when tests begin out of the garbage collector's searches.

Modules and collected tests are over a million objects, which live until the end. Each search among all objects would look at them again,
and take a second: while they are made, and in every test that makes many objects or asks for a search.
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
