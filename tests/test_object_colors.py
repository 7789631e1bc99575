"""Colors of tracked objects."""

from promptseg.class_colors import NO_CLASS, OBJECT_SHADES, ClassColors, palette, shade
from promptseg.object_colors import ObjectColors


def test_the_first_object_of_a_class_has_the_color_of_the_class():
    colors = ObjectColors(["person", "dog"])
    assert colors.of(7, "dog") == palette(2)[1]
    assert colors.of(9, "person") == palette(2)[0]


def test_objects_of_a_class_have_shades_of_its_color_that_stay_on_every_frame():
    colors = ObjectColors(["dog"])
    first = [colors.of(number, "dog") for number in (1, 2, 3, 4)]
    assert first[:3] == [shade(palette(1)[0], share) for share in OBJECT_SHADES]
    assert first[3] == first[0]
    assert [colors.of(number, "dog") for number in (4, 2, 3, 1)] == [first[3], first[1], first[2], first[0]]


def test_without_a_known_order_the_name_of_the_class_decides():
    assert ObjectColors().of(1, "heron") == ClassColors().of("heron")


def test_a_class_that_comes_later_changes_no_other_color():
    twins = ["dog", *(name for name in map(str, range(200)) if ClassColors().of(name) == ClassColors().of("dog"))]
    colors = ObjectColors()
    dog = colors.of(1, "dog")
    assert colors.of(2, twins[1]) != dog
    assert colors.of(1, "dog") == dog


def test_objects_without_a_class_have_the_colors_of_their_ids():
    colors = ObjectColors()
    assert [colors.of(number, None) for number in (1, 2, 3)] == palette(3)
    assert colors.of(0, None) == NO_CLASS
