"""Labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from ....server.api.schemas import Body
from ...labels import MAX_LABELS, Label


class LabelIn(Body):
    """A label, its color and the key that gives it."""

    name: str
    color: str
    key: str | None = None


class LabelsIn(Body):
    """All labels, in their order."""

    labels: Annotated[list[LabelIn], Field(max_length=MAX_LABELS)]


class LabelOut(BaseModel):
    """A label, its color and the key that gives it."""

    name: str
    color: str
    key: str | None


class LabelsOut(BaseModel):
    """All labels, in their order."""

    labels: list[LabelOut]


def label_of(given: LabelIn) -> Label:
    """Return a label as a value."""
    return Label(given.name, given.color, given.key)
