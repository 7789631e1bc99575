"""What a server tells, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import PromptSegError
from ..masks import Size
from ..runtime.progress import Progress


class ClientError(PromptSegError, RuntimeError):
    """A server that refuses a request, fails, or cannot be reached.

    Attributes:
        status: HTTP status; 0 if there was no answer.
        retry_after: Seconds after which to try again, or None if that does not help.
        request_id: Id of the request in the log of the server, or None.
    """

    def __init__(self, message: str, status: int = 0, retry_after: float | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after, self.request_id = status, retry_after, request_id


@dataclass(frozen=True)
class ModelInfo:
    """A model that a server offers.

    Attributes:
        name: Its name.
        accepts: Kinds of prompt that it takes.
        classes: Classes that its detector knows.
        detects: Whether it finds objects without a prompt, or by phrase.
        licenses: Licenses of its models.
    """

    name: str
    accepts: frozenset[str]
    classes: tuple[str, ...]
    detects: bool
    licenses: tuple[str, ...]


@dataclass(frozen=True)
class RemoteImage:
    """An image that a server keeps.

    Attributes:
        id: Its id, which depends on the content of its file alone.
        size: ``(height, width)`` in pixels.
    """

    id: str
    size: Size


@dataclass(frozen=True)
class RemoteVideo:
    """A video that a server has open.

    Attributes:
        id: Its id.
        size: ``(height, width)`` of its frames in pixels.
        frames: Number of frames as its file states it, or None.
        fps: Frames per second, or None.
        model: Name of the model that tracks.
    """

    id: str
    size: Size
    frames: int | None
    fps: float | None
    model: str


@dataclass(frozen=True)
class JobInfo:
    """A job of a server.

    Attributes:
        id: Its id.
        kind: What it does, such as ``"segment"``.
        state: ``"running"``, ``"done"``, ``"failed"`` or ``"cancelled"``.
        progress: How far it is, or None.
        error: What it failed with, or None.
    """

    id: str
    kind: str
    state: str
    progress: Progress | None
    error: str | None


def model_info(values: Mapping[str, Any]) -> ModelInfo:
    """Return a model as a server tells it."""
    licenses = tuple(dict.fromkeys(str(stage["license"]) for stage in values["stages"]))
    return ModelInfo(values["name"], frozenset(values["accepts"]), tuple(values["classes"]), bool(values["detects"]), licenses)


def remote_image(values: Mapping[str, Any]) -> RemoteImage:
    """Return an image as a server tells it."""
    return RemoteImage(values["id"], (values["height"], values["width"]))


def remote_video(values: Mapping[str, Any]) -> RemoteVideo:
    """Return a video as a server tells it."""
    return RemoteVideo(values["id"], (values["height"], values["width"]), values["frames"], values["fps"], values["model"])


def job_info(values: Mapping[str, Any]) -> JobInfo:
    """Return a job as a server tells it."""
    progress = None if values["progress"] is None else Progress(**values["progress"])
    return JobInfo(values["id"], values["kind"], values["state"], progress, values["error"])
