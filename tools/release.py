"""Prepare a release: the version, the changelog's date, distributions that were tried, a commit and a tag.

    python tools/release.py 0.2.0          # make release VERSION=0.2.0
    python tools/release.py --check v0.2.0 # whether the tag is of this version, as the workflow asks before it publishes

Nothing is pushed. docs/releasing.md has the whole way.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = Path("src/promptseg/__init__.py")
CHANGELOG = Path("CHANGELOG.md")
VERSION_LINE = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
UNRELEASED = re.compile(r"^## \[Unreleased\]\n(.*?)(?=^## \[|\Z)", re.MULTILINE | re.DOTALL)


def version_in(source: str) -> str:
    """The version that the package's source states."""
    found = VERSION_LINE.search(source)
    if found is None:
        raise SystemExit(f"{SOURCE} has no line __version__ = …")
    return found[1]


def numbers(version: str) -> tuple[int, ...]:
    """The three numbers of a version; any other form ends the program."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SystemExit(f"a version is three numbers, as 0.2.0, not {version!r}")
    return tuple(map(int, version.split(".")))


def date_changelog(changelog: str, version: str, day: dt.date) -> str:
    """The changelog with its section "Unreleased" under a version and a day, below a new, empty one."""
    found = UNRELEASED.search(changelog)
    if found is None or "- " not in found[1]:
        raise SystemExit(f"{CHANGELOG} has no entries under ## [Unreleased]")
    if f"## [{version}]" in changelog:
        raise SystemExit(f"{CHANGELOG} already has a section of {version}")
    entries = re.sub(r"^To be version .*\n+", "", found[1].strip(), flags=re.MULTILINE)
    rest = changelog[found.end() :]
    section = f"## [Unreleased]\n\n## [{version}] - {day.isoformat()}\n\n{entries}\n" + ("\n" if rest else "")
    return changelog[: found.start()] + section + rest


def git(root: Path, *words: str) -> str:
    """What a command of git prints."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def release(root: Path, version: str, day: dt.date, build: Callable[[], None]) -> None:
    """Commits and tags a version of the project in a folder.

    Args:
        root: The project's checkout, without changes of its own.
        version: The new version; the present one may be released once.
        day: The day of the release.
        build: Makes and tries the distributions. If it fails, the files are as they were.

    Raises:
        SystemExit: The version or the checkout does not allow it; the message says why.
    """
    before = {path: (root / path).read_text("utf-8") for path in (SOURCE, CHANGELOG)}
    present = version_in(before[SOURCE])
    if numbers(version) < numbers(present):
        raise SystemExit(f"{version} is before {present}, the present version")
    if git(root, "status", "--porcelain"):
        raise SystemExit("commit or stash your changes first: a release is made of what is committed")
    if git(root, "tag", "--list", f"v{version}"):
        raise SystemExit(f"the tag v{version} exists: {version} has been released")
    changelog = date_changelog(before[CHANGELOG], version, day)
    try:
        (root / SOURCE).write_text(VERSION_LINE.sub(f'__version__ = "{version}"', before[SOURCE]), "utf-8")
        (root / CHANGELOG).write_text(changelog, "utf-8")
        build()
    except BaseException:
        for path, text in before.items():
            (root / path).write_text(text, "utf-8")
        raise
    git(root, "commit", "--quiet", "--message", f"Release {version}", "--", str(SOURCE), str(CHANGELOG))
    git(root, "tag", "--annotate", f"v{version}", "--message", f"promptseg {version}")


def main(words: list[str]) -> None:
    """Runs the command line."""
    match words:
        case ["--check", tag]:
            version = version_in((ROOT / SOURCE).read_text("utf-8"))
            if tag != f"v{version}":
                raise SystemExit(f"the tag {tag} is not of version {version}")
        case [version]:
            release(ROOT, version, dt.datetime.now(dt.timezone.utc).date(), dist)
            print(f"Version {version} is committed and tagged. Publish it with: git push origin HEAD v{version}")
        case _:
            raise SystemExit(__doc__)


def dist() -> None:
    """Makes the distributions and tries them."""
    subprocess.run([ROOT / "tools" / "dist.sh"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
