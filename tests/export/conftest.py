"""Fixture of the export tests: layouts of tiny models."""

import pytest


@pytest.fixture(scope="session")
def tiny_layout(tiny_sam):
    """Make the layout of a tiny SAM: ``tiny_layout(seed)``."""

    def make(seed=0):
        from promptseg.export.sam import SamLayout

        return SamLayout(tiny_sam(seed))

    return make
