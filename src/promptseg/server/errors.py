"""Refusals of the server, each with the HTTP status that it becomes."""

from __future__ import annotations

from ..errors import PromptSegError


class RefusedError(PromptSegError):
    """A request that the server refuses. Its message goes to the client.

    Attributes:
        status: HTTP status.
        title: Short name of the reason.
        headers: Further headers of the answer.
    """

    status = 400
    title = "Bad request"

    @property
    def headers(self) -> dict[str, str]:
        return {}


class UnauthorizedError(RefusedError):
    """The token is missing or wrong."""

    status, title = 401, "A token is needed"

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class ForbiddenError(RefusedError):
    """What the settings of the server do not allow: a folder, an address, a host, an origin."""

    status, title = 403, "Not allowed here"


class NotFoundError(RefusedError):
    """An id that the server does not know, or no longer."""

    status, title = 404, "Not found"


class ImageGoneError(NotFoundError):
    """An image whose file is no longer kept."""


class ConflictError(RefusedError):
    """Something that the present state does not allow, such as the result of a job that still runs."""

    status, title = 409, "Not possible now"


class TooLargeError(RefusedError):
    """More bytes, pixels or prompts than the server takes."""

    status, title = 413, "Too large"


class BusyError(RefusedError):
    """The queue is full, or a client asks too often.

    Attributes:
        seconds: When to try again.
    """

    status, title = 429, "Busy"

    def __init__(self, message: str, seconds: float = 1.0) -> None:
        super().__init__(message)
        self.seconds = seconds

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(max(1, round(self.seconds)))}


class StoppingError(RefusedError):
    """The server is shutting down, or its models are not loaded yet."""

    status, title = 503, "Not ready"

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "5"}


class ReplicaLostError(RefusedError):
    """The process or host that did the work was lost, and the work cannot be repeated without the client."""

    status, title = 503, "The work was lost"

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "5"}
