"""What all bodies and answers share: the base of bodies, and numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[float, Field(allow_inf_nan=False)]
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]
Corners = Annotated[list[Number], Field(min_length=4, max_length=4, description="x0, y0, x1, y1 in pixels, half-open.")]


class Body(BaseModel):
    """Base of what clients send: nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid", strict=True)
