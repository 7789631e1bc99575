"""Jobs and their progress."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class ProgressOut(BaseModel):
    """How far a job is."""

    stage: str
    done: int
    total: int
    unit: str
    failed: int


class JobOut(BaseModel):
    """A job."""

    id: str
    kind: str
    state: Literal["running", "done", "failed", "cancelled"]
    progress: ProgressOut | None
    error: str | None
    created: float


class JobsOut(BaseModel):
    """The jobs of the server."""

    jobs: list[JobOut]
