import numpy as np
import pytest
from PIL import Image

from promptseg import Mask
from promptseg.datasets.core import AnnotationError
from promptseg.datasets.object_collector import ObjectCollector


@pytest.fixture
def image(save):
    return save("a.png")


def test_a_damaged_object_is_dropped_with_its_place_and_the_rest_is_kept(image, square):
    collector = ObjectCollector("a.png", image)
    with collector.reading(1, "shape 1 of a.json"):
        collector.add(1, Mask.from_array(square))
    for number, damage in enumerate(
        (KeyError("points"), OverflowError("too large"), TypeError("no"), RecursionError(), AttributeError("x")), 2
    ):
        with collector.reading(number, f"shape {number} of a.json"):
            raise damage
    collected = collector.collected()
    assert [each.name for each in collected.objects] == ["a.png#1"]
    assert [(finding.source, finding.kind) for finding in collected.findings] == [(f"a.png#{n}", "dropped") for n in (2, 3, 4, 5, 6)]
    assert collected.findings[0].message == "shape 2 of a.json cannot be read, and is left out: KeyError: 'points'"


def test_what_is_no_damage_of_the_object_is_raised(image):
    collector = ObjectCollector("a.png", image)
    with pytest.raises(MemoryError), collector.reading(1, "shape 1"):
        raise MemoryError


def test_objects_of_one_key_stay_apart(image, square):
    collector = ObjectCollector("a.png", image)
    for _ in range(3):
        collector.add("7", Mask.from_array(square))
    assert len({each.name for each in collector.collected().objects}) == 3


def test_a_mask_of_another_size_is_dropped_alone(image, square):
    collector = ObjectCollector("a.png", image)
    for key, mask in enumerate((np.ones((12, 16), bool), square)):
        with collector.reading(key, f"shape {key}"):
            collector.add(key, Mask.from_array(mask))
    collected = collector.collected()
    assert [each.name for each in collected.objects] == ["a.png#1"]
    assert [finding.kind for finding in collected.findings] == ["size"]


def test_with_fit_a_mask_of_another_size_is_resized_with_a_finding(image, square):
    collector = ObjectCollector("a.png", image, fit=True)
    collector.add(1, Mask.from_array(np.kron(square, np.ones((2, 2), bool))))
    collected = collector.collected()
    assert (collected.objects[0].mask.array == square).all()
    assert [finding.kind for finding in collected.findings] == ["converted"]


def test_shapes_are_drawn_at_the_stated_size_and_fitted(image):
    assert ObjectCollector("a.png", image, stated=(12, 16), fit=True).size == (12, 16)


def test_a_stated_size_that_nothing_explains_refuses_the_image_with_and_without_fit(image):
    for fit in (False, True):
        with pytest.raises(AnnotationError, match="another image"):
            ObjectCollector("a.png", image, stated=(5, 99), fit=fit)


def test_an_image_without_objects_and_an_object_without_pixels_become_findings(image):
    assert [finding.message for finding in ObjectCollector("a.png", image).collected().findings] == ["the image has no objects"]
    collector = ObjectCollector("a.png", image)
    collector.add(1, Mask.from_array(np.zeros((6, 8), bool)))
    assert [finding.message for finding in collector.collected().findings] == ["the object has no pixels"]


def test_an_unreadable_image_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(AnnotationError) as error:
        ObjectCollector("a.png", tmp_path / "a.png")
    assert error.value.finding.kind == "unreadable"
    Image.new("1", (1, 1)).save(tmp_path / "a.png")
    assert ObjectCollector("a.png", tmp_path / "a.png").size == (1, 1)
