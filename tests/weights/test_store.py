import errno
import hashlib
import io
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from npm_clients import NPM_DATA
from promptseg.errors import WeightsError, WeightsMismatchError, WeightsNotFoundError, WeightsOfflineError
from promptseg.weights import store
from promptseg.weights.http import CHUNK
from promptseg.weights.store import (
    WeightFile,
    cache_dir,
    cached_path,
    fetch_weights,
    file_sha256,
    given_weights,
    offline,
    recognized_weights,
    verify_file,
    weights_folder,
)

DATA = random.Random(1).randbytes(4 * CHUNK + 1000)
SIZE = len(DATA)
SHA = hashlib.sha256(DATA).hexdigest()


def pinned(*sources, name="w.bin", sha256=SHA, size=SIZE):
    return WeightFile(name, sha256, sources, size)


def final():
    return weights_folder("model") / "w.bin"


def part():
    return weights_folder("model") / ".w.bin.part"


@pytest.fixture
def server(file_server):
    file_server.files["/w.bin"] = DATA
    return file_server


class TestFetching:
    def test_a_file_is_fetched_verified_and_put_into_the_models_folder(self, server):
        fetched = fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert fetched.files == {"w.bin": final()}
        assert fetched.sha256 == {"w.bin": SHA}
        assert final().read_bytes() == DATA
        assert not part().exists()

    def test_the_size_need_not_be_known(self, server):
        fetch_weights("model", [pinned(server.url("/w.bin"), size=None)])
        assert final().read_bytes() == DATA

    def test_what_is_there_is_not_fetched_again(self, server):
        for _ in range(3):
            fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert len(server.requests) == 1

    def test_what_is_there_is_not_hashed_again_unless_it_changed(self, server, monkeypatch):
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        hashed = []
        monkeypatch.setattr(store, "file_sha256", lambda path: hashed.append(path) or file_sha256(path))
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert hashed == []
        os.utime(final(), (1, 1))
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert hashed == [final()]
        assert len(server.requests) == 1

    def test_a_file_that_was_put_there_by_hand_is_taken(self):
        final().parent.mkdir(parents=True)
        final().write_bytes(DATA)
        assert fetch_weights("model", [pinned("https://127.0.0.1:1/unreachable")]).files["w.bin"] == final()

    @pytest.mark.parametrize("content", [b"", DATA[:-1], DATA[:-1] + b"?"], ids=["empty", "short", "altered"])
    def test_a_damaged_file_in_the_cache_is_replaced(self, content, server):
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        final().write_bytes(content)
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert final().read_bytes() == DATA

    def test_a_new_version_under_an_old_name_replaces_the_old(self, server):
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        server.files["/w.bin"] = b"version 2"
        new = pinned(server.url("/w.bin"), sha256=hashlib.sha256(b"version 2").hexdigest(), size=9)
        fetch_weights("model", [new])
        assert final().read_bytes() == b"version 2"

    def test_several_files_are_fetched_each_from_its_source(self, server, tmp_path):
        (tmp_path / "two.bin").write_bytes(b"two")
        two = WeightFile("two.bin", hashlib.sha256(b"two").hexdigest(), (f"file:{tmp_path / 'two.bin'}",))
        fetched = fetch_weights("model", [pinned(server.url("/w.bin")), two])
        assert [path.read_bytes() for path in fetched.files.values()] == [DATA, b"two"]

    def test_a_model_without_weights_needs_no_folder(self):
        assert fetch_weights("model", []).files == {}
        assert not cache_dir().joinpath("weights").exists()


class TestTelling:
    def test_a_line_says_at_once_what_is_fetched_from_where(self, server, capfd):
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert capfd.readouterr().err == f"Fetching w.bin (1 MB) of model from 127.0.0.1:{server.server_port}…\n"
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert capfd.readouterr() == ("", "")

    def test_a_file_of_this_machine_is_taken_without_a_word(self, tmp_path, capfd):
        (tmp_path / "mine.bin").write_bytes(DATA)
        fetch_weights("model", [pinned(f"file:{tmp_path / 'mine.bin'}")])
        assert capfd.readouterr() == ("", "")

    def test_no_credentials_are_in_it(self, server, capfd):
        fetch_weights("model", [pinned(server.url("/w.bin?token=SECRET").replace("//", "//user:SECRET@"), server.url("/w.bin"))])
        assert "SECRET" not in capfd.readouterr().err


