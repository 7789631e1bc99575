"""Composites of which alpha and colors are known; the benchmark measures on the same."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def composites():
    spec = importlib.util.spec_from_file_location("composites", BENCHMARKS / "composites.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["composites"] = module  # Where dataclasses look for it.
    spec.loader.exec_module(module)
    yield module
    del sys.modules["composites"]
