"""Fake models without weights, and contract tests for backends, for tests of code that uses promptseg.

The fakes are fast and deterministic. `promptseg.testing.contracts` has pytest classes to subclass. Only that package imports pytest.
"""

from __future__ import annotations

import sys

from .fake_concept_video import FakeConceptVideoSegmenter, FakeConceptVideoSession
from .fakes import (
    FakeConceptSegmenter,
    FakeConceptSession,
    FakeDetector,
    FakeFrames,
    FakeSegmenter,
    FakeSession,
    FakeVideoSegmenter,
    FakeVideoSession,
)

__all__ = [
    "FakeConceptSegmenter",
    "FakeConceptSession",
    "FakeConceptVideoSegmenter",
    "FakeConceptVideoSession",
    "FakeDetector",
    "FakeFrames",
    "FakeSegmenter",
    "FakeSession",
    "FakeVideoSegmenter",
    "FakeVideoSession",
]

if "pytest" in sys.modules:  # pytest then shows the values in failed assertions of the contracts. This does not import pytest.
    sys.modules["pytest"].register_assert_rewrite(f"{__name__}.contracts")  # Includes the modules of the package.
