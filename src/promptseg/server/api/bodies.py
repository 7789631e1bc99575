"""JSON bodies that are read beside the event loop, and what OpenAPI says of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from ..errors import RefusedError
from ..service import Service

_Model = TypeVar("_Model")

SMALL = 1 << 16
"""Size up to which a body is read on the event loop: a thread would take longer."""


class UnreadableError(RefusedError):
    """A body that is not what the route takes."""

    status, title = 422, "The body cannot be read"


def json_body(model: Any) -> Callable[[Request], Awaitable[Any]]:
    """Return a dependency that reads the JSON body of a request as `model`."""
    adapter = TypeAdapter(model)

    async def read(request: Request) -> Any:
        return await read_json(request, adapter)

    return read


async def read_json(request: Request, adapter: TypeAdapter[_Model]) -> _Model:
    """Return the JSON body of a request as what an adapter reads.

    Raises:
        UnreadableError: It is something else.
    """
    content = await request.body()
    service: Service = request.app.state.service
    try:
        if len(content) <= SMALL:
            return adapter.validate_json(content)
        return await service.compute(adapter.validate_json, content)
    except ValidationError as error:
        raise UnreadableError(_told(error)) from error


def body_schema(model: Any) -> dict[str, Any]:
    """Return the ``openapi_extra`` of a route whose body `json_body` reads."""
    schema = TypeAdapter(model).json_schema(ref_template=f"{DEFINITIONS}{{model}}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def collect_definitions(document: dict[str, Any]) -> None:
    """Move the definitions within the bodies of an OpenAPI document to where they are looked for."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for path in document["paths"].values():
        for operation in path.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for name, schema in content.get("schema", {}).pop("$defs", {}).items():
                    schemas.setdefault(name, schema)


def _told(error: ValidationError) -> str:
    """Return the first problems of a body in a line."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    parts = [f"{_place(each['loc']) or 'the body'}: {each['msg']}" for each in found[:4]]
    return "; ".join(parts)[:600]


def _place(loc: tuple[int | str, ...]) -> str:
    """Return where in a body something is, without the names of forms that pydantic adds."""
    return ".".join(str(part) for part in loc if not str(part).startswith(FORM))


FORM = "form:"
"""Beginning of the names of the forms that a value can have."""

DEFINITIONS = "#/components/schemas/"
