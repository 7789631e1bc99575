"""Commands that install what is missing, in the way in which this promptseg was installed.

``pip install 'promptseg[video]'`` is right for a package from an index. If promptseg was installed from a clone, a repository or a file,
the command names that place. pip writes the place into ``direct_url.json`` (PEP 610) beside the metadata of the package.
"""

from __future__ import annotations

import json
import re
import shlex
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


def install_command(command: str) -> str:
    """Return a command with the place of this promptseg for its name.

    Args:
        command: Such as ``"pip install 'promptseg[video]'"``. Other packages in it stay as they are.
    """
    return _OURS.sub(lambda found: f"pip install {_requirement(found['extras'] or '', _origin())}", command)


def install_extra(extra: str) -> str:
    """Return the command that installs an extra of promptseg, such as ``"video"``."""
    return install_command(f"pip install 'promptseg[{extra}]'")


_OURS = re.compile(r"pip install (?P<quote>'?)promptseg(?P<extras>\[[\w,-]+\])?(?P=quote)(?![\w-])")


@lru_cache(maxsize=1)
def _origin() -> str:
    """Return the content of ``direct_url.json``; empty if promptseg came from an index."""
    try:
        return distribution("promptseg").read_text("direct_url.json") or ""
    except PackageNotFoundError:  # It runs from its source.
        root = Path(__file__).resolve().parents[2]
        found = {"url": root.as_uri(), "dir_info": {"editable": True}} if (root / "pyproject.toml").is_file() else {}
        return json.dumps(found)


def _requirement(extras: str, origin: str) -> str:
    """Return what follows ``pip install``.

    Args:
        extras: Extras in brackets, such as ``"[video]"``, or an empty string.
        origin: Content of ``direct_url.json``.
    """
    try:
        found = json.loads(origin or "{}")
        url, folder, repository = str(found.get("url") or ""), found.get("dir_info"), found.get("vcs_info")
        editable = isinstance(folder, dict) and folder.get("editable") is True
        kind = str(repository["vcs"]) if isinstance(repository, dict) else None
    except (ValueError, AttributeError, KeyError):
        url = ""
    if not url:
        return f"'promptseg{extras}'" if extras else "promptseg"
    if folder is not None:
        path = Path(url2pathname(urlsplit(url).path))
        option = "-e " if editable else ""
        return f"{option}'.{extras}' (in your clone of promptseg)" if not path.is_dir() else f"{option}{shlex.quote(f'{path}{extras}')}"
    if kind is not None:
        return shlex.quote(f"promptseg{extras} @ {kind}+{url}")
    return shlex.quote(f"promptseg{extras} @ {url}")
