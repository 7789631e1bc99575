"""Annotations from elsewhere, for correction: they are added, and nothing of a person is lost."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask
from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.writing import write
from promptseg.errors import InputError
from promptseg.studio_server.changes import Change
from promptseg.studio_server.documents import StudioObject
from promptseg.studio_server.image_list import key_of
from promptseg.studio_server.imports.annotations import HasObjectsError, import_annotations
from promptseg.studio_server.project import open_project

SIZE = (40, 60)
NAMES = ("a.png", "sub/b.png", "c.png")


def square(x, label="cup"):
    pixels = np.zeros(SIZE, bool)
    pixels[10:30, x : x + 20] = True
    return Mask.from_array(pixels, label=label)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in NAMES:
        Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def project(photos, tmp_path):
    with open_project(photos, tmp_path / "out") as opened:
        yield opened


@pytest.fixture
def coco(photos, tmp_path):
    """The content of a COCO file with objects of the first two images: one, and two."""
    images = [
        AnnotatedImage("a.png", photos / "a.png", SIZE, (AnnotatedObject("a#1", square(5), id=71),)),
        AnnotatedImage(
            "sub/b.png", photos / "sub/b.png", SIZE, (AnnotatedObject("b#1", square(5)), AnnotatedObject("b#2", square(30, "spoon")))
        ),
    ]
    return write("coco", images, tmp_path / "given").path.read_bytes()


def drawn(project, name, *, locked=False):
    """Let a person draw an object on an image, and return it."""
    mine = StudioObject("mine", square(30).counts.decode(), "mine", locked=locked)
    project.change(key_of(name), 0, Change(put=(mine,)))
    return mine


def test_objects_get_to_the_images_of_their_names(project, coco):
    done = import_annotations(project, coco, "coco.json")
    assert (done.images, done.objects, done.problems) == (2, 3, ())
    document = project.document(key_of("sub/b.png"))
    assert [(each.label, each.source) for each in document.objects] == [("cup", "import"), ("spoon", "import")]
    assert [each.mask(SIZE).counts for each in document.objects] == [square(5).counts, square(30).counts]
    assert document.state == "started"
    assert project.summary(key_of("c.png")).state == "new"
    assert {label.name for label in project.labels.all} == {"cup", "spoon"}


def test_a_round_trip_keeps_the_owners_numbers(project, coco, tmp_path):
    import_annotations(project, coco, "coco.json")
    path = write("coco", project.annotated(), tmp_path / "again", classes=["cup", "spoon"]).path
    numbers = {each["image_id"]: each["id"] for each in json.loads(path.read_text())["annotations"]}
    assert 71 in numbers.values()


def test_images_that_the_project_does_not_have_are_named(project, coco):
    content = json.loads(coco)
    content["images"].append({"id": 999, "file_name": "holiday/unknown.jpg", "width": 60, "height": 40})
    content["annotations"].append({**content["annotations"][0], "id": 999, "image_id": 999})
    done = import_annotations(project, json.dumps(content).encode(), "coco.json")
    assert done.images == 2
    assert len(done.problems) == 1
    assert done.problems[0] == "holiday/unknown.jpg: coco.json lists the image, but it is not in the project"


def test_names_are_found_as_other_tools_write_them(project, coco):
    content = json.loads(coco)
    content["images"][0]["file_name"] = "C:\\data\\A.PNG"
    assert import_annotations(project, json.dumps(content).encode(), "coco.json").images == 2


def test_without_a_mode_an_image_with_objects_asks_and_nothing_changes(project, coco):
    drawn(project, "a.png")
    before = project.summaries()
    with pytest.raises(HasObjectsError, match=r"a\.png has objects already: mode=add"):
        import_annotations(project, coco, "coco.json")
    assert project.summaries() == before


def test_added_objects_leave_those_of_the_person_as_they_are(project, coco):
    mine = drawn(project, "a.png")
    import_annotations(project, coco, "coco.json", mode="add")
    objects = project.document(key_of("a.png")).objects
    assert [each.label for each in objects] == ["mine", "cup"]
    assert objects[0].is_same(mine)


def test_replacing_keeps_locked_objects(project, coco):
    drawn(project, "a.png", locked=True)
    drawn(project, "sub/b.png")
    import_annotations(project, coco, "coco.json", mode="replace")
    assert [each.label for each in project.document(key_of("a.png")).objects] == ["mine", "cup"]
    assert [each.label for each in project.document(key_of("sub/b.png")).objects] == ["cup", "spoon"]


def test_an_image_that_a_person_called_done_stays_done(project, coco):
    drawn(project, "a.png")
    project.change(key_of("a.png"), 1, Change(state="done"))
    import_annotations(project, coco, "coco.json", mode="add")
    assert project.summary(key_of("a.png")).state == "done"


def test_a_damaged_object_is_named_and_the_others_are_imported(project, coco):
    content = json.loads(coco)
    content["annotations"][0]["segmentation"] = {"size": [40, 60], "counts": [1, 2]}
    done = import_annotations(project, json.dumps(content).encode(), "coco.json")
    assert done.objects == 2
    assert any("annotation" in problem for problem in done.problems)


def test_a_file_of_other_images_changes_nothing_and_says_so(project, coco):
    content = json.loads(coco)
    for each in content["images"]:
        each["file_name"] = f"other-{each['id']}.jpg"
    with pytest.raises(InputError, match=r"nothing to import: other-.*\.jpg"):
        import_annotations(project, json.dumps(content).encode(), "coco.json")
    assert {each.state for each in project.summaries()} == {"new"}


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[]", b"{}", b"PK\x03\x04", b"<annotations/>", b"\xff" * 100])
def test_what_is_no_annotation_is_an_error_of_the_file(content, project, tmp_path):
    with pytest.raises(InputError):
        import_annotations(project, content, "a")
    assert [path.name for path in project.own.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["", "export", "export.bak", "C:\\data\\coco", "../../coco"])
def test_a_file_without_a_telling_name_is_known_by_its_content(name, project, coco):
    assert import_annotations(project, coco, name).objects == 3


def test_an_object_without_pixels_is_named(project, coco):
    content = json.loads(coco)
    content["annotations"][0]["segmentation"] = [[5, 5, 5, 5, 5, 5]]
    done = import_annotations(project, json.dumps(content).encode(), "coco.json")
    assert (done.objects, done.problems) == (2, (f"a.png#{content['annotations'][0]['id']}: the object has no pixels",))


def test_crowds_become_objects_as_some_tools_call_every_mask_one(project, coco):
    content = json.loads(coco)
    for each in content["annotations"]:
        each["iscrowd"] = 1
    done = import_annotations(project, json.dumps(content).encode(), "coco.json")
    assert (done.objects, done.problems) == (3, ())


def test_boxes_are_read_if_they_are_asked_for(project, coco):
    content = json.loads(coco)
    for each in content["annotations"]:
        each["segmentation"] = []
    with pytest.raises(InputError, match="nothing to import"):
        import_annotations(project, json.dumps(content).encode(), "coco.json")
    done = import_annotations(project, json.dumps(content).encode(), "coco.json", boxes=True)
    assert done.objects == 3


def test_the_class_of_objects_without_a_class_is_none(project, photos, tmp_path):
    image = AnnotatedImage("a.png", photos / "a.png", SIZE, (AnnotatedObject("a#1", square(5, None)),))
    content = write("cvat", [image], tmp_path / "given").path.read_bytes()
    import_annotations(project, content, "cvat.xml")
    assert [each.label for each in project.document(key_of("a.png")).objects] == [None]


@pytest.mark.parametrize("name", ["coco", "cvat", "geojson", "labelme"])
def test_attributes_come_back_from_an_export(name, project, photos, tmp_path):
    made = StudioObject("mine", square(5).counts.decode(), "cup", attributes={"material": "clay", "broken": "no"})
    project.change(key_of("a.png"), 0, Change(put=(made,)))
    path = write(name, project.annotated(), tmp_path / "given").path
    file = next(path.rglob("a.*json")) if path.is_dir() else path
    done = import_annotations(project, file.read_bytes(), file.name, mode="replace")
    assert (done.objects, done.problems) == (1, ())
    assert [each.attributes for each in project.document(key_of("a.png")).objects] == [{"material": "clay", "broken": "no"}]


def test_attributes_that_cannot_be_kept_are_counted(project, coco):
    content = json.loads(coco)
    content["annotations"][0]["attributes"] = {"list": [1], "long": "x" * 2001, "material": "clay"}
    content["annotations"][1]["attributes"] = {f"a{number}": "x" for number in range(70)}
    done = import_annotations(project, json.dumps(content).encode(), "coco.json")
    assert (done.images, done.objects) == (2, 3)
    told = sorted(problem.partition(" left out")[0] for problem in done.problems)
    assert told == ["a.png: 1 attribute is", "a.png: 1 attribute of its objects is", "sub/b.png: 6 attributes are"]
    assert project.document(key_of("a.png")).objects[0].attributes == {"material": "clay"}
    assert len(project.document(key_of("sub/b.png")).objects[0].attributes) == 64
