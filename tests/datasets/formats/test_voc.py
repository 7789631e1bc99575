import numpy as np
import pytest
from PIL import Image

from promptseg.datasets.formats.voc import read_voc
from promptseg.datasets.label_image_writing import voc_colors
from promptseg.errors import InputError
from promptseg.masks import Mask

OBJECT = "<object><name>{}</name><bndbox><xmin>3</xmin><ymin>2</ymin><xmax>4</xmax><ymax>3</ymax></bndbox></object>"


@pytest.fixture
def voc(tmp_path, save, square):
    """A folder as that of the VOC challenge, with two objects of which one has pixels."""
    save("JPEGImages/a.png")
    save("SegmentationObject/a.png", np.where(square, 1, 0).astype(np.uint8) + np.uint8(255) * np.roll(square, 4, axis=1))
    (tmp_path / "Annotations").mkdir()
    objects = OBJECT.format("cat") + OBJECT.format("dog")
    (tmp_path / "Annotations" / "a.xml").write_text(f"<annotation><filename>a.png</filename>{objects}</annotation>")
    return tmp_path


def test_the_first_object_has_the_number_1_and_255_is_void(voc, square):
    (image,) = read_voc(voc)
    assert [(each.label, each.mask) for each in image.objects] == [("cat", Mask.from_array(square))]
    assert image.ignored == (Mask.from_array(np.roll(square, 4, axis=1)),)
    assert [(finding.source, finding.kind) for finding in image.findings] == [("a.png#2", "skipped")]


def test_corners_of_boxes_count_from_1_and_belong_to_the_box(voc, square):
    (image,) = read_voc(voc, boxes=True)
    assert [(each.label, each.mask.from_box) for each in image.objects] == [("cat", False), ("dog", True)]
    assert (image.objects[1].mask.array == square).all()


def test_what_is_missing_or_broken_is_named(voc):
    (voc / "Annotations" / "b.xml").write_text("<annotation><filename>b.png</filename></annotation>")
    (voc / "Annotations" / "c.xml").write_text("<annotation>")
    assert [(finding.source, finding.kind) for finding in read_voc(voc).findings] == [("b.xml", "unpaired"), ("c.xml", "unreadable")]
    (voc / "empty" / "Annotations").mkdir(parents=True)
    with pytest.raises(InputError, match="no XML file"):
        read_voc(voc / "empty")


def test_the_colors_of_voc_are_read_as_numbers(voc, save, square):
    with Image.open(voc / "SegmentationObject" / "a.png") as image:
        numbers = np.asarray(image)
    save("SegmentationObject/a.png", voc_colors()[numbers])
    (image,) = read_voc(voc)
    assert [(each.label, each.mask) for each in image.objects] == [("cat", Mask.from_array(square))]
    assert image.ignored == (Mask.from_array(np.roll(square, 4, axis=1)),)


def test_a_color_that_voc_does_not_have_is_named(voc, save):
    save("SegmentationObject/a.png", np.full((6, 8, 3), (1, 2, 3), np.uint8))
    findings = []
    assert list(read_voc(voc).usable(findings)) == []
    assert "(1, 2, 3) is no color of VOC" in findings[0].message


def test_an_object_with_a_bad_box_is_dropped_alone(voc, square):
    path = voc / "Annotations" / "a.xml"
    path.write_text(path.read_text().replace("</annotation>", "<object><name>x</name><bndbox/></object></annotation>"))
    findings = []
    (image,) = read_voc(voc, boxes=True).usable(findings)
    assert [each.label for each in image.objects] == ["cat", "dog"]
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png#3", "dropped")]


def test_numbers_without_an_object_in_the_file_are_counted(voc, save):
    save("SegmentationObject/a.png", np.full((6, 8), 7, np.uint8))
    (image,) = read_voc(voc)
    assert [finding.source for finding in image.findings] == ["a.png#1", "a.png#2", "a.png#number 7", "a.png"]


def test_a_size_that_is_not_the_images_is_refused(voc):
    path = voc / "Annotations" / "a.xml"
    path.write_text(path.read_text().replace("</annotation>", "<size><width>9</width><height>50</height></size></annotation>"))
    (voc / "SegmentationObject" / "a.png").unlink()
    findings = []
    assert list(read_voc(voc, boxes=True).usable(findings)) == []
    assert [finding.kind for finding in findings] == ["size"]


@pytest.mark.parametrize("stated", ["a", "C:\\x\\a.png", "A.PNG", ""])
def test_an_image_is_found_by_another_spelling(voc, stated):
    path = voc / "Annotations" / "a.xml"
    path.write_text(path.read_text().replace("a.png", stated))
    assert [image.name for image in read_voc(voc)] == ["a.png"]


def test_classes_of_the_label_map_keep_their_order(voc):
    (voc / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\ndog:1,1,1::\ncat:2,2,2::\nignored:3,3,3::\n")
    assert [each.name for each in read_voc(voc).categories] == ["dog", "cat"]


def test_a_name_that_no_file_system_takes_is_an_image_that_is_not_there(voc):
    path = voc / "Annotations" / "a.xml"
    path.write_text(path.read_text().replace("a.png", "x" * 5000 + ".png"))
    assert [image.name for image in read_voc(voc)] == ["a.png"]  # The image with the name of the XML file.
