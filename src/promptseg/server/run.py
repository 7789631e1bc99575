"""`serve`: run the server until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from ..errors import ConfigError
from .app import create_app
from .engine import Engine
from .heads import bounded_heads
from .service import Service
from .settings import ServerSettings


def bound_socket(settings: ServerSettings) -> socket.socket:
    """Return a socket that listens at the host and port of the settings.

    Raises:
        ConfigError: The host is unknown, or the port is taken or not permitted.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host.strip("[]"), settings.port))
        listening.listen(BACKLOG)  # From here on, who connects waits until the server has started.
    except OSError as error:
        listening.close()
        free = ": give another one, or 0 for any that is free" if error.errno == errno.EADDRINUSE else ""
        raise ConfigError(f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}{free}") from error
    return listening


def serve(engine: Engine, settings: ServerSettings, listening: socket.socket, folder: Path | None = None) -> None:
    """Serve until the process gets SIGINT or SIGTERM. Requests that were accepted are answered first."""
    serve_app(create_app(engine, settings, folder), listening)


def serve_app(app: FastAPI, listening: socket.socket, seconds: int = 30) -> None:
    """Serve an application of `create_app`, as `serve` does.

    Args:
        app: The application.
        listening: Socket that listens.
        seconds: Time to answer what was accepted, when the server is told to stop.
    """
    for name in ("uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    config = configured(app, seconds)
    with _warnings_shown(), _ended_by_signals():
        _Server(config, app.state.service).run(sockets=[listening])


def configured(app: FastAPI, seconds: int = 30) -> uvicorn.Config:
    """Return how uvicorn serves an application.

    Args:
        app: The application.
        seconds: Time to answer what was accepted, when the server is told to stop.
    """
    return uvicorn.Config(
        app,
        log_config=None,
        # h11: what is refused and bounded is so in its reading. httptools, which is taken where it is installed, reads more.
        http=bounded_heads(app.state.service.settings.head_seconds),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=seconds,
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=1 << 16,
        limit_concurrency=1000,
    )


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End the block on SIGINT and SIGTERM, which uvicorn raises again when it has stopped, so that what stands around it is cleaned up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before: Any = signal.signal(signal.SIGTERM, stop)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Server(uvicorn.Server):
    """A server that ends its jobs and streams before it waits for open connections."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._service.begin_stop()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _warnings_shown() -> Iterator[None]:
    """Show the server's warnings on standard error, unless more is logged already: some tools tell their users no reason of an error."""
    if not all(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("promptseg").handlers):
        yield
        return
    logger, handler = logging.getLogger(__package__), logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


BACKLOG = 2048
"""Number of connections that may wait to be accepted."""
