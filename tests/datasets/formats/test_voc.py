import numpy as np
import pytest

from promptseg.datasets.formats.voc import read_voc
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
