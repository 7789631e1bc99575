import numpy as np
import pytest
from PIL import Image

from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.formats.voc import read_voc
from promptseg.datasets.label_image_writing import voc_colors
from promptseg.datasets.writing import write
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
    assert "(1, 2, 3) is not a color of VOC" in findings[0].message


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


BOXED = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:10,0,0::\ndog:0,20,0::\nbird:0,0,30::\n"
COLORS = np.array([(0, 0, 0), (10, 0, 0), (0, 20, 0), (0, 0, 30)], np.uint8)


@pytest.fixture
def classed(tmp_path, save, square):
    """Write a VOC folder with a cat of number 1 at the left and a dog of number 2 at the right, and any objects in the XML file."""

    def classed(*objects, numbers=None, classes=None, kind="color"):
        save("JPEGImages/a.png")
        numbers = square + 2 * np.roll(square, 4, axis=1) if numbers is None else numbers
        save("SegmentationObject/a.png", numbers.astype(np.uint8))
        classes = (numbers if classes is None else classes).astype(np.uint8)
        if kind == "palette":
            image = Image.fromarray(np.where(classes == 255, classes, classes + 4).astype(np.uint8))  # The colors tell, not the numbers.
            image.putpalette(np.concatenate([np.full((4, 3), 200), COLORS, np.full((248, 3), 200)]).astype(np.uint8).tobytes())
            (tmp_path / "SegmentationClass").mkdir(exist_ok=True)
            image.save(tmp_path / "SegmentationClass" / "a.png")
        else:
            save("SegmentationClass/a.png", COLORS[classes] if kind == "color" else classes)
        (tmp_path / "labelmap.txt").write_text(LABELMAP)
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / "Annotations" / "a.xml").write_text(
            f"<annotation><filename>a.png</filename>{''.join(BOXED.format(*each) for each in objects)}</annotation>"
        )
        (image,) = read_voc(tmp_path)
        return {each.label: each.mask.box.tolist() for each in image.objects}, [(each.source, each.kind) for each in image.findings]

    return classed


CAT, DOG = ("cat", 3, 2, 4, 3), ("dog", 7, 2, 8, 3)
LEFT, RIGHT = [2, 1, 4, 3], [6, 1, 8, 3]


@pytest.mark.parametrize("kind", ["color", "palette", "gray"])
def test_numbers_in_another_order_than_the_objects_are_paired_by_class_and_box(classed, kind):
    assert classed(CAT, DOG, kind=kind) == ({"cat": LEFT, "dog": RIGHT}, [])
    assert classed(DOG, CAT, kind=kind) == ({"dog": RIGHT, "cat": LEFT}, [("a.png", "converted")])


def test_an_object_whose_class_nothing_confirms_is_dropped_by_name(classed):
    assert classed(("bird", 3, 2, 4, 3), DOG) == ({"dog": RIGHT}, [("a.png", "converted"), ("a.png#1", "dropped")])


def test_a_number_without_an_object_has_the_class_of_its_pixels(classed):
    assert classed(CAT) == ({"cat": LEFT, "dog": RIGHT}, [("a.png#number 2", "converted")])
    # The dog comes first in the file, and has the number 2.
    assert classed(DOG) == ({"dog": RIGHT, "cat": LEFT}, [("a.png", "converted"), ("a.png#number 1", "converted")])


def test_a_class_image_that_says_nothing_changes_nothing(classed, square):
    assert classed(DOG, CAT, classes=square * 0) == ({"dog": LEFT, "cat": RIGHT}, [])
    assert classed(DOG, CAT, classes=np.ones((3, 3))) == ({"dog": LEFT, "cat": RIGHT}, [])


def test_a_class_with_a_colon_is_read_back_once(tmp_path, save, square):
    path = save("images/a.png")
    objects = (
        AnnotatedObject("a.png#1", Mask.from_array(square, label="a:b")),
        AnnotatedObject("a.png#2", Mask.from_array(np.roll(square, 4, axis=1), label="c  d")),
    )
    write("voc", [AnnotatedImage("a.png", path, (6, 8), objects)], tmp_path / "out", classes=["x:y"])
    dataset = read_voc(tmp_path / "out" / "voc", tmp_path / "images")
    assert [each.name for each in dataset.categories] == ["x_y", "a:b", "c  d"]
    (image,) = dataset
    assert ([each.label for each in image.objects], image.findings) == (["a:b", "c  d"], ())


def test_a_class_whose_name_begins_like_a_comment_has_its_number(tmp_path, save, square):
    path = save("images/a.png")
    objects = (
        AnnotatedObject("a.png#1", Mask.from_array(square, label="#")),
        AnnotatedObject("a.png#2", Mask.from_array(np.roll(square, 4, axis=1), label="cat")),
    )
    write("voc", [AnnotatedImage("a.png", path, (6, 8), objects)], tmp_path / "out")
    dataset = read_voc(tmp_path / "out" / "voc", tmp_path / "images")
    assert [each.name for each in dataset.categories] == ["#", "cat"]
    (image,) = dataset
    assert ([each.label for each in image.objects], image.findings) == (["#", "cat"], ())


def test_void_in_a_palette_that_the_class_map_does_not_have_leaves_the_other_colors(classed, square):
    classes = square + 2 * np.roll(square, 4, axis=1)
    classes[5] = 255
    assert classed(DOG, CAT, classes=classes, kind="palette") == ({"dog": RIGHT, "cat": LEFT}, [("a.png", "converted")])
