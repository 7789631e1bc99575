import errno
import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from promptseg.errors import OutputError
from promptseg.runtime import files
from promptseg.runtime.files import output_errors, remove_leftovers, temporary_folder, write_atomically, write_folder


def test_the_file_has_its_name_only_when_the_block_has_ended(tmp_path):
    path = tmp_path / "result.json"
    with write_atomically(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), ValueError("bad"), KeyboardInterrupt()])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(error, tmp_path):
    path = tmp_path / "result.json"
    path.write_bytes(b"old")

    def fail():
        with write_atomically(path) as file:
            file.write(b"new, but not all of it")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_every_file_reaches_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    steps = []
    fsync, replace, rename = files.os.fsync, files.Path.replace, files.Path.rename
    monkeypatch.setattr(files.os, "fsync", lambda handle: steps.append("disk") or fsync(handle))
    monkeypatch.setattr(files.Path, "replace", lambda path, to: steps.append(to.name) or replace(path, to))
    monkeypatch.setattr(files.Path, "rename", lambda path, to: steps.append(to.name) or rename(path, to))
    with write_atomically(tmp_path / "one") as file:
        file.write(b"1")
    for _ in range(2):  # A new folder, and one that is there.
        with write_folder(tmp_path / "folder", last="b") as place:
            for name in "abc":
                (place / name).write_bytes(b"1")
    assert steps[:6] == ["disk", "one", "disk", "disk", "disk", "folder"]
    assert steps[6:9] == ["disk"] * 3
    assert (sorted(steps[9:]), steps[-1]) == (["a", "b", "c"], "b")


