"""Files that a client names by path or address: only below the allowed folders, only from the allowed hosts."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import InputError
from ..web_images import image_content
from .errors import ForbiddenError, NotFoundError, TooLargeError


def allowed_path(given: str, folders: Iterable[Path]) -> Path:
    """Return the real path of a file below one of the folders, with symbolic links resolved.

    Args:
        given: A path, absolute or relative to one of the folders.
        folders: The allowed folders, resolved.

    Raises:
        ForbiddenError: No folder is allowed, or the path lies outside of all.
        NotFoundError: There is no such file.
    """
    folders = tuple(folders)
    if not folders:
        raise ForbiddenError("this server reads no files by their path: send the content, or start it with --allow FOLDER")
    if not given or "\0" in given or len(given) > MAX_PATH:
        raise NotFoundError("there is no such file")
    inside = False
    for folder in folders:
        try:
            path = (folder / given).resolve()
            if not path.is_relative_to(folder):
                continue
            inside = True
            if path.exists():
                return path
        except (OSError, RuntimeError, ValueError):  # Such as a link that leads to itself, or a name that is too long.
            continue
    if inside:
        raise NotFoundError(f"there is no file {given[-80:]!r} in the allowed folders")
    raise ForbiddenError(f"{given[-80:]!r} is not in an allowed folder of this server")


def read_bounded(path: Path, most: int) -> bytes:
    """Return the content of a file.

    Raises:
        TooLargeError: It is larger than `most`.
        NotFoundError: It is no readable file.
    """
    try:
        if not path.is_file():
            raise NotFoundError(f"{path.name!r} is no file")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise NotFoundError(f"{path.name!r} cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise TooLargeError(f"{path.name!r} is larger than the {most} bytes that this server takes")
    return content


def fetched(address: str, allowed: Iterable[str], most: int, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the content at an address.

    Args:
        address: Address with ``http`` or ``https``.
        allowed: Hosts from which may be fetched, as ``host`` or ``host:port``. A private address must be allowed with its port.
        most: Maximum number of bytes.
        headers: Credentials for its host.

    Raises:
        ForbiddenError: The host is not allowed, or its address is private; or it redirects to such a host.
        InputError: It cannot be fetched. Its cause is a `promptseg.weights.http.AnsweredError` where the host has answered with an error.
        TooLargeError: It is larger than `most`.
    """
    names = tuple(allowed)
    try:
        content = image_content(address, headers, check=lambda each: check_address(each, names))
    except InputError as error:
        raise InputError(f"the image cannot be fetched: {error}") from (error.__cause__ or error)
    if len(content) > most:
        raise TooLargeError(f"the image at the address is larger than the {most} bytes that this server takes")
    return content


def check_address(address: str, allowed: Iterable[str]) -> None:
    """Check that the host of an address is allowed and public.

    Raises:
        ForbiddenError: It is not.
    """
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise ForbiddenError("the address cannot be read") from error
    names = {name.lower() for name in allowed}
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise ForbiddenError("an address begins with http:// or https:// and has no user name")
    if not names & {host, f"{host}:{port}"}:
        raise ForbiddenError(f"this server fetches nothing from {host}: start it with --allow-host {host}")
    if f"{host}:{port}" in names:
        return
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise InputError(f"the host {host} cannot be found") from error
    if not all(ipaddress.ip_address(str(each).partition("%")[0]).is_global for each in found):
        raise ForbiddenError(f"{host} is an address of a private network")


MAX_PATH = 4096