class TestFilesOfNpmPackages:
    """The files of an npm package, from the user's npm client or from a public server of such files."""

    NPM = "npm:some-package@1.0.0/dist/w.bin"
    CDN = "/npm/some-package@1.0.0/dist/w.bin"

    @pytest.fixture
    def file(self, server):
        server.files[self.CDN] = NPM_DATA
        return WeightFile("w.bin", hashlib.sha256(NPM_DATA).hexdigest(), (self.NPM, server.url(self.CDN)), len(NPM_DATA))

    def test_with_a_client_the_server_is_not_asked(self, file, server, npm):
        assert fetch_weights("model", [file]).files["w.bin"].read_bytes() == NPM_DATA
        assert (len(npm.calls), server.requests) == (1, [])

    def test_without_a_client_the_server_is_asked_at_once(self, file, server, no_npm, capfd):
        assert fetch_weights("model", [file]).files["w.bin"].read_bytes() == NPM_DATA
        assert "npm" not in capfd.readouterr().err
        assert [path for path, _ in server.requests] == [self.CDN]

    def test_what_the_server_sends_must_have_the_hash(self, file, server, no_npm):
        server.files[self.CDN] = NPM_DATA[:-1] + b"?"
        with pytest.raises(WeightsNotFoundError, match=r"no npm client found[\s\S]*has SHA-256"):
            fetch_weights("model", [file])
        assert not final().exists()

    def test_where_both_fail_both_reasons_are_told(self, file, server, npm):
        npm.fail(
            "ENOTFOUND", "request to https://registry.example.org/some-package failed, reason: getaddrinfo ENOTFOUND registry.example.org"
        )
        server.statuses[self.CDN] = 403
        with pytest.raises(WeightsNotFoundError) as caught:
            fetch_weights("model", [file])
        assert str(caught.value).splitlines()[1:3] == [
            f"  {self.NPM}: npm cannot reach registry.example.org: name not found (ENOTFOUND)",
            f"  {server.url(self.CDN)}: the server answered 403 Forbidden",
        ]

    def test_the_server_that_had_the_first_file_is_asked_first_for_the_second(self, file, server, npm):
        npm.fail("ECONNREFUSED", "request failed")
        second = WeightFile("v.bin", SHA, ("npm:some-package@1.0.0/dist/v.bin", server.url("/w.bin")), SIZE)
        assert fetch_weights("model", [file, second]).files.keys() == {"w.bin", "v.bin"}
        assert len(npm.calls) == 1


