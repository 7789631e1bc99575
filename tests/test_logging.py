"""Logging: one logger of the package, silent until the application listens."""

import logging
import subprocess
import sys

import pytest

import promptseg as ps
from promptseg.samples import coffee

NEEDS = "a model of the catalog without weights: superpixel needs scikit-image"


def test_the_logger_is_silent_until_an_application_configures_logging():
    code = "import promptseg, logging; logging.getLogger('promptseg.registry').warning('not seen')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_loading_is_logged_with_model_engine_and_seconds(caplog):
    pytest.importorskip("skimage", reason=NEEDS)
    with caplog.at_level(logging.INFO, "promptseg"):
        ps.load("superpixel")
    (record,) = [record for record in caplog.records if record.levelno == logging.INFO]
    assert record.name == "promptseg.registry.loading"
    assert record.getMessage().startswith("loaded superpixel (engine ")


def test_each_image_is_logged_for_debugging_with_its_stages(caplog):
    pytest.importorskip("skimage", reason=NEEDS)
    with caplog.at_level(logging.DEBUG, "promptseg"):
        ps.segment(coffee(), ps.Prompt.point(290, 160), model="superpixel")
    (message,) = [record.getMessage() for record in caplog.records if record.name == "promptseg.pipeline.stages"]
    assert "masks 1" in message
    assert "segment" in message
