"""Examples, run as a user runs them."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def run_example(monkeypatch, capsys, tmp_path):
    """Run a script of the examples in an empty folder: ``run_example(name, *words)`` returns its exit status, output and errors.

    In this process, so that small models can stand for published ones.
    """
    monkeypatch.chdir(tmp_path)

    def run(name, *words):
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        status = 0
        try:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        except SystemExit as end:
            status = end.code or 0
            if isinstance(status, str):  # As Python does with a message.
                print(status, file=sys.stderr)
                status = 1
        printed = capsys.readouterr()
        return SimpleNamespace(status=int(status), output=printed.out, errors=printed.err)

    return run


@pytest.fixture
def image_file(photo, tmp_path):
    """Write a synthetic image: ``image_file(path, seed)`` is its path in the folder that examples run in."""
    from PIL import Image

    def write(path="photo.png", seed=0):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(seed=seed)).save(tmp_path / path)
        return Path(path)

    return write


@pytest.fixture
def named(small_models):
    """Return a model of the catalog with the weights of a small one as ``NAME=PATH``: ``named(model, engine)``."""

    def name(model, engine):
        stage = small_models.stage(model, engine)
        return f"{model}={stage['weights']}"

    return name
