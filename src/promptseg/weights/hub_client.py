"""Requests to the Hugging Face hub: the server, the user's token, and what its refusals mean."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import WeightsError, WeightsNotFoundError, shown
from .credentials import shown_source

ENDPOINT = "https://huggingface.co"
GATED = "the repository is gated"
"""Beginning of the reason for a repository that is shown after its license was accepted."""
_SOURCE = re.compile(r"hf:([^/@]+/[^/@]+)(?:@([^/]+))?/(.+)", re.DOTALL)
_LONGEST_TOKEN = 1 << 12
SERVER_ERRORS = 500
"""Lowest status code of HTTP that tells of a fault of the server and not of the request."""
_TRUE = ("1", "ON", "YES", "TRUE")


def endpoint() -> str:
    """Return the address of the hub: that in ``HF_ENDPOINT``, or the public one."""
    return os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or ENDPOINT


def hub_home() -> Path:
    """Return the folder of the hub's own programs, with the user's token: ``HF_HOME``, or theirs in the user's home."""
    given = os.environ.get("HF_HOME", "").strip()
    cache = os.environ.get("XDG_CACHE_HOME", "").strip() or "~/.cache"
    return Path(os.path.expanduser(given or f"{cache}/huggingface"))  # noqa: PTH111 - Unlike pathlib's, it never raises.


def hub_is_off() -> bool:
    """Return whether ``HF_HUB_OFFLINE`` forbids requests to the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in _TRUE


def hub_token() -> str:
    """Return the user's token: that in ``HF_TOKEN``, or the one that ``hf auth login`` saved. Empty if there is none.

    Raises:
        WeightsError: It has a character that no token has. The message does not show it.
    """
    token, where = os.environ.get("HF_TOKEN", "").strip(), "HF_TOKEN"  # Files of variables may have line ends of Windows.
    if not token and os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").strip().upper() not in _TRUE:
        path = Path(os.environ.get("HF_TOKEN_PATH", "").strip() or hub_home() / "token")
        where = f"{path}"
        try:
            if path.is_file():
                with path.open("rb") as file:
                    token = file.read(_LONGEST_TOKEN).decode("utf-8", "replace").strip()
        except (OSError, ValueError):  # There is none, or it is not for us to read.
            token = ""
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise WeightsError(f"the token in {where} holds a space or another character that a token cannot have; it is not shown here")
    return token


def split_source(source: str) -> tuple[str, str, str]:
    """Return the repository, the revision and the file of a source ``"hf:owner/repository@revision/file"``; without one, ``"main"``.

    Raises:
        WeightsError: It is written otherwise.
    """
    found = _SOURCE.fullmatch(source)
    if found is None:
        raise WeightsError(f"a source of the Hugging Face hub is hf:owner/repository/file, got {shown(source)}")
    return found[1], found[2] or "main", found[3]


def get(path: str, repository: str, target: Path, size: int | None = None, limit: int | None = None, *, quiet: bool = False) -> None:
    """Download what the hub has under a path, continuing after the bytes that are there.

    Args:
        path: Path of the address, quoted.
        repository: Name of the repository, for messages.
        target: File to write.
        size: Bytes of the file, or None if they are not known.
        limit: Maximum number of bytes of a file whose size is not known.
        quiet: Whether to show no progress bar.

    Raises:
        WeightsNotFoundError: The hub refuses, or has no such file. The message says what to do.
        WeightsError: The hub cannot be reached, is out of order, or does not send the file.
        OSError: `target` cannot be written.
    """
    from . import http  # requests takes a while to import.

    token = hub_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        http.download(f"{endpoint()}/{path}", target, size, headers, limit=limit or http.LARGEST, quiet=quiet)
    except http.AnsweredError as error:
        reason = refusal(error.status, error.code, repository, has_token=bool(token))
        kind = WeightsNotFoundError if error.status < SERVER_ERRORS else WeightsError
        raise kind(f"{error}: {reason}" if reason else f"{error}") from error


def refusal(status: int, code: str, repository: str, *, has_token: bool) -> str:
    """Return what an answer of the hub means and what to do, or an empty text for an answer that says nothing about it.

    Args:
        status: Status code of HTTP.
        code: Name of the error in the header ``X-Error-Code``.
        repository: Name of the repository.
        has_token: Whether a token was sent.
    """
    at = shown_source(f"{endpoint()}/{repository}")
    login = "log in with `hf auth login` or set HF_TOKEN to a token of yours"
    if code == "GatedRepo":
        then = "make sure that the token in use is of that account and may read gated repositories" if has_token else login
        return f"{GATED}: accept its license at {at} with your account, and {then}"
    if code == "RevisionNotFound":
        return f"{repository} has no such revision: see the branches and commits at {at}"
    if code == "EntryNotFound":
        return f"{repository} has no such file at this revision"
    if code == "RepoNotFound" or status == 401:
        then = "check the name; for a private one, the token in use must be allowed to read it" if has_token else f"check the name; {login}"
        return f"the hub shows no repository {repository} to you, which is absent or private: {then}"
    if status == 403:
        return f"the token in use may not read {repository}: see {at}"
    return ""
