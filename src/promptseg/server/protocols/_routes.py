"""What protocols share: errors in the shape of a tool, and the model that suits a request."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from ...errors import PromptSegError
from ...prompts import PromptKind
from ..errors import RefusedError
from ..fitting import option_for, words_for
from ..operations import ServedModel
from ..problems import refusal, request_id
from ..service import Service

Answering = Callable[[Request], Coroutine[Any, Any, Response]]


def route_class(content: Callable[[str], Any]) -> type[APIRoute]:
    """Return a class of routes that answer errors in the shape of a tool.

    Args:
        content: Returns what the JSON of the answer holds, for a message.
    """

    class ToolRoute(APIRoute):
        def get_route_handler(self) -> Answering:
            answer = super().get_route_handler()

            async def answer_or_refuse(request: Request) -> Response:
                try:
                    return await answer(request)
                except PromptSegError as error:
                    status, message, headers = refusal(error, request_id(request))
                    return JSONResponse(content(message), status, headers)

            return answer_or_refuse

    return ToolRoute


async def json_answer(service: Service, make: Callable[..., Any], *args: Any) -> Response:
    """Return what a function returns as JSON. Both are made beside the event loop."""
    content = await service.compute(lambda: json.dumps(make(*args), ensure_ascii=False).encode())
    return Response(content, media_type="application/json")


def suitable(service: Service, kinds: Collection[PromptKind], named: str | None = None) -> ServedModel:
    """Return the model of a name if the server offers it, or else the first one that accepts some kinds of prompt.

    Raises:
        RefusedError: No model accepts them.
        StoppingError: The models are not loaded yet.
    """
    default = service.model()
    asked = [model for model in service.models if model.name == named]
    for model in (*asked, default, *service.models):
        if model.accepts.issuperset(kinds):
            return model
    raise RefusedError(f"no model of this server takes {words_for(kinds)}: it is started with {option_for(kinds)} for that")
