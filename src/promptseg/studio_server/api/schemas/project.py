"""The project: what the studio works on, and the address of its page."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from .labels import LabelOut


class FormatOut(BaseModel):
    """A format that can be exported."""

    name: str
    summary: str


class ProjectOut(BaseModel):
    """What the studio works on."""

    name: str
    out: str
    dataset: str = Field(description="Name of the dataset folder that no other has: what a browser keeps for it goes by this name.")
    kind: Literal["images", "video"]
    images: int
    labels: list[LabelOut]
    formats: list[FormatOut]
    truth: bool
    threshold: float
    version: str


class AddressOut(BaseModel):
    """An address that opens the page once."""

    address: str
