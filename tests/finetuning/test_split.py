"""Splits into training and validation images, and folds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptseg.errors import ConfigError, InputError
from promptseg.finetuning.split import folds, split

DIGESTS = [f"{index:02x}" for index in range(20)]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), st.integers(0, 50), st.sampled_from([0.1, 0.2, 0.5]))
def test_every_image_is_on_one_side_and_copies_are_together(contents, seed, share):
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


def test_without_validation_all_are_trained_on():
    assert split(DIGESTS, 0, 0) == (list(range(20)), [])


def test_too_few_different_images_are_refused():
    with pytest.raises(InputError, match="3 images, of which 1 are independent, are too few"):
        split(["a", "a", "a"], 0.2, 0)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), st.integers(2, 5), st.integers(0, 50))
def test_every_image_is_in_one_fold_and_groups_are_together(groups, count, seed):
    if len(set(groups)) < count:
        with pytest.raises(InputError, match=f"are too few for {count} folds"):
            folds(groups, count, seed)
        return
    found = folds(groups, count, seed)
    assert sorted(index for fold in found for index in fold) == list(range(len(groups)))
    assert len(found) == count
    assert all(found)
    for group in set(groups):
        assert sum(any(groups[index] == group for index in fold) for fold in found) == 1


def test_folds_are_of_equal_size_and_a_seed_gives_others():
    found = folds(DIGESTS, 6, 0)
    assert sorted(map(len, found)) == [3, 3, 3, 3, 4, 4]
    assert found == folds(DIGESTS, 6, 0) != folds(DIGESTS, 6, 1)


@pytest.mark.parametrize("count", [1, 2.5, True])
def test_a_number_of_folds_that_cannot_be_is_named(count):
    with pytest.raises(ConfigError, match="folds is a whole number of at least 2"):
        folds(DIGESTS, count, 0)
