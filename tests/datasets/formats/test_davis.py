import numpy as np
import pytest

from promptseg.datasets.formats.davis import read_davis
from promptseg.errors import InputError


def test_davis_folders_are_read_at_480p_where_there_are_several_resolutions(tmp_path, save):
    labels = np.uint8([[0, 1, 2], [1, 2, 255]])
    for resolution in ("480p", "1080p"):
        save(f"JPEGImages/{resolution}/dog/00000.jpg", np.zeros((2, 3, 3), np.uint8))
        save(f"Annotations/{resolution}/dog/00000.png", labels)
    (frame,) = read_davis(tmp_path)
    assert [true.name for true in frame.objects] == ["dog/00000.jpg#1", "dog/00000.jpg#2"]
    assert frame.ignored[0].area == 1
    assert frame.group == "dog"


def test_what_is_no_davis_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="JPEGImages and Annotations"):
        read_davis(tmp_path)


@pytest.mark.shared
def test_davis_sequences_are_read(shared):
    dataset = read_davis(shared / "data" / "davis2016")
    assert len(dataset) == 170
    assert dataset.entries[0].read().objects[0].name == "blackswan/00000.jpg#1"
