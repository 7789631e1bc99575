"""The release of a version, on a small checkout."""

import datetime as dt
import importlib.util
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "release.py"
DAY = dt.date(2030, 2, 3)
CHANGELOG = """# Changelog

## [Unreleased]

To be version 0.2.0.

### Added

- A thing.

## [0.1.0] - 2029-01-01

- The first.
"""


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path):
    """A checkout of a project at version 0.1.0: ``checkout(*words)`` is what git prints in it."""

    def git(*words):
        return subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    (tmp_path / "src" / "promptseg").mkdir(parents=True)
    (tmp_path / "src" / "promptseg" / "__init__.py").write_text('"""Text."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    git("init", "--quiet")
    git("config", "user.name", "Someone")
    git("config", "user.email", "someone@example.org")
    git("add", ".")
    git("commit", "--quiet", "--message", "Begin")
    return git


def nothing():
    pass


def test_a_release_is_a_commit_and_a_tag_of_the_new_version_with_a_dated_changelog(release, checkout, tmp_path):
    release.release(tmp_path, "0.2.0", DAY, nothing)
    assert checkout("status", "--porcelain") == ""
    assert checkout("log", "-1", "--format=%s") == "Release 0.2.0"
    assert checkout("show", "v0.2.0:src/promptseg/__init__.py").endswith('__version__ = "0.2.0"')
    expected = CHANGELOG.replace("To be version 0.2.0.\n", "## [0.2.0] - 2030-02-03\n")
    assert (tmp_path / "CHANGELOG.md").read_text() == expected


def test_the_distributions_are_built_of_the_new_version(release, checkout, tmp_path):
    built = []
    release.release(tmp_path, "0.2.0", DAY, lambda: built.append((tmp_path / "src/promptseg/__init__.py").read_text()))
    assert '"0.2.0"' in built[0]


def test_a_build_that_fails_leaves_everything_as_it_was(release, checkout, tmp_path):
    def fail():
        raise subprocess.CalledProcessError(1, "dist.sh")

    with pytest.raises(subprocess.CalledProcessError):
        release.release(tmp_path, "0.2.0", DAY, fail)
    assert (checkout("status", "--porcelain"), checkout("tag"), checkout("rev-list", "--count", "HEAD")) == ("", "", "1")


def test_the_present_version_may_be_released_once(release, checkout, tmp_path):
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n- A thing.\n")
    checkout("commit", "--quiet", "--all", "--message", "Nothing is released")
    release.release(tmp_path, "0.1.0", DAY, nothing)
    assert (tmp_path / "CHANGELOG.md").read_text() == "## [Unreleased]\n\n## [0.1.0] - 2030-02-03\n\n- A thing.\n"
    with pytest.raises(SystemExit, match=r"the tag v0\.1\.0 exists"):
        release.release(tmp_path, "0.1.0", DAY, nothing)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.2", "three numbers, as 0.2.0, not '0.2'"),
        ("v0.2.0", "three numbers"),
        ("0.0.9", "0.0.9 is before 0.1.0"),
        ("0.1.0", "already has"),
    ],
)
def test_a_version_that_does_not_fit_is_refused(version, message, release, checkout, tmp_path):
    with pytest.raises(SystemExit, match=message):
        release.release(tmp_path, version, DAY, nothing)
    assert checkout("status", "--porcelain") == ""


def test_a_checkout_with_changes_is_refused(release, checkout, tmp_path):
    (tmp_path / "new.py").touch()
    with pytest.raises(SystemExit, match="commit or stash"):
        release.release(tmp_path, "0.2.0", DAY, nothing)


def test_a_changelog_without_entries_is_refused(release):
    with pytest.raises(SystemExit, match="no entries"):
        release.date_changelog("## [Unreleased]\n\n## [0.1.0] - 2029-01-01\n\n- The first.\n", "0.2.0", DAY)


def test_a_tag_of_another_version_is_refused(release):
    release.main(["--check", f"v{release.version_in((release.ROOT / release.SOURCE).read_text())}"])
    with pytest.raises(SystemExit, match=r"v9\.9\.9 is not of version"):
        release.main(["--check", "v9.9.9"])
