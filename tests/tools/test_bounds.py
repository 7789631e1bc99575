"""Versions of packages are stated in pyproject.toml; what repeats them agrees with it."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REQUIREMENTS = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]


def test_the_hooks_of_pre_commit_take_the_same_versions():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    named = [each for hook in hooks for each in hook["additional_dependencies"]]
    assert named
    assert set(named) <= set(REQUIREMENTS)


def test_every_package_that_runs_with_the_library_has_a_lowest_version():
    libraries = [each for name, extra in PROJECT["optional-dependencies"].items() if name not in {"dev", "docs"} for each in extra]
    assert [each for each in [*PROJECT["dependencies"], *libraries] if ">=" not in each and "promptseg[" not in each] == []


def test_no_package_has_two_lowest_versions():
    bounds = {tuple(re.split(r"(?:\[.*\])?>=", each.partition(";")[0])) for each in REQUIREMENTS if ">=" in each}
    assert len(bounds) == len({name for name, _ in bounds})


def test_lowest_versions_are_pinned_for_every_dependency():
    code = runpy.run_path(str(ROOT / "tools" / "test_in.py"))["LOWEST"]
    pins = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {pin.partition("==")[0] for pin in pins} >= {re.split(r"[>\[]", each)[0] for each in PROJECT["dependencies"]}


def test_the_workflow_begins_with_the_oldest_python():
    oldest = PROJECT["requires-python"].removeprefix(">=")
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]
    assert jobs["pythons"]["strategy"]["matrix"]["python"][0] == oldest
    assert jobs["lowest"]["steps"][1]["with"]["python-version"] == oldest
