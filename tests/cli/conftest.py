"""Fixtures for the tests of the command line: running commands, and images to run them on."""

import os
import subprocess
import sys

import pytest
from PIL import Image

from in_process import invoke


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run():
    """Run a command in this process: ``run("models", "--json")`` has `exit_code`, `stdout` and `stderr`."""

    def run(*words):
        result = invoke(words)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def run_apart():
    """Run a command in its own process, as a shell would."""

    def run(*words, **environment):
        command = [sys.executable, "-m", "promptseg", *(str(word) for word in words)]
        environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8", **environment}
        encoding = environment["PYTHONIOENCODING"].partition(":")[0]
        return subprocess.run(command, capture_output=True, text=True, encoding=encoding, check=False, env=environment)

    return run


@pytest.fixture
def save_image(photo, tmp_path):
    """Write a synthetic image: ``save_image("a.png")`` is its path in the current folder."""

    def save(name, height=60, width=80, seed=0):
        Image.fromarray(photo(height, width, seed)).save(tmp_path / name)
        return name

    return save
