"""Folders of the Hugging Face hub: one commit, its files verified and cached."""

import sys
from pathlib import Path

import pytest

from promptseg.errors import WeightsError, WeightsMismatchError, WeightsNotFoundError, WeightsOfflineError
from promptseg.weights.http import CHUNK
from promptseg.weights.hub import snapshot
from promptseg.weights.hub_downloads import hub_cache

LARGE = bytes(range(256)) * 40
FILES = {"config.json": b"{}", "model.safetensors": LARGE, "onnx/model.onnx": LARGE[::-1], "pytorch_model.bin": b"never" * 400}


@pytest.fixture
def repository(hub):
    return hub.add("owner/name", FILES)


def fetched(names=("config.json", "model.safetensors")):
    folder = snapshot("owner/name").fetch(names)
    return {name: (folder / name).read_bytes() for name in names}


class TestFetching:
    def test_the_files_that_are_asked_for_are_fetched_and_no_others(self, hub, repository):
        folder = snapshot("owner/name").fetch(["config.json", "onnx/model.onnx"])
        assert (folder / "config.json").read_bytes() == b"{}"
        assert (folder / "onnx/model.onnx").read_bytes() == LARGE[::-1]
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")}
        assert found == {"config.json", "onnx/model.onnx"}

    def test_a_second_time_asks_the_hub_for_nothing(self, hub, repository):
        fetched()
        asked = len(hub.requests)
        assert fetched() == {"config.json": b"{}", "model.safetensors": LARGE}
        assert len(hub.requests) == asked

    def test_a_download_goes_on_where_it_stopped(self, hub):
        content = LARGE * (3 * CHUNK // len(LARGE))
        hub.add("owner/name", {"model.safetensors": content})
        hub.cut_after = 2 * CHUNK
        with pytest.raises(WeightsNotFoundError, match="broke off"):
            fetched(["model.safetensors"])
        assert fetched(["model.safetensors"]) == {"model.safetensors": content}
        (asked,) = hub.ranges
        assert 0 < int(asked.removeprefix("bytes=").removesuffix("-")) <= 2 * CHUNK  # What came before the connection broke.

    def test_what_is_damaged_is_found_and_fetched_again(self, repository):
        folder = snapshot("owner/name").fetch(["config.json", "model.safetensors"])
        (folder / "model.safetensors").write_bytes(LARGE[:-1] + b"?")
        assert snapshot("owner/name").damaged(["config.json", "model.safetensors"]) == ["model.safetensors"]
        assert snapshot("owner/name").lacks(["config.json", "model.safetensors"]) == ["model.safetensors"]
        assert fetched()["model.safetensors"] == LARGE

    @pytest.mark.parametrize(
        ("path", "stated", "error"),
        [
            ("model.safetensors", {"lfs": {"sha256": "0" * 64, "size": len(LARGE)}}, WeightsNotFoundError),
            ("model.safetensors", {"lfs": {"sha256": "0" * 64, "size": 10}}, WeightsError),
            ("config.json", {"blobId": "0" * 40}, WeightsMismatchError),
            ("config.json", {"size": 1}, WeightsError),
            ("config.json", {"size": 1 << 30}, WeightsError),
            ("model.safetensors", {"lfs": {"sha256": "0" * 64, "size": 1 << 40}}, WeightsError),
            ("model.safetensors", {"lfs": {"sha256": "0" * 64}, "size": None}, WeightsError),
        ],
    )
    def test_a_file_that_is_not_what_the_hub_states_is_not_kept(self, hub, repository, path, stated, error):
        hub.stated[path] = stated
        with pytest.raises(error):
            fetched()
        assert not (snapshot("owner/name").folder / path).exists()

    def test_a_file_that_the_commit_does_not_have_is_named(self, repository):
        with pytest.raises(WeightsNotFoundError, match=r"owner/name has no file 'absent\.json' at commit [0-9a-f]{12}"):
            snapshot("owner/name").fetch(["absent.json"])

    @pytest.mark.skipif(sys.platform == "win32", reason="this system makes symbolic links for administrators only")
    def test_what_the_hubs_own_programs_downloaded_is_used_where_it_is(self, hub, repository):
        commit = repository.refs["main"]
        theirs = hub_cache("owner/name")
        folder = theirs / "snapshots" / commit
        folder.mkdir(parents=True)
        (theirs / "blob").write_bytes(LARGE)
        (folder / "model.safetensors").symlink_to(theirs / "blob")
        fetched()
        assert not any("/cdn/" in path or path.endswith("model.safetensors") for path in hub.requests)
        (theirs / "blob").unlink()
        assert fetched()["model.safetensors"] == LARGE

    @pytest.mark.skipif(sys.platform == "win32", reason="this system makes symbolic links for administrators only")
    def test_what_they_have_damaged_is_downloaded_and_theirs_left_alone(self, repository):
        theirs = hub_cache("owner/name") / "snapshots" / repository.refs["main"]
        theirs.mkdir(parents=True)
        for name, content in FILES.items():
            (theirs / Path(name).name).write_bytes(content[::-1] or b"x")
        (theirs / "config.json").write_bytes(b"[]")
        assert fetched() == {"config.json": b"{}", "model.safetensors": LARGE}
        assert (theirs / "config.json").read_bytes() == b"[]"


class TestRevisions:
    def test_the_commit_of_a_branch_is_asked_for_once(self, repository):
        first = snapshot("owner/name")
        repository.commit({**FILES, "config.json": b"[]"})
        assert snapshot("owner/name") == first
        newer = snapshot("owner/name", anew=True)
        assert newer.commit == repository.refs["main"] != first.commit
        assert snapshot("owner/name") == newer

    def test_a_commit_or_a_tag_names_its_own_files(self, repository):
        old = repository.refs["main"]
        repository.commit({**FILES, "config.json": b"[]"})
        repository.refs["refs/pr/1"] = old
        for revision in (old, "refs/pr/1"):
            assert (snapshot("owner/name", revision).fetch(["config.json"]) / "config.json").read_bytes() == b"{}"

    def test_an_answer_about_another_commit_is_refused(self, hub, repository):
        repository.refs["a" * 40] = repository.refs["main"]
        with pytest.raises(WeightsError, match=f"was asked about commit {'a' * 40} of owner/name, and tells of"):
            snapshot("owner/name", "a" * 40)

    def test_a_revision_that_is_not_there_is_named(self, repository):
        with pytest.raises(WeightsNotFoundError, match="owner/name has no such revision"):
            snapshot("owner/name", "absent")


class TestOffline:
    @pytest.mark.parametrize("variable", ["PROMPTSEG_OFFLINE", "HF_HUB_OFFLINE"])
    def test_what_is_cached_is_used_and_the_rest_is_named(self, hub, repository, variable, monkeypatch):
        fetched()
        monkeypatch.setenv(variable, "1")
        asked = len(hub.requests)
        assert snapshot("owner/name", anew=True).commit == repository.refs["main"]
        assert fetched()["model.safetensors"] == LARGE
        with pytest.raises(WeightsOfflineError, match=variable):
            snapshot("owner/name").fetch(["onnx/model.onnx"])
        with pytest.raises(WeightsOfflineError, match=f"{variable} forbids"):
            snapshot("owner/other")
        assert len(hub.requests) == asked

    def test_without_a_network_the_recorded_commit_is_used(self, repository, monkeypatch):
        fetched()
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        assert snapshot("owner/name", anew=True).commit == repository.refs["main"]

    @pytest.mark.skipif(sys.platform == "win32", reason="this system makes symbolic links for administrators only")
    def test_a_folder_that_the_hubs_own_programs_downloaded_needs_no_network(self, monkeypatch):
        theirs, commit = hub_cache("owner/name"), "a" * 40
        for name, content in {f"snapshots/{commit}/config.json": b"{}", "refs/main": commit.encode()}.items():
            (theirs / name).parent.mkdir(parents=True)
            (theirs / name).write_bytes(content)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        assert (snapshot("owner/name").fetch(["config.json"]) / "config.json").read_bytes() == b"{}"


class TestRefusals:
    @pytest.mark.parametrize(
        ("settings", "token", "words"),
        [
            (
                {"token": "right"},
                None,
                r"gated: accept its license at http://127\S+/owner/name .*`hf auth login` or set HF_TOKEN",
            ),
            ({"token": "right"}, "wrong", r"gated: accept its license .* token in use is of that account"),
            (
                {"token": "right", "private": True},
                None,
                r"no repository owner/name to you, .* private: check the name; log in",
            ),
            ({"token": "right", "private": True}, "wrong", r"the token in use must be allowed to read it"),
        ],
    )
    def test_the_message_says_what_to_accept_and_where(self, hub, settings, token, words, monkeypatch):
        hub.add("owner/name", FILES, **settings)
        if token:
            monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(WeightsNotFoundError, match=words):
            fetched()

    @pytest.mark.parametrize("place", ["HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME"])
    def test_the_token_of_the_user_opens_a_gated_repository(self, hub, place, monkeypatch, tmp_path):
        hub.add("owner/name", FILES, token="right")
        path = tmp_path / "token"
        path.write_text("right\n")
        monkeypatch.setenv(place, {"HF_TOKEN": "right", "HF_TOKEN_PATH": str(path), "HF_HOME": str(tmp_path)}[place])
        assert fetched()["model.safetensors"] == LARGE

    def test_a_saved_token_is_not_sent_where_the_user_forbids_it(self, hub, monkeypatch, tmp_path):
        hub.add("owner/name", FILES, token="right")
        (tmp_path / "token").write_text("right")
        monkeypatch.setenv("HF_HOME", str(tmp_path))
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        with pytest.raises(WeightsNotFoundError, match="gated"):
            fetched()

    def test_a_hub_that_cannot_be_reached_is_named(self):
        with pytest.raises(WeightsError, match=r"hf:owner/name at main cannot be looked up: cannot reach 127\.0\.0\.1:9"):
            snapshot("owner/name")


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"sha": "x", "siblings": []}', b'{"sha": "' + b"a" * 40 + b'", "siblings": {}}'])
def test_an_answer_that_is_none_of_a_hub_is_refused(file_server, answer, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", file_server.url())
    file_server.files["/api/models/owner/name/revision/main?blobs=true"] = answer
    with pytest.raises(WeightsError, match="the answer of http"):
        snapshot("owner/name")


@pytest.mark.parametrize("path", ["../out", "a/../../out", "/etc/passwd", "a//b", "C:/x", "a\\b", "", ".", "x" * 501, "a\0b"])
def test_a_path_that_leaves_the_folder_is_left_out(hub, path):
    hub.add("owner/name", {path: b"x", "config.json": b"{}"})
    assert set(snapshot("owner/name").files) == {"config.json"}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"commit": 3}', '{"commit": "x", "files": {}}'])
def test_a_damaged_record_is_asked_for_again(repository, damage):
    there = snapshot("owner/name")
    (there.folder.parent / "main.json").write_text(damage)
    assert snapshot("owner/name") == there


def test_a_cache_that_cannot_be_written_is_named_with_the_variable_to_set(repository, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PROMPTSEG_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="Set PROMPTSEG_HOME to a folder"):
        snapshot("owner/name")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
