"""What Label Studio sends to an ML backend. It sends more than is read here."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...errors import InputError
from ._label_studio_config import SHAPES


class _Body(BaseModel):
    """Base of what Label Studio sends."""

    model_config = ConfigDict(extra="ignore")


class SetupIn(_Body):
    """A project connects."""

    project: str | int | None = None
    config: str = Field("", alias="schema")
    hostname: str | None = Field(None, max_length=2048)
    access_token: str | None = Field(None, max_length=8192)
    extra_params: Any = None


class TaskIn(_Body):
    """A task."""

    id: Any = None
    data: dict[str, Any] = {}


class ContextIn(_Body):
    """What the annotator has drawn so far."""

    result: list[dict[str, Any]] = []


class ParamsIn(_Body):
    """Parameters of a prediction."""

    context: ContextIn | None = None


class PredictIn(_Body):
    """Tasks to predict."""

    tasks: list[TaskIn]
    project: str | int | None = None
    label_config: str = ""
    params: ParamsIn | None = None


class ValidateIn(_Body):
    """A labeling configuration to check."""

    config: str = ""


class WebhookIn(_Body):
    """An event."""

    action: str = Field("", max_length=200)


class Options(_Body):
    """Extra parameters of a connection, which its user writes.

    Attributes:
        model: Name of the model; None for the first.
        answer: Kind of region to give back; None for what the labeling configuration has.
        tolerance: Distance in pixels by which the outlines of polygons may be simplified.
        everything: Points along each side of the grid of everything mode, for batches of models that find nothing by themselves; 0 for
            no predictions then.
    """

    model: str | None = Field(None, max_length=200)
    answer: str | None = Field(None, pattern=f"^({'|'.join(SHAPES)})$")
    tolerance: float = Field(1.0, ge=0, le=100)
    everything: int = Field(0, ge=0, le=64)


def read_options(given: Any) -> Options:
    """Return the extra parameters of a connection: an object, or its text.

    Raises:
        InputError: They are something else.
    """
    try:
        if isinstance(given, str):
            given = json.loads(given) if given.strip() else None
        return Options.model_validate(given or {})
    except (ValueError, RecursionError) as error:
        raise InputError(
            'the extra parameters are an object such as {"model": "mini-sam", "answer": "polygon"}, '
            f"with answer one of {', '.join(SHAPES)}"
        ) from error
