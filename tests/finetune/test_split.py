"""Which photos are learnt from and which judge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptseg.errors import InputError
from promptseg.finetune.split import split

DIGESTS = [f"{index:02x}" for index in range(20)]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), st.integers(0, 50), st.sampled_from([0.1, 0.2, 0.5]))
def test_every_photo_is_on_one_side_and_copies_are_together(contents, seed, share):
    if len(set(contents)) < 2:
        return
    train, validation = split(contents, share, seed)
    assert sorted(train + validation) == list(range(len(contents)))
    assert not {contents[index] for index in train} & {contents[index] for index in validation}
    assert train
    assert validation


def test_the_share_is_of_different_contents():
    train, validation = split(DIGESTS + DIGESTS[:1] * 30, 0.2, 0)
    judges = {(DIGESTS + DIGESTS[:1] * 30)[index] for index in validation}
    assert len(judges) == 4
    assert len(train) + len(validation) == 50


def test_a_seed_gives_one_split_whatever_the_order_and_another_seed_another():
    def judges(digests, seed):
        return {digests[index] for index in split(digests, 0.2, seed)[1]}

    assert judges(DIGESTS, 1) == judges(DIGESTS[::-1], 1)
    assert judges(DIGESTS, 1) != judges(DIGESTS, 2)


def test_without_validation_all_are_learnt_from():
    assert split(DIGESTS, 0, 0) == (list(range(20)), [])


def test_too_few_different_photos_are_refused():
    with pytest.raises(InputError, match="3 photos, of which 1 differ in content, are too few"):
        split(["a", "a", "a"], 0.2, 0)
