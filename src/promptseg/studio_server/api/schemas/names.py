"""Names in bodies: of objects, images and colors."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Uid = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Chosen by who makes the object; never changes.")]
Key = Annotated[str, Field(pattern="^[0-9a-f]{16}$", description="Address of an image in the API.")]
Color = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$", description="#rrggbb.")]