class TestFailing:
    def test_a_wrong_hash_is_refused_with_both_and_nothing_is_left(self, server):
        server.files["/w.bin"] = b"not the weights"
        with pytest.raises(WeightsNotFoundError) as caught:
            fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert SHA in str(caught.value)
        assert hashlib.sha256(b"not the weights").hexdigest() in str(caught.value)
        assert not final().exists()
        assert not part().exists()

    def test_the_next_source_is_tried_when_one_fails(self, server, tmp_path):
        server.statuses["/gone.bin"] = 404
        server.files["/wrong.bin"] = b"not the weights"
        sources = (
            f"file:{tmp_path / 'absent'}",
            server.url("/gone.bin"),
            server.url("/wrong.bin"),
            server.url("/w.bin"),
            server.url("/never"),
        )
        fetch_weights("model", [pinned(*sources)])
        assert final().read_bytes() == DATA
        assert [path for path, _ in server.requests] == ["/gone.bin", "/wrong.bin", "/w.bin"]

    def test_when_all_fail_the_message_has_every_source_with_its_reason_and_what_to_do(self, server, tmp_path):
        with pytest.raises(WeightsNotFoundError) as caught:
            fetch_weights("model", [pinned(server.url("/gone.bin"), f"file:{tmp_path / 'absent'}", "ftp://x/y")])
        message = str(caught.value)
        assert f"{server.url('/gone.bin')}: the server answered 404" in message
        assert f"there is no file {tmp_path / 'absent'}" in message
        assert "unknown kind of source 'ftp'" in message
        assert f"put it into {final().parent}" in message
        assert SHA in message

    def test_the_message_says_where_to_bring_a_file_and_how_to_reach_a_network(self, server, no_npm):
        with pytest.raises(WeightsNotFoundError) as caught:
            fetch_weights("model", [pinned("npm:some-package@1.0.0/dist/w.bin", server.url("/gone.bin"))])
        assert str(caught.value).splitlines()[3:] == [
            "Behind a proxy, set HTTPS_PROXY to its address. If npm packages come from a mirror, set NPM_CONFIG_REGISTRY to its address.",
            f"If you have the file (SHA-256 {SHA}), put it into {final().parent} as w.bin, or pass weights=PATH.",
        ]

    def test_a_source_that_needs_no_network_gives_no_advice_about_one(self, tmp_path):
        with pytest.raises(WeightsNotFoundError) as caught:
            fetch_weights("model", [pinned(f"file:{tmp_path / 'absent'}")])
        assert "PROXY" not in str(caught.value)

    def test_a_file_without_a_source_says_so(self):
        with pytest.raises(WeightsNotFoundError, match="it has no source"):
            fetch_weights("model", [pinned()])

    def test_a_broken_download_goes_on_at_the_next_try(self, server):
        server.cut_after = 3 * CHUNK
        with pytest.raises(WeightsNotFoundError, match="could not be fetched"):
            fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert not final().exists()
        came = part().stat().st_size
        assert came >= 2 * CHUNK
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert final().read_bytes() == DATA
        assert server.requests[1][1]["Range"] == f"bytes={came}-"

    def test_the_beginning_of_another_file_spoils_one_try_at_most(self, server):
        part().parent.mkdir(parents=True)
        part().write_bytes(b"of another version")
        with_retry = 0
        while not final().exists() and with_retry < 2:
            with_retry += 1
            try:
                fetch_weights("model", [pinned(server.url("/w.bin"))])
            except WeightsNotFoundError:
                assert not final().exists()
        assert final().read_bytes() == DATA

    def test_a_file_has_its_final_name_only_when_all_of_it_has_come(self, server):
        seen = []
        server.midway = lambda: seen.append(final().exists())
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert seen == [False]
        assert final().exists()

    def test_a_process_killed_midway_leaves_no_file_and_no_lock_and_the_next_goes_on(self, server):
        reached, release = threading.Event(), threading.Event()
        server.midway = lambda: (reached.set(), release.wait(60))
        process = fetch_in_a_process(server.url("/w.bin"))
        try:
            assert reached.wait(60)
            deadline = time.monotonic() + 60
            while not (part().exists() and part().stat().st_size >= CHUNK):
                assert time.monotonic() < deadline
                time.sleep(0.01)
        finally:
            process.kill()
            process.communicate()
            server.midway = None
            release.set()
        assert not final().exists()
        came = part().stat().st_size
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert final().read_bytes() == DATA
        assert server.requests[1][1]["Range"] == f"bytes={came}-"


class TestFolders:
    def test_a_home_that_is_a_file_is_named_and_the_variable_to_set_too(self, server, tmp_path, monkeypatch):
        (tmp_path / "file").touch()
        monkeypatch.setenv("PROMPTSEG_HOME", str(tmp_path / "file"))
        with pytest.raises(WeightsError, match=r"cannot write weights to .*file.*Set PROMPTSEG_HOME"):
            fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert server.requests == []

    def test_a_read_only_folder_is_refused_before_anything_is_downloaded(self, server, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Path, "mkdir", refuse)
        with pytest.raises(WeightsError, match=r"Permission denied.*PROMPTSEG_HOME") as caught:
            fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert isinstance(caught.value.__cause__, PermissionError)
        assert server.requests == []

    def test_weights_in_a_read_only_cache_serve(self, monkeypatch):
        final().parent.mkdir(parents=True)
        final().write_bytes(DATA)

        def refuse(*_, **__):
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(store, "write_atomically", refuse)
        monkeypatch.setattr(Path, "mkdir", refuse)
        assert fetch_weights("model", [pinned()]).files["w.bin"] == final()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full, the device that is always full")
    @pytest.mark.parametrize("kind", ["url", "file"])
    def test_a_full_disk_is_called_so_and_leaves_nothing_under_the_final_name(self, kind, server, tmp_path):
        (tmp_path / "w.bin").write_bytes(DATA)
        source = server.url("/w.bin") if kind == "url" else f"file:{tmp_path / 'w.bin'}"
        part().parent.mkdir(parents=True)
        part().symlink_to("/dev/full")
        with pytest.raises(WeightsError, match=r"No space left on device.*PROMPTSEG_HOME") as caught:
            fetch_weights("model", [pinned(source)])
        assert caught.value.__cause__.errno == errno.ENOSPC
        assert not final().exists()
        part().unlink()  # There is room again.
        fetch_weights("model", [pinned(source)])
        assert final().read_bytes() == DATA

    def test_the_home_is_that_of_the_environment_or_of_the_platform(self, tmp_path, monkeypatch):
        from platformdirs import user_cache_path

        monkeypatch.setenv("PROMPTSEG_HOME", str(tmp_path))
        assert cache_dir() == tmp_path
        monkeypatch.setenv("PROMPTSEG_HOME", "~/models")
        assert cache_dir() == Path.home() / "models"
        for unset in (lambda: monkeypatch.setenv("PROMPTSEG_HOME", ""), lambda: monkeypatch.delenv("PROMPTSEG_HOME")):
            unset()
            assert cache_dir() == user_cache_path("promptseg", appauthor=False)


