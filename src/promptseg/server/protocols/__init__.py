"""Protocols of other tools, one a file. Each is written from the public description of what the tool sends."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import ConfigError, nearest

if TYPE_CHECKING:
    from fastapi import APIRouter


@dataclass(frozen=True)
class Protocol:
    """A protocol.

    Attributes:
        name: Its name in settings.
        tool: The tool that speaks it.
        base: Path below which the tool's routes lie, as the tool is told; ``"/"`` for the root.
        own_tokens: Beginnings of the paths whose routes check the token themselves, because it comes in the body.
        frames: Paths whose bodies hold all frames of a video, so that they may be larger than others.
        greeting: What ``/`` answers to programs; empty for a protocol that does not ask it.
    """

    name: str
    tool: str
    base: str = "/"
    own_tokens: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    greeting: str = ""

    def router(self) -> APIRouter:
        """Return the routes of the protocol, from the module of its name."""
        router: APIRouter = importlib.import_module(f".{self.name.replace('-', '_')}", __name__).router
        return router


PROTOCOLS: tuple[Protocol, ...] = (
    Protocol("label-studio", "Label Studio"),
    Protocol("cvat", "CVAT, self-hosted"),
    Protocol("roboflow", "Roboflow inference-sdk", own_tokens=("/sam2/", "/sam3/", "/info")),
    Protocol("x-anylabeling", "X-AnyLabeling", "/x-anylabeling", frames=("/x-anylabeling/v1/video/init",)),
    Protocol("osam", "osam", greeting="osam is running"),
    Protocol("samapi", "QuPath", "/sam/", frames=("/sam/video/",)),
)


def chosen(names: Sequence[str] | None) -> tuple[Protocol, ...]:
    """Return the protocols of some names; all for None.

    Raises:
        ConfigError: There is no protocol of a name.
    """
    if names is None:
        return PROTOCOLS
    known = {protocol.name: protocol for protocol in PROTOCOLS}
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no protocol {name!r}: there are {', '.join(known)}.{nearest(name, known)}")
    return tuple(known[name] for name in names)
