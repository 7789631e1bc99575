"""Fixtures of the export tests: layouts of tiny models, and running a graph."""

import pytest


@pytest.fixture(scope="session")
def tiny_layout(tiny_sam):
    """Make the layout of a tiny SAM: ``tiny_layout(seed)``."""

    def make(seed=0):
        from promptseg.export.sam import SamLayout

        return SamLayout(tiny_sam(seed))

    return make


@pytest.fixture
def run_graph():
    """Run a graph: ``run_graph(path, input=array)`` returns its outputs by name."""
    import onnxruntime

    def run(path, **inputs):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs), strict=True))

    return run
