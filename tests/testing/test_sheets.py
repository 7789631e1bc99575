"""Drawn sheets of many things that are alike."""

import numpy as np
import pytest

from promptseg.errors import ConfigError
from promptseg.testing.sheets import draw_sheet


@pytest.mark.parametrize("kind", ["coins", "cells"])
def test_things_of_a_sheet_do_not_overlap_and_lie_inside(kind):
    image, masks = draw_sheet(kind, count=12, side=128)
    assert image.shape == (128, 128, 3)
    assert len(masks) == 12
    total = np.sum([mask.array for mask in masks], axis=0)
    assert total.max() == 1
    assert not total[[0, -1]].any()
    assert not total[:, [0, -1]].any()


def test_a_seed_draws_one_sheet():
    first, again, other = draw_sheet("cells", seed=1, side=96), draw_sheet("cells", seed=1, side=96), draw_sheet("cells", seed=2, side=96)
    assert np.array_equal(first.image, again.image)
    assert first.masks == again.masks
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("wrong", [{"kind": "cars"}, {"count": 0}, {"count": 1001}, {"side": 10}, {"side": 10_000}, {"seed": -1}])
def test_settings_are_checked(wrong):
    with pytest.raises(ConfigError):
        draw_sheet(**wrong)
