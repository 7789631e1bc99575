"""Paths that users give, and the cache folder."""

from pathlib import Path

import pytest

from promptseg.errors import ConfigError
from promptseg.runtime.home import as_path, cache_dir


def test_the_home_folder_of_the_user_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert as_path("~/weights", "weights") == tmp_path / "weights"
    assert as_path(Path("~") / "weights", "weights") == tmp_path / "weights"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("~nobodyxx/a", "there is no such home folder"),
        ("", "not empty"),
        ("a\0b", "no null character"),
        ("x/" * 5000, "10000 characters"),
        (5, "a path, got 5"),
        (None, "a path, got None"),
        (b"a", "a path, got b'a'"),
    ],
    ids=["user", "empty", "null", "long", "number", "none", "bytes"],
)
def test_what_is_no_path_is_refused_with_its_value(given, message):
    with pytest.raises(ConfigError, match=f"^weights is .*{message}") as caught:
        as_path(given, "weights")
    assert len(str(caught.value)) < 300


def test_a_cache_folder_in_an_unknown_home_is_refused_with_the_variable(monkeypatch):
    monkeypatch.setenv("PROMPTSEG_HOME", "~nobodyxx/cache")
    with pytest.raises(ConfigError, match="PROMPTSEG_HOME is '~nobodyxx/cache', and there is no such home folder"):
        cache_dir()
