"""Warnings of the server reach who started it: some tools show their users no reason of an error."""

from __future__ import annotations

import logging

import pytest

LOGGER = "promptseg.server"


@pytest.fixture
def show():
    """Function that does what a starting server does; what it has set up is taken back."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    pytest.importorskip("prometheus_client")
    from promptseg.server import run

    before = [list(logging.getLogger(name).handlers) for name in ("promptseg", LOGGER)]
    yield run._show_warnings
    for name, handlers in zip(("promptseg", LOGGER), before, strict=True):
        logging.getLogger(name).handlers[:] = handlers


def test_a_warning_is_printed_and_nothing_less(show, capsys):
    show()
    logging.getLogger(f"{LOGGER}.protocols.label_studio").warning("no such %s", "image")
    logging.getLogger(f"{LOGGER}.requests").info("a request")
    printed = capsys.readouterr().err
    assert printed.endswith("WARNING promptseg.server.protocols.label_studio: no such image\n")
    assert "a request" not in printed


def test_nothing_is_printed_twice_where_logging_is_set_up(show):
    logging.getLogger("promptseg").addHandler(logging.StreamHandler())
    before = list(logging.getLogger(LOGGER).handlers)
    show()
    assert logging.getLogger(LOGGER).handlers == before
