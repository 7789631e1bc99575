"""From an answer of SAM 3 to instances: threshold, duplicates, order, number, and the part of a canvas."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from promptseg.errors import ConfigError
from promptseg.masks import Mask, Masks
from promptseg.models.sam.geometry import StretchToSquare
from promptseg.models.sam.mask_batch import HostMaskBatch
from promptseg.protocols import ConceptMasks

torch = pytest.importorskip("torch", reason="SAM 3 of transformers: torch is not installed")

from promptseg.models.transformers.sam3.canvas import PartOfInput  # noqa: E402 - They need torch.
from promptseg.models.transformers.sam3.instances import InstanceSettings, instances, joined  # noqa: E402
from promptseg.models.transformers.sam3.model import Answer  # noqa: E402

WHOLE = StretchToSquare((32, 32), 56, 16)
UPPER_HALF = PartOfInput((32, 32), 56, 16, (28, 56))
OPTIONS = {"threshold": 0.5, "nms": 0.5, "nms_by": "mask", "max_instances": 200}


@dataclass
class Model:
    """Stand-in for `Sam3` that reads probabilities."""

    asked: list

    def masks(self, answer, queries, geometry):
        self.asked.append(list(queries))
        return HostMaskBatch(answer.logits[list(queries)].numpy(), geometry)


def answer(scores, rectangles, presence=0.9):
    """Return an answer whose queries show rectangles ``(x0, y0, x1, y1)`` of the 16 x 16 grid."""
    logits = np.full((len(scores), 16, 16), -0.5, np.float32)
    for mask, (x0, y0, x1, y1) in zip(logits, rectangles, strict=True):
        mask[y0:y1, x0:x1] = 0.5
    return Answer(presence, np.array(scores, np.float32), np.array(rectangles, np.float32) / 16, torch.tensor(logits))


def find(given, geometry=WHOLE, label=None, **settings):
    return instances(Model([]), given, geometry, replace(InstanceSettings(), **settings), label)


LEFT, RIGHT, NEARLY_LEFT, EMPTY = (0, 0, 6, 6), (8, 8, 14, 14), (0, 0, 6, 7), (0, 0, 0, 0)


def test_instances_are_sorted_and_labeled():
    found = find(answer([0.6, 0.9], [LEFT, RIGHT]), label="dog")
    assert found.masks.scores.tolist() == pytest.approx([0.9, 0.6])
    assert found.masks.labels == ("dog", "dog")
    assert found.masks[0].box.tolist() == [16, 16, 28, 28]
    assert found.presence == 0.9


def test_scores_at_the_threshold_are_left_out_before_masks_are_made():
    model = Model([])
    found = instances(model, answer([0.5, 0.50001, 0.2], [LEFT, RIGHT, LEFT]), WHOLE, InstanceSettings(), None)
    assert len(found.masks) == 1
    assert model.asked == [[1]]


def test_duplicates_are_left_out_by_mask_or_by_box():
    given = answer([0.6, 0.9, 0.8], [NEARLY_LEFT, LEFT, RIGHT])
    for by in ("mask", "box"):
        assert find(given, nms_by=by).masks.scores.tolist() == pytest.approx([0.9, 0.8])
    assert len(find(given, nms=None).masks) == 3
    assert len(find(given, nms=0.9).masks) == 3


def test_masks_that_cross_in_one_box_are_duplicates_by_box_alone():
    given = answer([0.9, 0.8], [LEFT, LEFT])
    logits = given.logits.clone()
    logits[:] = -0.5
    logits[0, :6, :1] = logits[0, :1, :6] = logits[1, 5:6, :6] = logits[1, :6, 5:6] = 0.5
    given = replace(given, logits=logits)
    assert len(find(given, nms_by="mask").masks) == 2
    assert len(find(given, nms_by="box").masks) == 1


def test_the_best_instances_are_kept():
    assert find(answer([0.6, 0.9], [LEFT, RIGHT]), max_instances=1).masks.scores.tolist() == pytest.approx([0.9])


def test_an_empty_mask_is_left_out():
    assert len(find(answer([0.6, 0.9], [LEFT, EMPTY])).masks) == 1


def test_nothing_found_has_a_presence_and_the_size():
    found = find(answer([0.1], [LEFT], presence=0.25))
    assert len(found.masks) == 0
    assert tuple(found.masks.size) == (32, 32)
    assert found.presence == 0.25


def test_instances_of_example_images_are_left_out_of_a_canvas():
    below = (0, 6, 6, 16)  # It reaches into the searched image.
    found = find(answer([0.95, 0.7, 0.4], [below, LEFT, RIGHT], presence=0.99), UPPER_HALF)
    assert found.masks.scores.tolist() == pytest.approx([0.7])
    assert found.masks[0].box.tolist()[:2] == [0, 0]


def test_the_presence_on_a_canvas_is_the_best_score_in_the_searched_image():
    below, above = (0, 10, 6, 16), (8, 0, 14, 6)
    assert find(answer([0.95, 0.3], [below, above], presence=0.99), UPPER_HALF).presence == pytest.approx(0.3)
    assert find(answer([0.95], [below], presence=0.99), UPPER_HALF).presence == 0


def test_a_mask_that_reaches_over_the_edge_of_its_part_is_cut():
    found = find(answer([0.9], [(0, 4, 6, 11)]), UPPER_HALF)
    assert found.masks[0].box.tolist()[3] == 32


def test_alternatives_of_a_phrase_are_joined_without_duplicates():
    def one(score, x, presence):
        pixels = np.zeros((9, 9), bool)
        pixels[:4, x : x + 4] = True
        return ConceptMasks(Masks([Mask.from_array(pixels, score=score, label="car")]), presence)

    found = joined([one(0.6, 0, 0.2), one(0.7, 0, 0.8), one(0.9, 5, 0.1)], InstanceSettings())
    assert found.masks.scores.tolist() == pytest.approx([0.9, 0.7])
    assert found.presence == 0.8


@pytest.mark.parametrize(
    ("option", "value"),
    [("threshold", 2), ("threshold", None), ("nms", -1), ("nms", "mask"), ("nms_by", "area"), ("nms_by", None), ("max_instances", 0)],
)
def test_a_wrong_option_is_refused_with_its_value(option, value):
    with pytest.raises(ConfigError, match=f"option {option}"):
        InstanceSettings.checked({**OPTIONS, option: value})


def test_options_become_settings():
    assert InstanceSettings.checked(OPTIONS) == InstanceSettings()
    assert InstanceSettings.checked({**OPTIONS, "nms": None}).nms is None
