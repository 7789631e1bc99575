"""HTML and PNG of views, for notebooks. Nothing here raises: what cannot be shown is left out."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from PIL import Image

from .._display import Displayed

if TYPE_CHECKING:
    from .views import Cell, View

LIMIT = 800
"""Maximum length of the longer side of an image, in pixels."""

_LONGEST = 200  # Characters of one text.

# No color of text and background is set: those of the notebook's theme, light or dark, remain.
_CELL = 'style="text-align: left; padding: 2px 10px; border: none; border-bottom: 1px solid rgba(128, 128, 128, 0.35)"'


def html_of(value: Displayed) -> str | None:
    """Return the HTML of a value, or None if it cannot be shown."""
    try:
        view = value._view()  # noqa: SLF001 - The class of the value is the other half of this module.
        parts = [f"<strong>{_text(view.title)}</strong>", *map(_text, view.facts)]
        lines = "<br>".join(parts)
        return f'<div style="margin: 4px 0">{lines}</div>\n{_image(view)}{_table(view)}'
    except Exception:  # A notebook then shows the plain `repr`.
        return None


def png_of(value: Displayed) -> bytes | None:
    """Return the image of a value as the bytes of a PNG file, or None if it has none or it cannot be drawn."""
    try:
        view = value._view()  # noqa: SLF001
        return None if view.draw is None else _encoded(view.draw(LIMIT), "PNG")
    except Exception:
        return None


def _image(view: View) -> str:
    if view.draw is None:
        return ""
    try:
        return f'<div><img src="{_address(view.draw(LIMIT))}" alt="{_text(view.title)}" style="max-width: 100%"></div>\n'
    except Exception as error:  # The table is of use without the image.
        return f"<div>The image cannot be drawn: {_text(str(error))}</div>\n"


def _table(view: View) -> str:
    if not view.rows:
        return ""
    head = "".join(f"<th {_CELL}>{_text(name)}</th>" for name in view.columns)
    body = "".join(f"<tr>{''.join(f'<td {_CELL}>{_cell(cell)}</td>' for cell in row)}</tr>\n" for row in view.rows)
    more = f"<div>… and {view.count - len(view.rows)} more</div>\n" if view.count > len(view.rows) else ""
    style = "color: inherit; border-collapse: collapse; margin: 6px 0"
    return f'<table style="{style}"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n{more}'


def _cell(cell: Cell) -> str:
    return f'<img src="{_address(cell)}" alt="" style="display: block; margin: 0">' if isinstance(cell, Image.Image) else _text(cell)


def _text(text: str) -> str:
    """Return text as HTML, on one line and not too long. Half of a surrogate pair, which no page can hold, becomes a question mark."""
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return escape(" ".join(short.split())).encode("utf-8", "replace").decode("utf-8")


def _address(image: Image.Image) -> str:
    """Return an image as an address that holds it, in the smaller of two formats."""
    files = {kind: _encoded(image, kind) for kind in ("PNG", "JPEG")}
    kind = min(files, key=lambda each: len(files[each]))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(files[kind]).decode('ascii')}"


def _encoded(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **({"quality": 90, "subsampling": 0} if kind == "JPEG" else {}))
    return file.getvalue()
