"""Saved sessions: for which model and frames they are read again."""

from dataclasses import replace

import numpy as np
import pytest

from promptseg.errors import InputError
from promptseg.results import Provenance
from promptseg.video.saved_session import SavedSession

MADE_BY = Provenance("m", "b", "1.0", {"w": "0" * 64}, fallback_from=("larger",))
SAVED = SavedSession(MADE_BY, (30, 40), {"objects": [7]}, {"gray": np.arange(6, dtype=np.uint8).reshape(2, 3)})


def test_what_was_written_is_read_again(tmp_path):
    SAVED.write(tmp_path / "session")
    read = SavedSession.read(tmp_path / "session")
    assert (read.provenance, read.size, read.values) == (MADE_BY, (30, 40), {"objects": [7]})
    assert read.arrays["gray"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("size", [(30, 41), (31, 40), (40, 30)])
def test_frames_of_another_size_are_refused_with_both(size):
    SAVED.check(MADE_BY, (30, 40))
    with pytest.raises(InputError, match=rf"frames of size \(30, 40\).*have \({size[0]}, {size[1]}\)"):
        SAVED.check(MADE_BY, size)


def test_another_version_or_device_goes_on_and_other_weights_or_models_do_not():
    SAVED.check(replace(MADE_BY, version="2.0", device="cuda", fallback_from=()), (30, 40))
    with pytest.raises(InputError, match="written by other weights"):
        SAVED.check(replace(MADE_BY, weights={"w": "1" * 64}), (30, 40))
    with pytest.raises(InputError, match=r"written by model 'm' \(b\), not by 'n' \(b\)"):
        SAVED.check(replace(MADE_BY, model="n"), (30, 40))
