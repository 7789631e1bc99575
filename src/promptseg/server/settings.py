"""`ServerSettings`: what a server allows, and its limits."""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from .._checks import whole_number
from ..errors import ConfigError, PromptError, shown
from ..image_formats import MAX_PIXELS
from ..vocabulary import parse_phrases

DEFAULT_PORT = 8420


@dataclass(frozen=True)
class ServerSettings:
    """Settings of a server. The defaults are safe: loopback only, no files of this machine, no addresses, no other origins.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 for any free one.
        token: Token that clients must send; None for none. One is made where `host` is not a loopback address and none is given.
        cookie: Name of a cookie that may hold the token, too; None for none. Pages that the server itself serves have it.
        hosts: Further values of the header ``Host`` to answer to, such as the name behind a proxy. Loopback names and `host` count always.
        origins: Web origins that may call from a browser, such as ``"https://labels.example.org"``.
        folders: Folders whose images and videos may be named by their path.
        out_folders: Folders below which jobs may write datasets.
        addresses: Hosts from which images may be fetched by their address, such as ``"images.example.org"``. Private addresses are refused
            even then, unless the host is written as such an address or ends with its port, such as ``"127.0.0.1:8080"``.
        max_upload_bytes: Maximum size of a request.
        max_video_bytes: Maximum size of an uploaded video.
        max_pixels: Maximum number of pixels of an image.
        max_prompts: Maximum number of prompts of a request.
        max_waiting: Number of requests that may wait for a device. More are refused with status 429.
        max_jobs: Number of jobs that may wait or run.
        requests_per_minute: Number of requests that one client address may make in a minute; 0 for any.
        head_seconds: Maximum time in which the head of a request comes.
        upload_seconds: Maximum time between two pieces of a request's body.
        image_bytes: Maximum size of the uploaded images on the disk.
        video_bytes: Maximum size of the uploaded videos on the disk.
        open_bytes: Maximum size of the opened images in memory.
        max_videos: Number of open videos.
        idle_seconds: Time after which what nobody has used is forgotten: images, videos and results of jobs.
        protocols: Names of the protocols to speak beside the server's own.
        label_studio_url: Address of the Label Studio whose images are fetched; None for the one that connects, where `addresses` has it.
        label_studio_key: Access token for `label_studio_url` alone; None for the one that Label Studio sends.
        connections_file: File that keeps the connections of Label Studio beyond the end of the server; None to forget them.
        cvat_labels: Phrases that models are asked for by CVAT, if they read any: its functions have a list of labels.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str | None = field(default=None, repr=False)
    cookie: str | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    out_folders: tuple[Path, ...] = ()
    addresses: tuple[str, ...] = ()
    max_upload_bytes: int = 64 << 20
    max_video_bytes: int = 2 << 30
    max_pixels: int = 100_000_000
    max_prompts: int = 1000
    max_waiting: int = 64
    max_jobs: int = 16
    requests_per_minute: int = 0
    head_seconds: float = 20.0
    upload_seconds: float = 20.0
    image_bytes: int = 8 << 30
    video_bytes: int = 16 << 30
    open_bytes: int = 1 << 30
    max_videos: int = 8
    idle_seconds: float = 3600.0
    protocols: tuple[str, ...] | None = None
    label_studio_url: str | None = None
    label_studio_key: str | None = field(default=None, repr=False)
    connections_file: Path | None = None
    cvat_labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the settings, and make a token where one is needed.

        Raises:
            ConfigError: A setting is out of its range, or a folder does not exist.
        """
        for name, least in (
            ("max_upload_bytes", 1),
            ("max_video_bytes", 1),
            ("max_prompts", 1),
            ("max_waiting", 1),
            ("max_jobs", 1),
            ("requests_per_minute", 0),
            ("image_bytes", 0),
            ("video_bytes", 0),
            ("open_bytes", 0),
            ("max_videos", 1),
        ):
            whole_number(name, getattr(self, name), least)
        whole_number("port", self.port, 0, most=65535)
        whole_number("max_pixels", self.max_pixels, 1, most=MAX_PIXELS)
        for name in ("folders", "out_folders"):
            folders = tuple(Path(folder).expanduser() for folder in getattr(self, name))
            for folder in folders:
                if not folder.is_dir():
                    raise ConfigError(f"{name} are folders that exist, got {shown(str(folder))}")
            object.__setattr__(self, name, tuple(folder.resolve() for folder in folders))
        for name, form, example in _WRITTEN:
            for each in getattr(self, name):
                if not form.fullmatch(each):
                    raise ConfigError(f"{name} are written as {example}, got {shown(each)}")
        _check_labels(self.cvat_labels)
        if self.label_studio_url is not None and not re.match("https?://[^/]", self.label_studio_url, re.IGNORECASE):
            raise ConfigError(f"label_studio_url begins with http:// or https://, got {shown(self.label_studio_url)}")
        if self.token is not None and len(self.token) < MIN_TOKEN:
            raise ConfigError(f"a token has at least {MIN_TOKEN} characters, got {len(self.token)}")
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise ConfigError("a token is made of letters, digits and signs of ASCII, without spaces: headers of HTTP hold no others")
        if self.token is None and not is_loopback(self.host):
            object.__setattr__(self, "token", secrets.token_urlsafe(24))


def _check_labels(labels: tuple[str, ...]) -> None:
    try:
        known = parse_phrases(labels) if labels else ()
    except PromptError as error:
        raise ConfigError(f"cvat_labels are phrases: {error}") from error
    if len(known) < len(labels):
        raise ConfigError(f"cvat_labels name one thing twice, got {shown(labels)}")


_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)"
_WRITTEN = (
    ("hosts", re.compile(rf"{_HOST}(?::\d{{1,5}})?"), "segment.example.org"),
    ("addresses", re.compile(rf"(?:{_HOST}|[0-9A-Fa-f:.]+)(?::\d{{1,5}})?"), "images.example.org or 10.0.0.7:8080"),
    ("origins", re.compile(rf"[a-z][a-z0-9+.-]*://{_HOST}(?::\d{{1,5}})?|null"), "https://labels.example.org"),
)
"""How names are written. Others would match nothing."""

_TOKEN = re.compile(r"[!-~]+")
MIN_TOKEN = 16
"""Least number of characters of a token."""


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
