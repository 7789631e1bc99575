"""Test promptseg in environments of its own, without torch: on other Pythons, without extras, with the oldest packages that it allows.

    python tools/test_in.py --extras all                          # on every Python that is found
    python tools/test_in.py --quick python3.13                    # without extras, on this one
    python tools/test_in.py --extras all --lowest --quick oldest  # with the lowest versions that pyproject.toml allows

An environment is kept in ``.venvs/`` and brought up to date at the next call. A table of what came out is printed at the end.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST, NEWEST = 10, 14  # Minor versions of Python 3 that are looked for.
VERSION = "import ensurepip, platform, venv; print(platform.python_version())"
LOWEST = r"""
import re
from importlib.metadata import requires
for line in requires("promptseg"):
    if bound := re.match(r"([\w.-]+)(?:\[.*?\])?[^;]*?>=([\w.]+)", line):
        print(f"{bound[1]}=={bound[2]}")
"""
# Of the tests, those of what everything stands on; the rest takes minutes more, and `--extras all` on every Python runs it.
QUICK = ["-m", "not slow and not weights and not shared and not full_size"]
QUICK += [f"--ignore=tests/{folder}" for folder in ("docs", "evaluation", "examples", "export", "finetuning", "parity")]
# Of those of the server, its own API.
QUICK += [
    f"--ignore=tests/{each}" for each in ("client", "server/protocols", "server/test_hostile.py", "server/test_killed.py", "studio_server")
]
# Packages of long ago use what newer ones beside them deprecate. That is not a defect of promptseg.
OLD = ["-W", "ignore::DeprecationWarning"]


def version_of(python: str | Path) -> str | None:
    """The version of an interpreter that can make environments; None for any other, as pyenv's stand-ins for what is not chosen."""
    done = subprocess.run([python, "-c", VERSION], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def find_pythons() -> list[str]:
    """An interpreter of each minor version, oldest first: of the PATH, else the newest of pyenv's."""
    found = []
    for minor in range(OLDEST, NEWEST + 1):
        versions = (Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python")
        newest_first = sorted(map(str, versions), key=lambda path: [int(part) for part in re.findall(r"\d+", path)], reverse=True)
        of_path = shutil.which(f"python3.{minor}")
        found += [python for python in (of_path, *newest_first) if python and version_of(python)][:1]
    return found


def run(*words: str | Path) -> None:
    """Runs a command in the root of the project, and raises an error unless it succeeds."""
    subprocess.run(words, cwd=ROOT, check=True)


def install(python: str, folder: Path, extras: str, lowest: bool) -> Path:
    """Brings an environment up to date and returns its interpreter."""
    run(python, "-m", "venv", folder)
    inside = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = (inside, "-m", "pip", "install", "--disable-pip-version-check", "--quiet")
    bounds: list[str | Path] = []
    if lowest:
        run(*pip, "--no-deps", "--editable", ".")  # What it asks for is then known without reading TOML, which Python 3.10 cannot.
        pins = subprocess.run([inside, "-c", LOWEST], capture_output=True, text=True, check=True).stdout
        (folder / "lowest.txt").write_text(pins)
        bounds = ["--constraint", folder / "lowest.txt"]
    run(*pip, *bounds, "--editable", f".[{extras}]")
    return inside


def test(python: Path, words: list[str]) -> tuple[bool, str]:
    """Runs the tests: whether they passed, and pytest's last line."""
    command = [python, "-m", "pytest", "-q", "-n", os.environ.get("WORKERS", "2"), "--dist", "loadfile", *words]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True)
    last = ""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line.strip("= \n") or last
    return process.wait() == 0, last


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="interpreters; 'oldest' is the oldest found; without any, all found")
    parser.add_argument("--extras", default="", help="extras of promptseg to install, separated by commas; without this, none")
    parser.add_argument("--lowest", action="store_true", help="install the lowest version of each package that pyproject.toml allows")
    parser.add_argument("--quick", action="store_true", help="leave out slow tests and those of the tasks built on the core")
    chosen = parser.parse_args()
    found = find_pythons()
    kind = "lowest" if chosen.lowest else chosen.extras or "bare"
    rows, all_passed = [], True
    for python in [found[0] if name == "oldest" else name for name in chosen.pythons] or found:
        version = version_of(python)
        if version is None:
            print(f"{python} does not run, or cannot make environments", file=sys.stderr)
            return 2
        print(f"Python {version}, {kind}…", flush=True)
        begin = time.monotonic()
        try:
            inside = install(python, ROOT / ".venvs" / f"{kind}-{version}", ",".join(filter(None, [chosen.extras, "test"])), chosen.lowest)
            passed, last = test(inside, [*(QUICK if chosen.quick else []), *(OLD if chosen.lowest else [])])
        except subprocess.CalledProcessError as error:
            passed, last = False, f"not installed: {error}"
        rows.append(f"{version:10} {kind:10} {'passed' if passed else 'FAILED':8} {time.monotonic() - begin:5.0f} s  {last}")
        all_passed &= passed
    print("\n".join(["", f"{'Python':10} {'packages':10} {'result':8} {'time':>7}  tests", *rows]))
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main())
