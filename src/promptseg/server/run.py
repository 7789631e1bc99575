"""`serve`: run the server until it is told to stop."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import uvicorn

from ..errors import ConfigError
from .app import create_app
from .engine import Engine
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
        raise ConfigError(f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}") from error
    return listening


def serve(engine: Engine, settings: ServerSettings, listening: socket.socket, folder: Path | None = None) -> None:
    """Serve until the process gets SIGINT or SIGTERM. Requests that were accepted are answered first."""
    for name in ("uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    config = uvicorn.Config(
        create_app(engine, settings, folder),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=30,
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=1 << 16,
        limit_concurrency=1000,
    )
    uvicorn.Server(config).run(sockets=[listening])


BACKLOG = 2048
"""Number of connections that may wait to be accepted."""
