"""The state of the server: its health and its models."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class HealthOut(BaseModel):
    """Whether the server runs."""

    status: str
    version: str


class ModelOut(BaseModel):
    """A model that the server offers."""

    name: str
    accepts: list[str]
    classes: list[str]
    detects: bool
    stages: list[dict[str, Any]] = Field(description="The models of its stages: name, backend, device, license.")


class ModelsOut(BaseModel):
    """The models that the server offers. The first is the default."""

    models: list[ModelOut]