class TestOffline:
    def test_nothing_is_asked_for(self, server, monkeypatch):
        monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
        with pytest.raises(WeightsOfflineError, match="PROMPTSEG_OFFLINE") as caught:
            fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert SHA in str(caught.value)
        assert str(final().parent) in str(caught.value)
        assert server.requests == []

    def test_what_is_in_the_cache_serves(self, server, monkeypatch):
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
        assert fetch_weights("model", [pinned(server.url("/w.bin"))]).files["w.bin"] == final()

    def test_a_damaged_file_in_the_cache_does_not_serve(self, monkeypatch):
        monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
        final().parent.mkdir(parents=True)
        final().write_bytes(DATA[:-1])
        with pytest.raises(WeightsOfflineError):
            fetch_weights("model", [pinned()])

    @pytest.mark.parametrize(
        ("value", "expected"), [("1", True), ("true", True), ("yes", True), ("0", False), ("false", False), ("", False)]
    )
    def test_the_variable_reads_as_people_write_it(self, value, expected, monkeypatch):
        monkeypatch.setenv("PROMPTSEG_OFFLINE", value)
        assert offline() is expected


class Heard(io.StringIO):
    """A text that tells when a message was written to it."""

    def __init__(self, message, told):
        super().__init__()
        self.message, self.told = message, told

    def write(self, text):
        written = super().write(text)
        if self.message in self.getvalue():
            self.told.set()
        return written


