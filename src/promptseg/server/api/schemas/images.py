"""Images: how a client names one, and what the server tells of one."""

from __future__ import annotations

from typing import Annotated, Union

from pydantic import BaseModel, Field, Tag

from ..bodies import FORM
from .base import Body
from .forms import by_key

ImageId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ById(Body):
    """An image that was sent before."""

    id: ImageId


class ByData(Body):
    """The file of an image in base64, also as a `data:` address."""

    data: str


class ByPath(Body):
    """An image file below a folder that the server allows."""

    path: Annotated[str, Field(max_length=4096)]


class ByUrl(Body):
    """The address of an image on a host that the server allows."""

    url: Annotated[str, Field(max_length=4096)]


ImageRef = Annotated[
    Union[
        Annotated[ById, Tag(FORM + "id")],
        Annotated[ByData, Tag(FORM + "data")],
        Annotated[ByPath, Tag(FORM + "path")],
        Annotated[ByUrl, Tag(FORM + "url")],
    ],
    by_key("an image is an object with id, data, path or url", id="id", data="data", path="path", url="url"),
]


class EncodeIn(Body):
    """The model that is to encode an image."""

    model: Annotated[str, Field(max_length=200)] | None = None


class ImageOut(BaseModel):
    """An image that the server keeps."""

    id: str
    width: int
    height: int
    format: str
    bytes: int


class SizeOut(BaseModel):
    """The size of an image in pixels."""

    height: int
    width: int
