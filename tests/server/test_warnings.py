"""Warnings of the server reach who started it: some tools show their users no reason of an error."""

from __future__ import annotations

import logging

import pytest

LOGGER = "promptseg.server"


@pytest.fixture
def shown():
    """What a server has around it while it runs."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    pytest.importorskip("prometheus_client")
    from promptseg.server import run

    return run._warnings_shown


def test_a_warning_is_printed_and_nothing_less(shown, capsys, caplog):
    caplog.set_level(logging.DEBUG, "promptseg")  # As after a command with --verbose.
    with shown():
        logging.getLogger(f"{LOGGER}.protocols.label_studio").warning("no such %s", "image")
        logging.getLogger(f"{LOGGER}.requests").info("a request")
    printed = capsys.readouterr().err
    assert printed.endswith("WARNING promptseg.server.protocols.label_studio: no such image\n")
    assert "a request" not in printed


def test_nothing_is_printed_twice_where_logging_is_set_up(shown):
    own = logging.StreamHandler()
    logging.getLogger("promptseg").addHandler(own)
    try:
        before = list(logging.getLogger(LOGGER).handlers)
        with shown():
            assert logging.getLogger(LOGGER).handlers == before
    finally:
        logging.getLogger("promptseg").removeHandler(own)


def test_nothing_is_left_of_a_server_that_has_ended(shown):
    before = list(logging.getLogger(LOGGER).handlers)
    with shown():
        pass
    assert logging.getLogger(LOGGER).handlers == before
