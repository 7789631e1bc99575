"""Figures of speed are kept in the cache folder, and a damaged file loses figures and no more."""

import json
import logging
from dataclasses import replace

import pytest

from promptseg.errors import OutputError
from promptseg.runtime.host import processor_name, usable_processors
from promptseg.speed.figures import SpeedFigure, figures_here, figures_path, keep_figures, read_figures

FIGURE = SpeedFigure(
    "mini-sam",
    "onnx",
    "cpu",
    "A processor",
    2,
    (400, 600),
    {"load": 1.0, "encode": 0.5, "prompt": 0.25, "everything": 9.0},
    "2026-11-29",
    "1",
)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("PROMPTSEG_HOME", str(tmp_path / "home"))


def test_an_image_takes_what_comes_before_its_first_answer():
    assert FIGURE.image_seconds == 0.75
    assert replace(FIGURE, seconds={"load": 1.0, "detect": 0.5}).image_seconds == 0.5


def test_what_is_kept_is_read():
    assert read_figures() == ()
    other = replace(FIGURE, engine="torch")
    keep_figures([FIGURE])
    keep_figures([other])
    assert read_figures() == (FIGURE, other)


def test_a_newer_figure_of_the_same_model_on_the_same_machine_replaces_the_older():
    newer, elsewhere = replace(FIGURE, seconds={"encode": 0.1}), replace(FIGURE, processor="Another")
    keep_figures([FIGURE, elsewhere])
    keep_figures([newer])
    assert read_figures() == (elsewhere, newer)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"figures": 3}',
        '{"figures": [{}]}',
        json.dumps({"figures": [{**FIGURE.__dict__, "seconds": {"encode": -1}}]}),
        json.dumps({"figures": [{**FIGURE.__dict__, "seconds": {"other": 1}}]}),
        json.dumps({"figures": [{**FIGURE.__dict__, "size": [3]}]}),
        json.dumps({"figures": [{**FIGURE.__dict__, "threads": True}]}),
        json.dumps({"figures": [{**FIGURE.__dict__, "model": 3}]}),
    ],
)
def test_a_damaged_file_has_no_figures_and_is_replaced(text, caplog):
    figures_path().parent.mkdir(parents=True)
    figures_path().write_text(text)
    with caplog.at_level(logging.WARNING):
        assert read_figures() == ()
    assert "speed.json cannot be read" in caplog.text
    keep_figures([FIGURE])
    assert read_figures() == (FIGURE,)


def test_figures_of_another_processor_are_not_those_of_this_machine():
    here = replace(FIGURE, processor=processor_name(), threads=usable_processors())
    card = replace(FIGURE, engine="torch", device="cuda", processor="A GPU")
    keep_figures([FIGURE, replace(here, threads=here.threads + 1), here, card])
    assert figures_here() == {("mini-sam", "onnx"): here, ("mini-sam", "torch"): card}


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "home").write_text("a file in its place")
    with pytest.raises(OutputError, match="home"):
        keep_figures([FIGURE])
