import json
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg import Mask, Prompt
from promptseg.datasets.formats.paired_masks import read_paired_masks
from promptseg.errors import ConfigError, InputError
from promptseg.evaluation.failures import describe, draw_failures, find_failures
from promptseg.evaluation.rows import ObjectRow
from promptseg.testing import FakeSegmenter


def row(size, **fields):
    values = {"area": 1, "height": size[0], "width": size[1], "truth": ""} | dict.fromkeys(
        ("iou", "dice", "precision", "recall", "boundary_iou", "boundary_f"), 0.0
    )
    return ObjectRow("a#1", "a", "a", None, **{**values, **fields})


def traits(pixels, lab=None, **fields):
    return describe(Mask.from_array(pixels), np.zeros((*pixels.shape, 3), np.float32) if lab is None else lab, row(pixels.shape, **fields))


def disc(size, center, radius):
    y, x = np.ogrid[: size[0], : size[1]]
    return (x - center[0]) ** 2 + (y - center[1]) ** 2 <= radius**2


def test_a_disc_is_thick_and_a_line_is_thin():
    round_one = traits(disc((200, 200), (100, 100), 60))
    line = np.zeros((200, 200), bool)
    line[100:102, 10:190] = True
    assert round_one.thickness == pytest.approx(2 / math.sqrt(math.pi), rel=0.02)
    assert traits(line).thickness < 0.1
    assert round_one.area == pytest.approx(math.pi * 60**2 / 40_000, rel=0.01)


def test_the_thickness_of_a_square_is_one():
    square = np.zeros((120, 120), bool)
    square[10:71, 10:71] = True
    assert traits(square).thickness == pytest.approx(1)


def test_parts_that_do_not_touch_are_counted():
    assert traits(np.bool_([[1, 0, 1], [0, 0, 0], [1, 1, 1]])).parts == 3


def test_contrast_is_the_distance_of_the_colors_at_the_outline_and_not_of_those_far_away():
    pixels = disc((200, 200), (100, 100), 60)
    lab = np.zeros((200, 200, 3), np.float32)
    lab[..., 0] = np.where(pixels, 50, 20)
    assert traits(pixels, lab).contrast == pytest.approx(30)
    lab[disc((200, 200), (100, 100), 50)] = 90
    lab[~disc((200, 200), (100, 100), 70)] = 0
    assert traits(pixels, lab).contrast == pytest.approx(30)


def test_what_fills_the_image_has_no_contrast():
    assert traits(np.ones((20, 20), bool)).contrast is None


@pytest.mark.parametrize(
    ("fields", "quality"),
    [
        ({"box": (10.0, 10.0, 31.0, 31.0)}, 1),
        ({"box": (10.0, 10.0, 31.0, 20.5)}, 0.5),
        ({"points": ((20.0, 20.0, 1),)}, 1),
        ({"points": ((10.0, 20.0, 1),)}, 1 / 11),
        ({"points": ((0.0, 0.0, 0), (20.0, 20.0, 1))}, 1),
        ({}, None),
    ],
)
def test_a_prompt_is_as_good_as_its_box_is_tight_or_its_point_deep(fields, quality):
    pixels = np.zeros((60, 60), bool)
    pixels[10:31, 10:31] = True
    assert traits(pixels, **fields).prompt == (None if quality is None else pytest.approx(quality))


@pytest.fixture
def small_fail(tmp_path, photo):
    """A dataset of discs of many sizes, and a run in which the small ones fail and a large one does."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for index in range(18):
        Image.fromarray(photo(100, 120, index)).save(tmp_path / "images" / f"{index:02}.png")
        Image.fromarray(disc((100, 120), (60, 50), 4 + 2 * index)).save(tmp_path / "masks" / f"{index:02}.png")
    dataset = read_paired_masks(tmp_path / "images", tmp_path / "masks")
    run = promptseg.evaluate(dataset, model=FakeSegmenter(), prompt="box", baselines=False)
    ious = [0.1 + 0.01 * index if index < 6 or index == 14 else 0.9 for index in range(18)]
    return dataset, replace(run, rows=tuple(replace(one, iou=iou) for one, iou in zip(run.rows, ious, strict=True)))


def test_the_third_in_which_more_fail_comes_first(small_fail):
    dataset, run = small_fail
    found = find_failures(run, dataset, 0.5)
    first = next(group for group in found.groups if group.trait == "area")
    assert (first.failures, first.rate.count, first.rate.mean, first.stands_out) == (6, 6, 1, True)
    assert first.elsewhere == pytest.approx(1 / 12)
    assert first.minimum == pytest.approx(found.traits["00.png#1"].area)
    assert [one.name for one in found.worst][:3] == ["00.png#1", "01.png#1", "02.png#1"]
    assert "7 of 18 objects have an IoU under 0.5" in str(found)
    assert "area 0.004" in str(found)


def test_where_failures_have_nothing_in_common_no_trait_stands_out(small_fail):
    dataset, run = small_fail
    spread = replace(run, rows=tuple(replace(one, iou=0.1 if index % 3 == 0 else 0.9) for index, one in enumerate(run.rows)))
    found = find_failures(spread, dataset)
    assert not [group.trait for group in found.groups if group.stands_out and group.trait == "area"]


def test_a_trait_that_all_objects_share_makes_no_group(small_fail):
    dataset, run = small_fail
    assert not [group for group in find_failures(run, dataset).groups if group.trait in ("score", "parts")]


def test_failures_can_be_written_as_json(small_fail):
    dataset, run = small_fail
    content = json.loads(json.dumps(find_failures(run, dataset).to_dict()))
    assert content["failures"][0]["name"] == "00.png#1"
    assert content["groups"][0]["stands_out"]


def test_views_of_the_worst_are_numbered_from_the_worst(small_fail, tmp_path):
    dataset, run = small_fail
    paths = draw_failures(find_failures(run, dataset), dataset, tmp_path / "worst", limit=2, longest=60)
    assert [path.name for path in paths] == ["01-0.10-00.png-1.png", "02-0.11-01.png-1.png"]
    with Image.open(paths[0]) as overlay:
        assert overlay.format == "PNG"
        assert overlay.width > 60  # The legend is beside the enlarged part.


def test_a_row_gives_its_mask_and_its_prompt_back(small_fail):
    dataset, run = small_fail
    one = run.rows[3]
    session = FakeSegmenter().open(dataset.entries[3].read().path)
    assert one.mask == session.segment([Prompt.box(*one.box)])[0]
    assert repr(one.prompt) == repr(Prompt.box(*one.box))


def test_a_dataset_that_lacks_objects_of_the_run_is_refused(small_fail):
    dataset, run = small_fail
    with pytest.raises(InputError, match=r"lacks 17 objects of the run, such as 01\.png#1"):
        find_failures(run, dataset.only(["00.png"]))


def test_a_threshold_that_is_no_iou_is_refused(small_fail):
    dataset, run = small_fail
    with pytest.raises(ConfigError, match="above 0 and up to 1, got 0"):
        find_failures(run, dataset, 0)
