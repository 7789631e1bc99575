"""Fixtures for annotation: a folder of images, and pipelines with fake models."""

import json
from pathlib import Path

import pytest
from PIL import Image

from promptseg import Pipeline
from promptseg.testing import FakeDetector, FakeSegmenter


@pytest.fixture
def image_folder(tmp_path, photo):
    """Make a folder of small images: ``image_folder("a/0.png", "b/0.png")`` is its path."""

    def make(*names, folder="images"):
        root = tmp_path / folder
        for seed, name in enumerate(names):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(photo(60, 80, seed)).save(path)
        return root

    return make


@pytest.fixture
def pipeline(add_model):
    """A pipeline whose segmenter returns geometric masks."""
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    return Pipeline().segment("fake")


@pytest.fixture
def finder(add_model):
    """A pipeline that finds a dog and two cats on every image."""
    add_model("find", "detector", lambda _: FakeDetector({"dog": (5, 5, 35, 25), "cat": [(40, 30, 60, 50), (50, 5, 75, 25)]}))
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    return Pipeline().detect("find").segment("fake")


@pytest.fixture
def journal_of():
    """Read the last record of each image in a run's journal, by name: ``journal_of(out)``."""

    def read(out):
        lines = [json.loads(line) for line in (Path(out) / "journal.jsonl").read_text().splitlines()]
        return {line["name"]: line for line in lines if "name" in line}

    return read
