"""Labeling configurations: what they decide, and hostile ones."""

from __future__ import annotations

import pytest

from promptseg.errors import InputError
from promptseg.server.protocols._label_studio_config import MAX_CHARACTERS, MAX_DEPTH, MAX_TAGS, read_configuration

IMAGE = '<Image name="image" value="$photo"/>'
BRUSH = '<BrushLabels name="brush" toName="image"><Label value="Cup" alias="c"/></BrushLabels>'


def test_the_most_exact_control_that_knows_the_label_gets_the_masks():
    found = read_configuration(
        f'<View>{IMAGE}{BRUSH}<PolygonLabels name="polygon" toName="image"><View><Label value="Spoon"/></View></PolygonLabels></View>'
    )
    assert found.images == {"image": "$photo"}
    assert [found.output("image", [word]).control.name for word in ("Cup", "Spoon", "other")] == ["brush", "polygon", "brush"]
    assert found.output("image", ["Cup"], "polygon").shape == "polygon"
    assert found.output("image", shape="rectangle") is None


def test_phrases_are_the_predicted_values_or_the_name():
    labels = '<Label value="Car" predicted_values="automobile, truck|lorry"/><Label value="a dog"/><Label value=","/>'
    control = read_configuration(f'<View>{IMAGE}<BrushLabels name="b" toName="image">{labels}</BrushLabels></View>').output("image").control
    assert [label.phrases for label in control.labels] == [("automobile", "truck|lorry"), ("a dog",), ()]
    assert [control.label(word) for word in ("Car", "automobile", "truck", "A DOG", "cat", None)] == [
        "Car",
        "Car",
        "Car",
        "a dog",
        None,
        None,
    ]


def test_labels_that_the_task_names_are_taken_as_they_are():
    found = read_configuration(f'<View>{IMAGE}<BrushLabels name="b" toName="image" value="$labels"/></View>')
    assert found.output("image").control.label("anything") == "anything"


def test_one_task_may_have_several_images():
    images = '<Image name="a" value="$left"/><Image name="b" valueList="$pages"/>'
    found = read_configuration(f'<View>{images}<RectangleLabels name="r" toName="a,b"><Label value="x"/></RectangleLabels></View>')
    data = {"left": "/a.jpg", "pages": ["/b.jpg", "/c.jpg"]}
    assert [found.addresses(name, data) for name in found.images] == [["/a.jpg"], ["/b.jpg", "/c.jpg"]]
    for wrong in ({}, {"left": ""}, {"left": 3}, {"left": []}, {"left": ["/a.jpg", None]}):
        with pytest.raises(InputError, match=r"no address of an image for value='\$left'"):
            found.addresses("a", wrong)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("$photo", {"photo": "/a.jpg"}),
        ("$my photo", {"my photo": "/a.jpg"}),
        ("$photo.url", {"photo.url": "/a.jpg"}),
        ("$photo.url", {"photo": {"url": "/a.jpg"}}),
        ("$photos[1]", {"photos": ["/b.jpg", "/a.jpg"]}),
        ("$photos[0].url", {"photos": [{"url": "/a.jpg"}]}),
    ],
)
def test_an_image_may_be_a_member_of_a_field(value, data):
    found = read_configuration(f'<View><Image name="image" value="{value}"/>{BRUSH}</View>')
    assert found.addresses("image", data) == ["/a.jpg"]


def test_an_address_may_have_fields_within():
    found = read_configuration(f'<View><Image name="image" value="https://images.example/$set/$number-a.jpg"/>{BRUSH}</View>')
    assert found.addresses("image", {"set": "cups", "number": 7}) == ["https://images.example/cups/7-a.jpg"]
    with pytest.raises(InputError, match="no address of an image for value='https://images"):
        found.addresses("image", {"set": "cups"})


@pytest.mark.parametrize("value", ["$photo.url", "$photos[9]", "$photos[x]", "$photos[99999999999]", "$photo[0]", "$[0]"])
def test_a_member_that_is_not_there_is_told(value):
    found = read_configuration(f'<View><Image name="image" value="{value}"/>{BRUSH}</View>')
    with pytest.raises(InputError, match="no address of an image for value="):
        found.addresses("image", {"photo": "/a.jpg", "photos": ["/b.jpg"]})


BOMB = '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;">]><View>&y;</View>'
FILE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><View><Image name="image" value="&x;"/></View>'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "no document type and no entities"),
        (FILE, "no document type and no entities"),
        ("<View>" * (MAX_DEPTH + 1), "in one another"),
        ("<View>" + "<a/>" * (MAX_TAGS + 1), "at most"),
        ("x" * (MAX_CHARACTERS + 1), "at most"),
        ("", "is not XML"),
        ("\ud800", "is not XML"),
        ("<View><Image/></View>", "has no control for masks of an image"),
        (f"<View>{IMAGE}</View>", "add <BrushLabels"),
        (f'<View>{IMAGE}<BrushLabels name="b" toName="other"/></View>', "has no control for masks of an image"),
        (f'<View>{IMAGE}<Choices name="c" toName="image"/></View>', "has no control for masks of an image"),
    ],
)
def test_what_is_hostile_or_useless_is_refused(text, told):
    with pytest.raises(InputError, match=told):
        read_configuration(text)
