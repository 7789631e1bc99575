"""Searches for no garbage while tests are collected.

Modules and tests are over a million objects, and none of them is garbage. Python would look at all of them again and again. They are not
frozen afterwards: hypothesis asks the garbage collector who holds a generator of random numbers, and it does not find frozen ones.
"""

from __future__ import annotations

import gc

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.enable()
