"""The list of skips that are allowed: any other fails the run, wherever it runs, so that nobody learns of it from a machine of others.

A test that a reason keeps from running looks green, and stays so when the reason is gone. Therefore a skip is one of two:

- The machine lacks something that an installation of Python packages does not bring: it is in the table below.
- A package is missing. Its reason ends with "needs PACKAGE" or "is not installed". That is no excuse where all are said to be
  installed, by `--all-packages`, as `make test` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

MACHINE = (
    r"no folder `shared` beside the project: real images and weights are missing",
    r"there (is|are) no .+ beside the project",
    r"the weights of mini-sam cannot be had here: .+",
    r"there is no chromium on this machine",  # .ci/run installs it where it may.
    r"there is no bash on this machine",
    r"root may list every folder",  # In containers, which is where CI runs.
    r"this system has no /dev/full, the device that is always full",
    r"this system has no /dev/zero, the device without end",
    r"a system without fork\(\) would take a second for each kill",
    r"the runner of fuzz targets forks",  # Not on Windows.
    r"this system refuses names that are not UTF-8",  # Not on Linux.
    r"the stand-in for npm is a script with a #! line",  # Not on Windows.
    r"there is no npm on this machine",
    r"this system has no fork",  # Windows, as those below.
    r"this system has no named pipes",
    r"this system has no signal that kills a process",
    r"this system locks open files",
    r"this system makes symbolic links for administrators only",
    r"no imagecodecs without a security hole is for Python 3\.10",
    r"no C\+\+ compiler, which torch compiles with",
    r"this build of av has no \S+",
    r"this Pillow was built without \S+",
)
PACKAGE = r".+ needs? (package )?[\w.-]+|.+ (is|are) not installed|could not import '.+"


def is_allowed(reason: str, all_packages: bool) -> bool:
    """Whether a test may be skipped for a reason; `all_packages` says that no package is missing."""
    return any(re.fullmatch(pattern, reason, re.DOTALL) for pattern in (*MACHINE, *(() if all_packages else (PACKAGE,))))


def forbidden(skips: Iterable[tuple[str, int, str]], all_packages: bool) -> list[str]:
    """The lines that name each skip, ``(path, line, reason)``, that is not allowed."""
    reasons = ((path, line, reason.removeprefix("Skipped: ")) for path, line, reason in skips)
    return sorted({f"{path}:{line}: {reason}" for path, line, reason in reasons if not is_allowed(reason, all_packages)})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-packages", action="store_true", help="a missing package is no reason to skip a test")


def pytest_sessionfinish(session: pytest.Session) -> None:
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if hasattr(session.config, "workerinput") or terminal is None:
        return  # The process that started the workers has the reports of all.
    skips = [report.longrepr for report in terminal.stats.get("skipped", ())]
    lines = forbidden(skips, session.config.getoption("all_packages"))
    session.config.stash[FORBIDDEN] = lines
    if lines and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash.get(FORBIDDEN, [])
    if lines:
        terminalreporter.section("skips that are not allowed", red=True)
        terminalreporter.write_line(f"Make them run, or list their reason in {__file__}:")
        for line in lines:
            terminalreporter.write_line(line)


FORBIDDEN = pytest.StashKey[list[str]]()
