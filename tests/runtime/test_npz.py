"""Archives of arrays that are damaged are refused with one kind of error."""

import io

import numpy as np
import pytest

from promptseg.runtime.npz import read_npz, write_npz


@pytest.fixture
def archive():
    file = io.BytesIO()
    write_npz(file, {"a": np.arange(3)}, "a comment")
    return file.getvalue()


def test_arrays_and_comment_are_read_as_they_were_written(archive, tmp_path):
    (tmp_path / "a.npz").write_bytes(archive)
    arrays, comment = read_npz(tmp_path / "a.npz")
    assert {name: array.tolist() for name, array in arrays.items()} == {"a": [0, 1, 2]}
    assert comment == "a comment"


@pytest.mark.parametrize("offset", [0, 1_000_000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_directory_at_another_place_is_damage_and_no_fault_of_the_disk(offset, archive, tmp_path):
    at = archive.rindex(b"PK\5\6") + 16
    (tmp_path / "a.npz").write_bytes(archive[:at] + offset.to_bytes(4, "little") + archive[at + 4 :])
    with pytest.raises(ValueError, match=r".") as caught:
        read_npz(tmp_path / "a.npz")
    assert not isinstance(caught.value, OSError)


def test_a_file_that_is_absent_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "a.npz")
