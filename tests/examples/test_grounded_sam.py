"""The example of Grounded-SAM."""

import re

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def local(named):
    """The options that name local weights."""
    return ["--detector", named("grounding-dino-swin-t", "transformers"), "--segmenter", named("sam-vit-b", "torch")]


def test_each_mask_is_printed_with_label_score_and_box_and_drawn(run_example, image_file, local):
    done = run_example("grounded_sam.py", image_file(), "dog", "red car", *local, "--threshold", 0, "--out", "found.png")
    assert (done.status, done.errors) == (0, "")
    *lines, last = done.output.splitlines()
    assert lines
    for line in lines:
        label, box = re.fullmatch(r"(.+)  -?\d\.\d\d  \[(\d+, \d+, \d+, \d+)\]", line).groups()
        x0, y0, x1, y1 = map(int, box.split(", "))
        assert label in ("dog", "red car")
        assert 0 <= x0 <= x1 <= 160
        assert 0 <= y0 <= y1 <= 120
    assert last == f"{len(lines)} found → found.png"
    assert (np.asarray(Image.open("found.png")) != np.asarray(Image.open("photo.png"))).any()


def test_weights_may_be_a_folder(run_example, image_file, local):
    folder = local[1].rpartition("/")[0]
    done = run_example("grounded_sam.py", image_file(), "dog", "--detector", folder, *local[2:], "--threshold", 1)
    assert (done.status, done.output) == (0, "0 found → grounded-sam.png\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent.jpg", "dog"], "absent.jpg"),
        (["photo.png", "dog", "--detector", "grounding-dino-swin-t=nowhere.pth"], "nowhere.pth"),
        (["photo.png", "dog", "--detector", "grounding-dyno"], "grounding-dino"),
    ],
)
def test_what_cannot_be_done_is_one_message(run_example, image_file, local, words, message):
    image_file()
    done = run_example("grounded_sam.py", *words, *(local if "--detector" not in words else local[2:]))
    assert (done.status, done.output) == (1, "")
    assert done.errors.startswith("grounded_sam: ")
    assert message in done.errors