@pytest.mark.parametrize(("owner", "step"), [(files.os, "fsync"), (files.Path, "replace"), (files.Path, "chmod")])
def test_a_disk_that_fails_at_the_last_step_leaves_the_old_file(owner, step, tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    path.write_bytes(b"old")

    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(owner, step, fail)
    with pytest.raises(OSError, match="Input/output"), write_atomically(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "result.json"
    path.write_bytes(b"old and longer")
    with write_atomically(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_text_is_utf_8_whatever_the_locale(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    with write_atomically(tmp_path / "names.txt", text=True) as file:
        file.write("Übung €")
    assert (tmp_path / "names.txt").read_bytes() == "Übung €".encode()


def test_the_file_has_the_permissions_of_any_new_file(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    with write_atomically(tmp_path / "result") as file:
        file.write(b"x")
    assert stat.S_IMODE((tmp_path / "result").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_many_writers_of_one_name_leave_one_whole_file(tmp_path):
    path = tmp_path / "result"
    barrier = threading.Barrier(8)

    def write(letter):
        barrier.wait()
        with write_atomically(path) as file:
            for _ in range(50):
                file.write(letter * 1000)

    threads = [threading.Thread(target=write, args=(bytes([65 + i]),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = path.read_bytes()
    assert len(content) == 50_000
    assert len(set(content)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_an_absent_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError), write_atomically(tmp_path / "absent" / "result"):
        pass


def test_an_os_error_becomes_an_output_error_that_names_the_file(tmp_path):
    path = tmp_path / "absent" / "result.json"
    with (
        pytest.raises(OutputError, match=r"result\.json: No such file or directory") as caught,
        output_errors(path),
        write_atomically(path),
    ):
        pass
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_other_errors_pass_output_errors_unchanged(tmp_path):
    with pytest.raises(KeyError), output_errors(tmp_path / "result"):
        raise KeyError("mine")


class TestFolders:
    """Several files that belong together."""

    @staticmethod
    def names(folder):
        return sorted(path.name for path in folder.iterdir())

    def test_a_new_folder_is_there_only_when_the_block_has_ended(self, tmp_path):
        with write_folder(tmp_path / "deep" / "out", last="note") as place:
            (place / "a").write_bytes(b"a")
            assert not (tmp_path / "deep" / "out").exists()
        assert self.names(tmp_path / "deep" / "out") == ["a"]
        assert self.names(tmp_path / "deep") == ["out"]

    def test_it_has_the_permissions_of_the_umask(self, tmp_path):
        with write_folder(tmp_path / "out", last="note") as place:
            (place / "a").touch()
        (tmp_path / "made").mkdir()
        assert (tmp_path / "out").stat().st_mode == (tmp_path / "made").stat().st_mode

    def test_in_a_folder_that_is_there_files_of_the_same_names_are_replaced(self, tmp_path):
        out = tmp_path / "out"
        out.mkdir()
        for name in ("a", "other", "note"):
            (out / name).write_bytes(b"old")
        with write_folder(out, last="note") as place:
            for name in ("a", "b", "note"):
                (place / name).write_bytes(b"new")
        assert {name: (out / name).read_bytes() for name in self.names(out)} == {"a": b"new", "b": b"new", "note": b"new", "other": b"old"}

    @pytest.mark.parametrize("present", [True, False])
    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
    def test_a_failure_leaves_what_was_there(self, error, present, tmp_path):
        out = tmp_path / "out"
        if present:
            out.mkdir()
            (out / "a").write_bytes(b"old")

        def fail():
            with write_folder(out, last="note") as place:
                (place / "a").write_bytes(b"new")
                raise error

        with pytest.raises(type(error)):
            fail()
        assert self.names(tmp_path) == (["out"] if present else [])
        if present:
            assert self.names(out) == ["a"]
            assert (out / "a").read_bytes() == b"old"

    def test_the_last_file_never_stands_beside_files_that_it_does_not_describe(self, tmp_path, monkeypatch):
        out = tmp_path / "out"
        out.mkdir()
        for name in ("a", "b", "note"):
            (out / name).write_bytes(b"old")
        replace, seen = files.Path.replace, []

        def watch(self, target):
            seen.append((target.name, (out / "note").exists()))
            return replace(self, target)

        monkeypatch.setattr(files.Path, "replace", watch)
        with write_folder(out, last="note") as place:
            for name in ("note", "b", "a"):
                (place / name).write_bytes(b"new")
        assert sorted(seen[:2]) == [("a", False), ("b", False)]
        assert seen[2:] == [("note", False)]


class TestLeftovers:
    def test_what_a_killed_process_left_is_removed_and_counted(self, tmp_path):
        code = (
            "import os, signal, pathlib; from promptseg.runtime.files import temporary_folder, write_atomically\n"
            f"folder = pathlib.Path({str(tmp_path)!r})\n"
            "with write_atomically(folder / 'a') as file, temporary_folder(folder, 'b') as inner:\n"
            "    file.write(b'half'); file.flush(); (inner / 'x').touch()\n"
            "    os.kill(os.getpid(), signal.SIGTERM)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], check=False)
        assert done.returncode == -signal.SIGTERM or os.name == "nt"
        assert len(list(tmp_path.iterdir())) == 2
        assert remove_leftovers(tmp_path) == 2
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(os.name == "nt", reason="this system locks open files")
    def test_what_is_being_written_is_left_alone(self, tmp_path):
        with write_atomically(tmp_path / "a") as file, temporary_folder(tmp_path, "b") as inner:
            file.write(b"whole")
            assert remove_leftovers(tmp_path) == 0
            assert inner.is_dir()
        assert (tmp_path / "a").read_bytes() == b"whole"
        assert [path.name for path in tmp_path.iterdir()] == ["a"]

    def test_other_files_are_left_alone(self, tmp_path):
        for name in ("a.tmp", ".hidden", ".a.lock", ".a.part", "abcd1234.tmp", ".a.short.tmp"):
            (tmp_path / name).touch()
        assert remove_leftovers(tmp_path) == 0
        assert len(list(tmp_path.iterdir())) == 6

    def test_a_temporary_folder_is_removed_after_a_failure(self, tmp_path):
        def fail():
            with temporary_folder(tmp_path, "b") as inner:
                (inner / "x").touch()
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert list(tmp_path.iterdir()) == []
