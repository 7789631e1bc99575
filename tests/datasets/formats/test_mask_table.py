import numpy as np
import pytest
from PIL import Image

from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.formats.mask_table import read_mask_table
from promptseg.datasets.writing import write
from promptseg.errors import InputError
from promptseg.masks import Mask


def test_a_table_that_is_none_is_refused_and_what_it_lists_in_vain_is_named(tmp_path, save):
    (tmp_path / "masks").mkdir()
    table = tmp_path / "masks" / "objects.csv"
    table.write_text("file,number\na.png,1\n")
    with pytest.raises(InputError, match="is not a table with the columns image, mask"):
        read_mask_table(tmp_path, tmp_path / "masks")
    save("a.png")
    table.write_text("image,mask,number,label,score,ignored\na.png,a.png,1,cat,,0\nb.png,b.png,1,cat,,0\n")
    findings = []
    (image,) = read_mask_table(tmp_path, tmp_path / "masks").usable(findings)
    assert image.objects == ()
    assert [(finding.source, finding.kind) for finding in findings] == [("b.png", "unpaired"), ("a.png#a.png", "dropped")]


@pytest.mark.parametrize("bad", ["a.png,../a.png,1,cat,,0", "a.png,/etc/a.png,1,cat,,0", "a.png,m.png,x,cat,,0"])
def test_a_bad_row_is_dropped_by_its_line_and_the_others_are_read(tmp_path, save, square, bad):
    save("a.png")
    save("masks/m.png", square.astype(np.uint8) * 3)
    table = tmp_path / "masks" / "objects.csv"
    table.write_text(f"\ufeffimage,mask,number,label,score,ignored\n{bad}\na.png,m.png,3,cat,,0\n", "utf-8")
    findings = []
    (image,) = read_mask_table(tmp_path, tmp_path / "masks").usable(findings)
    assert (image.objects[0].mask.array == square).all()
    assert [(finding.source, finding.kind) for finding in findings] == [("objects.csv: line 2", "dropped")]


@pytest.fixture
def written(tmp_path, save, square):
    """Write an image with one cat in a format, and return the folder of its mask images."""

    def written(name):
        path = save("images/a.png")
        image = AnnotatedImage("a.png", path, (6, 8), (AnnotatedObject("a.png#1", Mask.from_array(square, label="cat")),))
        write(name, [image], tmp_path / "out")
        return tmp_path / "out" / name

    return written


@pytest.mark.parametrize("name", ["labels", "palette"])
def test_a_number_that_was_painted_is_an_object_without_a_class(tmp_path, written, square, name):
    folder = written(name)
    with Image.open(folder / "a.png") as label_image:
        painted = label_image.copy()
    painted.putpixel((7, 5), 9)
    painted.putpixel((0, 5), 255)
    painted.save(folder / "a.png")
    (image,) = read_mask_table(tmp_path / "images", folder)
    assert [(each.name, each.label, each.mask.area) for each in image.objects] == [("a.png#1", "cat", 4), ("a.png#9", None, 1)]
    assert [mask.area for mask in image.ignored] == [1]
    ((source, kind, message),) = [(each.source, each.kind, each.message) for each in image.findings]
    assert (source, kind) == ("a.png#9", "converted")
    assert "number 9" in message
    assert str(folder / "a.png") in message


def test_a_mask_image_without_a_row_is_an_object_without_a_class(tmp_path, written, square):
    folder = written("masks")
    Image.fromarray(np.roll(square, 3, axis=1)).save(folder / "a.png" / "0003.png")
    (image,) = read_mask_table(tmp_path / "images", folder)
    assert [each.label for each in image.objects] == ["cat", None]
    assert (image.objects[1].mask.array == np.roll(square, 3, axis=1)).all()
    assert [(each.source, each.kind) for each in image.findings] == [("a.png#a.png/0003.png", "converted")]
    assert str(folder / "a.png" / "0003.png") in image.findings[0].message


def test_mask_images_of_an_image_that_the_table_does_not_have_are_read_by_their_names(tmp_path, written, save, square):
    folder = written("labels")
    save("images/sub/b.jpg")
    save("out/labels/sub/b.png", square.astype(np.uint8) * 2 + np.roll(square, 4, axis=1))
    save("out/labels/gone.png", square)
    dataset = read_mask_table(tmp_path / "images", folder)
    assert [(finding.source, finding.kind) for finding in dataset.findings] == [(str(folder / "gone.png"), "unpaired")]
    image = list(dataset)[1]
    assert [(each.label, each.mask.area) for each in image.objects] == [(None, 4), (None, 4)]
    assert ["number 1" in image.findings[0].message, "number 2" in image.findings[1].message] == [True, True]


def test_frames_with_numbers_for_names_are_not_the_masks_of_one_image(tmp_path, save, square):
    for name in ("0001", "0002"):
        save(f"images/video/{name}.jpg")
        save(f"masks/video/{name}.png", square.astype(np.uint8))
    save("masks/video/other.png", square.astype(np.uint8))
    (tmp_path / "masks" / "objects.csv").write_text("image,mask,number,label,score,ignored\nvideo/0001.jpg,video/0001.png,1,cat,,0\n")
    dataset = read_mask_table(tmp_path / "images", tmp_path / "masks")
    assert [[each.label for each in image.objects] for image in dataset] == [["cat"], [None]]
    assert [finding.kind for finding in dataset.findings] == ["unpaired"]


def test_a_mask_image_of_one_object_may_be_saved_again_with_8_bits(tmp_path, written, square):
    folder = written("masks")
    Image.fromarray(square.astype(np.uint8) * 255).save(folder / "a.png" / "0001.png")
    (image,) = read_mask_table(tmp_path / "images", folder)
    assert [(each.label, each.mask.area) for each in image.objects] == [("cat", 4)]
    assert (image.ignored, image.findings) == ((), ())


@pytest.mark.parametrize(("count", "mode"), [(127, "L"), (128, "I;16")])
def test_a_label_image_of_more_than_127_objects_has_16_bits(count, mode, tmp_path, save):
    path = save("images/a.png", np.zeros((20, 20, 3), np.uint8))
    masks = [Mask.from_crop(np.ones((1, 1), bool), (number % 20, number // 20), (20, 20)) for number in range(count)]
    objects = tuple(AnnotatedObject(f"a.png#{number}", mask) for number, mask in enumerate(masks, 1))
    write("labels", [AnnotatedImage("a.png", path, (20, 20), objects)], tmp_path / "out")
    with Image.open(tmp_path / "out" / "labels" / "a.png") as image:
        assert image.mode == mode
        assert len(np.unique(np.asarray(image))) == count + 1
