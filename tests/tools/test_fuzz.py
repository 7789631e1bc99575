"""A short run of the fuzz targets. `make fuzz` runs them at length."""

import sys
from pathlib import Path

import pytest

from promptseg.testing.fuzzing import fuzz

TOOLS = Path(__file__).resolve().parents[2] / "tools"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the runner of fuzz targets forks")


@pytest.fixture(scope="module")
def targets():
    for package in ("pyarrow", "torch", "onnx", "safetensors"):
        pytest.importorskip(package, reason=f"the fuzz targets need {package}")
    sys.path.insert(0, str(TOOLS))
    try:
        import fuzz_targets
    finally:
        sys.path.remove(str(TOOLS))
    return fuzz_targets


def test_changed_files_are_read_or_refused_by_every_reader(targets):
    report = fuzz(targets.targets(), 8, seed=1)
    assert report.faults == []
    # Some are hardly ever read: what they hold is refused as a whole.
    assert len([name for name in report.read if report.read[name]]) >= len(targets.targets()) - 10


def test_good_files_are_read_by_the_readers_that_are_guided_by_coverage(targets, tmp_path):
    targets.images(tmp_path)
    for file, good, read in targets.single_files().values():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(good)
        read(tmp_path)
