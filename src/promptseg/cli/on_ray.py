"""The options of ``promptseg serve --executor ray``."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from ..pipeline import Pipeline
from .output import usage_error

if TYPE_CHECKING:
    from ..server.ray_deployment import Replicas
    from ..server.ray_engine import RayEngine
    from ..server.settings import ServerSettings


def replicas_of(executor: str, replicas: str | None, gpus: float | None, devices: list[str] | None) -> Replicas | None:
    """Return how many replicas the options ask for, or None for the executor ``local``; exit with status 2 if they contradict.

    Raises:
        ConfigError: The maximum is less than the number.
    """
    if executor not in ("local", "ray"):
        raise usage_error(f"executor must be 'local' or 'ray', got {executor!r}")
    if executor == "local":
        for name, value in (("--replicas", replicas), ("--gpus-per-replica", gpus)):
            if value is not None:
                raise usage_error(f"{name} {value} needs --executor ray, got --executor local")
        return None
    if devices and len(devices) > 1:
        raise usage_error(f"Ray gives each replica a device of its own: give --device once, got {' and '.join(devices)}")
    found = re.fullmatch(r"(\d{1,6})(?::(\d{1,6}))?", replicas or "1", re.ASCII)
    if found is None:
        raise usage_error(f"--replicas is a number, or two such as 2:8 for the fewest and the most, got {replicas!r}")
    from ..server.ray_deployment import Replicas

    return Replicas(int(found[1]), int(found[2] or found[1]), gpus=gpus or 0.0)


def ray_engine(
    pipelines: dict[str, Pipeline],
    settings: ServerSettings,
    devices: list[str] | None,
    tracker: str | None,
    folder: Path,
    replicas: Replicas,
) -> RayEngine:
    """Return the engine of replicas on Ray. Its name is that of this host and port, so that a restart replaces what was left."""
    from ..server.ray_engine import RayEngine
    from ..server.ray_replica import ReplicaSettings

    each = ReplicaSettings(
        device=devices[0] if devices else None,
        tracker=tracker,
        open_bytes=settings.open_bytes,
        image_bytes=settings.image_bytes,
        max_waiting=settings.max_waiting,
        max_videos=settings.max_videos,
        idle_seconds=settings.idle_seconds,
        folder=folder,
    )
    return RayEngine(pipelines, replicas, each, name=f"promptseg-{socket.gethostname()}-{settings.port}")
