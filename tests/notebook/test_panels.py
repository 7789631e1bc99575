"""Masks side by side."""

import numpy as np
import pytest

from promptseg import Masks, Prompt, Result
from promptseg.errors import InputError
from promptseg.notebook.panels import MAX_PANELS, side_by_side

IMAGE = np.full((40, 60, 3), 200, np.uint8)


def test_each_mask_has_a_panel_of_its_own_in_the_same_color(masks):
    sheet = np.asarray(masks.side_by_side(IMAGE))
    half = sheet.shape[1] // 2
    tinted = [
        np.argwhere(np.abs(part[30:].astype(int) - 200).max(axis=2) > 20) for part in (sheet[:, 8 : half - 4], sheet[:, half + 4 : -8])
    ]
    assert tinted[0][:, 1].mean() < tinted[1][:, 1].mean()  # The cup stands left of the spoon, each on its own panel.


def test_panels_fill_rows_of_three_unless_it_is_said(masks):
    five = masks.where([0, 1, 0, 1, 0])
    wide, tall = side_by_side(five, IMAGE), side_by_side(five, IMAGE, columns=1)
    assert wide.width > wide.height
    assert tall.height > 2 * tall.width


def test_titles_are_drawn_and_those_too_long_are_cut(masks):
    plain, titled = (np.asarray(masks.side_by_side(IMAGE, titles=titles)) for titles in (["", ""], ["the cup", "x\ny" * 500]))
    assert plain.shape == titled.shape
    assert (plain != titled).any()
    panels = slice(30, None)
    assert (plain[panels] == titled[panels]).all()


def test_the_default_title_says_index_label_score_and_share(masks, monkeypatch):
    told = []
    monkeypatch.setattr("promptseg.notebook.panels._arranged", lambda panels, columns: told.extend(title for _, title in panels))
    masks.side_by_side()
    assert told == ["0: cup score 0.90, 20.2% of the image", "1: spoon score 0.50, 8.3% of the image"]


def test_prompts_are_drawn_on_each_panel(masks):
    without, with_click = (np.asarray(masks.side_by_side(IMAGE, prompts=prompts)) for prompts in ((), [Prompt.point(55, 35)]))
    columns = np.nonzero((without != with_click).any(axis=(0, 2)))[0]
    assert len(np.nonzero(np.diff(columns) > 100)[0]) == 1  # Two places, one on each panel.


def test_a_result_draws_on_its_own_image_with_its_prompts(masks):
    result = Result(masks, prompts=(Prompt.point(55, 35),), image=IMAGE)
    assert (np.asarray(result.side_by_side()) == np.asarray(masks.side_by_side(IMAGE, prompts=result.prompts))).all()


def test_of_many_masks_the_first_are_drawn(masks):
    many = masks.where([0] * 500)
    assert side_by_side(many, columns=6).size == side_by_side(many[:MAX_PANELS], columns=6).size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masks": 5}, "masks are Masks, got 5"),
        ({"masks": Masks([], (40, 60))}, "there are no masks to draw side by side"),
        ({"titles": ["one"]}, "titles are a list of one text for each of 2 masks"),
        ({"titles": "ab"}, "titles are a list of one text for each of 2 masks"),
        ({"columns": 0}, "columns is a whole number of at least 1, got 0"),
        ({"prompts": Prompt.point(1, 1)}, "prompts are a list of Prompt"),
        ({"image": np.zeros((3, 3, 3), np.uint8)}, r"masks of size \(40, 60\) do not fit an image of size \(3, 3\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message, masks):
    with pytest.raises(InputError, match=message):
        side_by_side(**{"masks": masks, **arguments})
