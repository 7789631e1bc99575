"""The classes of COCO by both ways of counting."""

from promptseg.models.coco_classes import COCO_BY_NUMBER, COCO_CLASSES


def test_80_of_the_90_numbers_have_a_category():
    assert list(COCO_BY_NUMBER) == list(range(1, 91))
    assert len(set(COCO_CLASSES)) == len(COCO_CLASSES) == 80
    assert [number for number, name in COCO_BY_NUMBER.items() if not name] == [12, 26, 29, 30, 45, 66, 68, 69, 71, 83]


def test_names_are_at_their_places():
    assert {number: COCO_BY_NUMBER[number] for number in (1, 17, 46, 67, 90)} == {
        1: "person",
        17: "cat",
        46: "wine glass",
        67: "dining table",
        90: "toothbrush",
    }
    assert [COCO_CLASSES[place] for place in (0, 15, 40, 60, 79)] == ["person", "cat", "wine glass", "dining table", "toothbrush"]
