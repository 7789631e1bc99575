"""The saved state of an unfinished training."""

import errno

import pytest

from promptseg.errors import ConfigError, OutputError

torch = pytest.importorskip("torch", reason="fine-tuning needs torch")

from promptseg.finetuning.state import StateFile  # noqa: E402 - It needs torch.


@pytest.fixture
def file(tmp_path):
    return StateFile(tmp_path / "out", {"seed": 0, "model": "m"})


def test_what_was_written_is_read_and_nothing_where_nothing_was(file):
    assert file.read() is None
    file.write({"step": 3, "tensors": {"a": torch.ones(2)}})
    found = file.read()
    assert found["step"] == 3
    assert found["tensors"]["a"].tolist() == [1, 1]
    file.remove()
    assert file.read() is None


def test_the_state_of_another_run_is_refused_with_what_differs(file, tmp_path):
    file.write({"step": 3})
    with pytest.raises(ConfigError, match=r"another training that is not finished: there seed is 0, here seed is 1\. Use the same"):
        StateFile(tmp_path / "out", {"seed": 1, "model": "m"}).read()


@pytest.mark.parametrize("content", [b"", b"something else", b"PK\x03\x04"])
def test_a_damaged_state_is_refused_with_its_path(content, file):
    file.folder.mkdir()
    file.path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"training-state\.pt cannot be read"):
        file.read()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("No space left on device\nmore")])
def test_a_disk_that_is_full_is_named_and_leaves_the_earlier_state(error, file, monkeypatch):
    file.write({"step": 3})

    def fail(values, out):
        out.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OutputError, match=r"cannot write .*training-state\.pt: No space left on device"):
        file.write({"step": 4})
    assert file.read()["step"] == 3
    assert [path.name for path in file.folder.iterdir()] == ["training-state.pt"]
