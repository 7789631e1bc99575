"""For tests of code that uses promptseg: models that need no weights, and the contracts that every backend must pass.

The fakes here answer at once and always the same. `promptseg.testing.contracts` has pytest classes to subclass; it alone imports pytest.
"""

from __future__ import annotations

import sys

from .fakes import FakeDetector, FakeFrames, FakeSegmenter, FakeSession, FakeVideoSegmenter, FakeVideoSession

__all__ = ["FakeDetector", "FakeFrames", "FakeSegmenter", "FakeSession", "FakeVideoSegmenter", "FakeVideoSession"]

if "pytest" in sys.modules:  # Only a pytest that already runs can show the values in the contracts' assertions; nothing is imported for it.
    sys.modules["pytest"].register_assert_rewrite(f"{__name__}.contracts")  # Its modules included.
