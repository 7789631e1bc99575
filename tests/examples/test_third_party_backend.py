"""The example of a backend in its own package can be installed, found and loaded, and passes the contract tests."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

import promptseg

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "third_party_backend"

BOX_PROMPT = """
import numpy as np, promptseg as ps
image = np.full((60, 80, 3), (30, 90, 40), np.uint8)
image[15:45, 20:60] = (220, 30, 30)
image = (image + np.random.default_rng(0).integers(0, 12, image.shape)).astype(np.uint8)
mask = ps.load("grabcut").open(image).segment([ps.Prompt.box(14, 9, 66, 51)])[0]
truth = np.zeros((60, 80), bool)
truth[15:45, 20:60] = True
print(mask.iou(ps.Mask.from_array(truth)))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run Python where the example is installed, and return its output."""
    for package in ("pip", "hatchling"):
        try:
            importlib.metadata.version(package)  # Not by looking for the module: setuptools gives up its distutils once pip is looked for.
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"installing the example needs {package}")
    folder = tmp_path_factory.mktemp("site")
    install = ["install", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--target", str(folder)]
    paths = [str(folder), str(Path(promptseg.__file__).resolve().parents[1])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }

    def run(*arguments):
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("-m", "pip", *install, str(EXAMPLE))
    return run


def test_it_segments_a_box_once_it_is_installed(run):
    assert float(run("-c", BOX_PROMPT)) > 0.95


def test_listing_backends_does_not_import_opencv(run):
    listed = run("-c", "import sys\nfrom promptseg.registry import backends\nprint('grabcut' in backends(), 'cv2' in sys.modules)")
    assert listed.split() == ["True", "False"]


def test_its_own_contract_tests_pass(run):
    assert " passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests"))