class TestAtOnce:
    def test_threads_that_want_one_file_fetch_it_once(self, server):
        barrier, fetched = threading.Barrier(4), []

        def fetch():
            barrier.wait()
            fetched.append(fetch_weights("model", [pinned(server.url("/w.bin"))]).files["w.bin"].read_bytes())

        threads = [threading.Thread(target=fetch) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert fetched == [DATA] * 4
        assert len(server.requests) == 1

    def test_who_waits_for_another_is_told_so_at_once(self, server, monkeypatch):
        under_way, told = threading.Event(), threading.Event()
        monkeypatch.setattr(sys, "stderr", Heard("Waiting for w.bin of model, which another process or thread is fetching…", told))
        server.midway = lambda: (under_way.set(), told.wait(60))
        threads = [threading.Thread(target=fetch_weights, args=("model", [pinned(server.url("/w.bin"))])) for _ in range(2)]
        threads[0].start()
        assert under_way.wait(60)
        threads[1].start()
        assert told.wait(60)
        for thread in threads:
            thread.join()
        assert len(server.requests) == 1

    def test_processes_that_want_one_file_fetch_it_once(self, server):
        waiting = threading.Event()
        server.midway = lambda: waiting.wait(60)  # The first is held up until both are under way.
        processes = [fetch_in_a_process(server.url("/w.bin")) for _ in range(2)]
        try:
            ready = [process.stdout.readline() for process in processes]
            waiting.set()
            ended = [(*process.communicate(timeout=60), process.returncode) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.communicate()
        assert ready == [b"ready\n"] * 2
        assert [(out, status) for out, _, status in ended] == [(b"", 0)] * 2
        assert b"".join(err for _, err, _ in ended).count(b"Fetching") == 1
        assert final().read_bytes() == DATA
        assert len(server.requests) == 1


class TestVerifying:
    def test_a_whole_file_is_ok_and_an_absent_one_is_absent(self, server):
        assert verify_file("model", pinned()) == "absent"
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert verify_file("model", pinned()) == "ok"

    def test_damage_that_changed_neither_size_nor_date_is_found_and_then_mended_by_fetching(self, server):
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        status = final().stat()
        final().write_bytes(DATA[:-1] + b"?")
        os.utime(final(), ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(WeightsMismatchError, match="promptseg weights fetch model"):
            verify_file("model", pinned())
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert final().read_bytes() == DATA

    def test_only_a_verified_file_has_a_cached_path(self, server):
        assert cached_path("model", pinned()) is None
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        assert cached_path("model", pinned()) == final()
        final().write_bytes(b"damaged")
        assert cached_path("model", pinned()) is None

    def test_a_record_that_is_damaged_is_not_trusted(self, server):
        fetch_weights("model", [pinned(server.url("/w.bin"))])
        record = final().with_name(".w.bin.verified")
        assert record.exists()
        for content in (b"", b"{", b"[]", b'{"sha256": 3}', b"\xff\xfe"):
            record.write_bytes(content)
            assert cached_path("model", pinned()) == final()
        assert len(server.requests) == 1

    def test_the_hash_of_a_file_that_cannot_be_read_is_a_weights_error(self, tmp_path):
        with pytest.raises(WeightsNotFoundError, match=r"cannot read .*absent"):
            file_sha256(tmp_path / "absent")


class TestGiven:
    NAMES = ("encoder.onnx", "decoder.onnx")

    def test_one_file_may_have_any_name_and_content(self, tmp_path):
        path = tmp_path / "mine.pt"
        path.write_bytes(b"mine")
        given = given_weights(path, self.NAMES[:1])
        assert given.files == {"encoder.onnx": path}
        assert given.sha256 == {"encoder.onnx": hashlib.sha256(b"mine").hexdigest()}

    def test_a_folder_holds_files_under_the_names_of_the_catalog(self, tmp_path):
        for name in self.NAMES:
            (tmp_path / name).write_bytes(name.encode())
        assert given_weights(tmp_path, self.NAMES).files == {name: tmp_path / name for name in self.NAMES}

    def test_a_folder_that_lacks_a_file_is_refused_with_its_name(self, tmp_path):
        (tmp_path / "encoder.onnx").touch()
        with pytest.raises(WeightsNotFoundError, match=r"decoder\.onnx"):
            given_weights(tmp_path, self.NAMES)

    def test_one_file_for_a_model_of_several_is_refused_with_what_is_needed(self, tmp_path):
        (tmp_path / "encoder.onnx").touch()
        with pytest.raises(WeightsNotFoundError, match=r"needs a folder with encoder\.onnx, decoder\.onnx"):
            given_weights(tmp_path / "encoder.onnx", self.NAMES)

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_an_absent_path_is_named(self, count, tmp_path):
        with pytest.raises(WeightsNotFoundError, match=r"there is no weights file .*absent"):
            given_weights(tmp_path / "absent", self.NAMES[:count])


class TestRecognized:
    def test_files_of_the_kinds_are_taken_under_their_own_names(self, tmp_path):
        for name in ("b.onnx", "a.onnx", "readme.md"):
            (tmp_path / name).write_bytes(name.encode())
        found = recognized_weights(tmp_path, (".onnx", ".onnx"))
        assert found.files == {"a.onnx": tmp_path / "a.onnx", "b.onnx": tmp_path / "b.onnx"}
        assert found.sha256["b.onnx"] == hashlib.sha256(b"b.onnx").hexdigest()

    @pytest.mark.parametrize("names", [(), ("a.onnx",), ("a.onnx", "b.onnx", "c.onnx"), ("a.onnx", "b.txt")], ids=len)
    def test_fewer_or_more_are_refused_with_their_names(self, names, tmp_path):
        for name in names:
            (tmp_path / name).touch()
        held = ", ".join(name for name in names if name.endswith("onnx")) or "none"
        with pytest.raises(WeightsNotFoundError, match=f"should hold 2 files .*of these kinds it holds {held}$"):
            recognized_weights(tmp_path, (".onnx", ".onnx"))


def fetch_in_a_process(url):
    code = (
        "from promptseg.weights.store import WeightFile, fetch_weights\n"
        "import promptseg.weights.download, requests, filelock\n"
        "print('ready', flush=True)\n"
        f"fetch_weights('model', [WeightFile('w.bin', {SHA!r}, ({url!r},), {len(DATA)})])\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
