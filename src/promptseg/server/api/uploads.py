"""Files that come as a form, as browsers and curl send them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from ...errors import OutputError
from ..errors import RefusedError


@contextlib.asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[FormData]:
    """Read the form of a request, with at most one file. Its files are there within the block.

    Raises:
        RefusedError: The form cannot be read.
        OutputError: A file that is too large for the memory cannot be kept on the disk.
    """
    try:
        async with request.form(max_files=1, max_fields=10) as form:
            yield form
    except HTTPException as error:  # What Starlette makes of a form that it cannot read.
        raise RefusedError(f"the form cannot be read: {error.detail}") from error
    except OSError as error:
        raise OutputError(f"the file cannot be kept: {error.strerror or error}") from error
