"""``GET /``: a page for browsers that tells what runs here, and a word for programs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from ... import __version__
from ..operations import ServedModel
from ..protocols import Protocol, chosen
from .routes import Serving

router = APIRouter()

DOCUMENTATION = "https://promptseg.readthedocs.io"

_STYLE = "body{font:1rem/1.6 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem}"
_POLICY = f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
"""Nothing is loaded, and nothing runs, but the style of the page."""


@router.head("/", include_in_schema=False)
@router.get("/", include_in_schema=False)
async def tell(request: Request, service: Serving) -> Response:
    """Tell what runs here: a browser, as a page; a program, in the word of the protocol that has one."""
    protocols = chosen(service.settings.protocols)
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(page(service.models, protocols), headers={"Content-Security-Policy": _POLICY, "Vary": "Accept"})
    greeting = next((protocol.greeting for protocol in protocols if protocol.greeting), "promptseg is running")
    return PlainTextResponse(greeting, headers={"Vary": "Accept"})


def page(models: Sequence[ServedModel], protocols: Sequence[Protocol]) -> str:
    """Return the page.

    Args:
        models: The models that are served; none while they are loaded.
        protocols: The protocols of other tools that are spoken.
    """
    served = [f"<li><strong>{escape(model.name)}</strong>: {escape(', '.join(sorted(model.accepts)))}</li>" for model in models]
    spoken = [f"<li>{escape(protocol.tool)} at <code>{escape(protocol.base)}</code></li>" for protocol in protocols]
    parts = [
        f"<h1>promptseg {escape(__version__)}</h1>",
        "<p>This server segments images and videos by prompts, for other programs.</p>",
        f"<h2>Models</h2><ul>{''.join(served)}</ul>" if served else "<p>The models are being loaded.</p>",
        f"<h2>Tools that can connect</h2><ul>{''.join(spoken)}</ul>" if spoken else "",
        '<h2>More</h2><ul><li><a href="v1/openapi.json">The API, as OpenAPI</a></li><li><a href="metrics">Metrics</a></li>',
        f'<li><a href="{DOCUMENTATION}" rel="noreferrer">Documentation</a></li></ul>',
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>promptseg</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'
