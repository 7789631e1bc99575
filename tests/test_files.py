import errno
import stat
import threading

import pytest

from promptseg import files
from promptseg.errors import OutputError
from promptseg.files import output_errors, write_atomically


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


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_a_disk_that_fails_at_the_last_step_leaves_the_old_file(step, tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    path.write_bytes(b"old")

    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files.os, step, fail)
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
