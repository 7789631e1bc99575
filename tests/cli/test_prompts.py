"""From the command line's words to prompts."""

import pytest

from promptseg.cli.prompts import parse_prompts
from promptseg.errors import PromptError


def parsed(points=(), boxes=(), text=None, everything=False, points_per_side=None):
    return [repr(prompt) for prompt in parse_prompts(points, boxes, text, everything, points_per_side)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"points": ["3,4"]}, ["Prompt.point(3, 4)"]),
        ({"points": [" 3.5 , 4e1 "]}, ["Prompt.point(3.5, 40)"]),
        ({"points": ["3,4,1"]}, ["Prompt.point(3, 4)"]),
        ({"points": ["3,4,0"]}, ["Prompt.point(3, 4, foreground=False)"]),
        ({"points": ["3,4", "5,6,0"]}, ["Prompt.point(3, 4) + Prompt.point(5, 6, foreground=False)"]),
        ({"boxes": ["1,2,3,4"]}, ["Prompt.box(1, 2, 3, 4)"]),
        ({"boxes": ["1,2,3,4", "5,6,7,8"]}, ["Prompt.box(1, 2, 3, 4)", "Prompt.box(5, 6, 7, 8)"]),
        ({"points": ["3,4"], "boxes": ["1,2,30,40"]}, ["Prompt.point(3, 4) + Prompt.box(1, 2, 30, 40)"]),
        ({"text": "a dog, red car"}, ["Prompt.text('a dog', 'red car')"]),
        ({"text": "a dog,,red car,"}, ["Prompt.text('a dog', 'red car')"]),
        ({"text": "a dog . red car ."}, ["Prompt.text('a dog', 'red car')"]),
        ({"everything": True}, ["Prompt.everything()"]),
        ({"everything": True, "points_per_side": 8}, ["Prompt.everything(points_per_side=8)"]),
        (
            {"everything": True, "text": "dog", "points": ["3,4"]},
            ["Prompt.point(3, 4)", "Prompt.text('dog')", "Prompt.everything()"],
        ),
        ({}, []),
    ],
)
def test_words_become_prompts(words, expected):
    assert parsed(**words) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"points": ["3"]}, "--point takes x,y or x,y,0, got '3'"),
        ({"points": ["3,4,0,1"]}, "--point takes x,y or x,y,0, got '3,4,0,1'"),
        ({"points": ["3;4"]}, "--point takes numbers x,y or x,y,0, got '3;4'"),
        ({"points": ["3,"]}, "--point takes numbers x,y or x,y,0, got '3,'"),
        ({"points": ["3,4,2"]}, "0 for one beside it, got '3,4,2'"),
        ({"points": ["nan,4"]}, "points must be finite numbers"),
        ({"boxes": ["1,2,3"]}, "--box takes x0,y0,x1,y1, got '1,2,3'"),
        ({"boxes": ["1,2,3,x"]}, "--box takes numbers x0,y0,x1,y1, got '1,2,3,x'"),
        ({"boxes": ["30,2,3,40"]}, r"x0 < x1 and y0 < y1 .* got \(30.0, 2.0, 3.0, 40.0\)"),
        ({"points": ["3,4"], "boxes": ["1,2,3,4", "5,6,7,8"]}, "points can be combined with one box at most"),
        ({"text": ""}, "a phrase is text that is not blank"),
        ({"text": " , . "}, "name what to find"),
        ({"points_per_side": 8}, "--points-per-side needs --everything"),
        ({"everything": True, "points_per_side": 0}, "from 1 to 1000, got 0"),
    ],
)
def test_words_that_make_no_sense_are_refused_with_what_they_were(words, message):
    with pytest.raises(PromptError, match=message):
        parsed(**words)
