"""Fixtures of all tests: an isolated home, a small image, the folder of real data. Those of a subject are in `tests/fixtures`."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image, ImageDraw, ImageFilter

import promptseg
from promptseg.errors import WeightsError

pytest_plugins = [
    "browser",
    "catalog_models",
    "detector_exports",
    "entry_points",
    "fake_cuda",
    "fake_onnx_cuda",
    "file_server",
    "grounding_models",
    "hf_names",
    "hub_server",
    "internet",
    "long_first",
    "mini_sam_once",
    "no_garbage",
    "no_sync",
    "npm_clients",
    "onnx_sam_models",
    "running_server",
    "salient_models",
    "sam3_models",
    "skips",
    "sam3_video_models",
    "hf_sam_models",  # After the modules that it imports from.
    "small_models",
    "torch_sam_models",
    "transformers_js_models",
    "transformers_models",
    "video_files",
    "yolo_models",
]

# The same examples at every run, so that a change that breaks nothing never fails; `--hypothesis-profile=explore` looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def new_home(tmp_path_factory):
    """Make a new empty folder. `mktemp` would read the names of all others for each, which took half a minute for all tests."""
    homes, numbers = tmp_path_factory.mktemp("homes"), itertools.count()

    def make():
        home = homes / str(next(numbers))
        home.mkdir()
        return home

    return make


@pytest.fixture(autouse=True)
def isolated_home(request, new_home, monkeypatch):
    """Keeps tests away from the user's cache and settings; tests marked `weights` use the real home."""
    if request.node.get_closest_marker("weights"):
        return
    home = new_home()
    monkeypatch.setenv("PROMPTSEG_HOME", str(home))
    monkeypatch.setenv("HF_HOME", str(home / "huggingface"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # Nothing listens there: no test reaches the real hub.
    for name in ("PROMPTSEG_OFFLINE", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and weights beside the project; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared"
    if not folder.is_dir():
        pytest.skip("no folder `shared` beside the project: real images and weights are missing")
    return folder.resolve()


@pytest.fixture(scope="session")
def mini_sam():
    """The default model with its published weights, loaded once; for tests marked `weights`, which are skipped where they cannot be had."""
    try:
        return promptseg.load("mini-sam")
    except WeightsError as error:
        pytest.skip(f"the weights of mini-sam cannot be had here: {error}")


@pytest.fixture(scope="session")
def photo():
    """Makes small synthetic photos: ``photo()`` or ``photo(height, width, seed)`` is an (H, W, 3) uint8 RGB array."""

    def make(height: int = 120, width: int = 160, seed: int = 0):
        random = np.random.default_rng(seed)
        ground = np.linspace(40, 150, width)[None, :, None] + np.linspace(0, 40, height)[:, None, None] + np.array([0, 20, 45])
        image = Image.fromarray(ground.astype(np.uint8))
        draw = ImageDraw.Draw(image)
        draw.ellipse([width * 0.1, height * 0.2, width * 0.45, height * 0.75], fill=(220, 60, 40))
        draw.rectangle([width * 0.55, height * 0.3, width * 0.9, height * 0.85], fill=(40, 180, 90))
        soft = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), np.int16)
        return np.clip(soft + random.integers(-6, 7, soft.shape), 0, 255).astype(np.uint8)

    return make
