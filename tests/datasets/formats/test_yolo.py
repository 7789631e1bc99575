from pathlib import Path

import numpy as np
import pytest

from promptseg.datasets import writing
from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.formats.yolo.reading import read_yolo
from promptseg.errors import InputError
from promptseg.masks import Mask

SQUARE = "0.25 0.166667 0.5 0.166667 0.5 0.5 0.25 0.5"


@pytest.fixture
def write(tmp_path, save):
    """Writes labels of one image ``a.png``: ``write("0 0.1 …")`` is the dataset."""

    def write(text, names=None):
        save("images/a.png")
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / "a.txt").write_text(text)
        if names is not None:
            (tmp_path / "data.yaml").write_text(names)
        return read_yolo(tmp_path / "images", tmp_path / "labels", None if names is None else tmp_path / "data.yaml")

    return write


@pytest.mark.parametrize(("names", "label"), [(None, "1"), ("names: [cat, dog]", "dog"), ("names: {1: dog}", "dog")])
def test_a_line_is_an_object_with_the_name_of_its_class(write, square, names, label):
    (image,) = write(f"1 {SQUARE}\n\n", names)
    (true,) = image.objects
    assert (true.name, true.label) == ("a.png#1", label)
    assert (true.mask.array == square).all()


def test_a_box_alone_is_skipped_and_an_image_without_file_has_no_object(write, save):
    save("images/b.png")
    findings = []
    assert [image.objects for image in write("0 0.5 0.5 0.2 0.2").usable(findings)] == [(), ()]
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png#1", "skipped"), ("a.png", "empty"), ("b.png", "empty")]


@pytest.mark.parametrize(
    "line",
    [
        "0 1 2 3",
        "dog " + SQUARE,
        "0 100 100 200 100 200 200",
        f"0 {SQUARE} 1.1",
        f"0.5 {SQUARE}",
        "0 nan 0 1 0 1 1",
        "1e400 " + SQUARE,
        "0",
        "~",
    ],
)
def test_a_broken_line_is_dropped_with_its_number_and_the_others_are_read(write, line):
    findings = []
    (image,) = write(f"0 {SQUARE}\n{line}\n1 {SQUARE}").usable(findings)
    assert [each.name for each in image.objects] == ["a.png#1", "a.png#3"]
    assert [(finding.source, finding.kind) for finding in findings] == [("a.png#2", "dropped")]
    assert "line 2" in findings[0].message


def test_one_value_more_at_the_end_of_a_line_is_its_confidence(write, square):
    (image,) = write(f"0 {SQUARE} 0.75")
    assert image.objects[0].mask.score == 0.75
    assert (image.objects[0].mask.array == square).all()


def test_a_corner_slightly_outside_is_cut_off(write):
    (image,) = write("0 -0.25 -0.1 0.5 -0.1 0.5 0.5 -0.25 0.5")
    expected = np.zeros((6, 8), bool)
    expected[0:3, 0:4] = True
    assert (image.objects[0].mask.array == expected).all()


@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_a_byte_order_mark_and_a_class_written_as_a_float_are_read(write, mark):
    (image,) = write(f"{mark}1.0 {SQUARE}")
    assert image.objects[0].label == "1"


@pytest.mark.parametrize("place", ["labels/classes.txt", "classes.txt", "labels/obj.names", "data.yaml"])
def test_the_file_of_names_is_found_beside_the_labels_and_is_no_label_file(write, tmp_path, place):
    write(f"1 {SQUARE}")
    (tmp_path / place).write_text("names: [cat, dog]" if place.endswith("yaml") else "\ufeffcat\ndog\n\n", "utf-8")
    dataset = read_yolo(tmp_path / "images", tmp_path / "labels")
    assert dataset.findings == ()
    assert [(each.number, each.name) for each in dataset.categories] == [(0, "cat"), (1, "dog")]
    assert next(iter(dataset)).objects[0].label == "dog"


def test_a_text_file_of_names_may_be_given(write, tmp_path):
    write(f"1 {SQUARE}")
    (tmp_path / "mine.txt").write_text("cat\ndog\n")
    (image,) = read_yolo(tmp_path / "images", tmp_path / "labels", tmp_path / "mine.txt")
    assert image.objects[0].label == "dog"


def test_a_text_file_without_labels_is_no_broken_label_file(write, tmp_path):
    write(f"1 {SQUARE}")
    (tmp_path / "labels" / "README.txt").write_text("Made in spring.\n")
    assert [finding.kind for finding in read_yolo(tmp_path / "images", tmp_path / "labels").findings] == ["skipped"]


@pytest.mark.parametrize("path", ["", "path: .\n", "path: ../gone\n"])
def test_the_yaml_file_names_the_images_the_labels_and_the_classes(tmp_path, save, square, path):
    for split in ("train", "val"):
        save(f"set/images/{split}/{split[0]}.png")
        (tmp_path / "set" / "labels" / split).mkdir(parents=True)
        (tmp_path / "set" / "labels" / split / f"{split[0]}.txt").write_text(f"1 {SQUARE}")
    (tmp_path / "set" / "data.yaml").write_text(f"{path}train: images/train\nval: [images/val]\nnames: {{0: cat, 1: dog}}\n")
    dataset = read_yolo(None, tmp_path / "set" / "data.yaml")
    assert [image.name for image in dataset] == ["images/train/t.png", "images/val/v.png"]
    assert all((image.objects[0].mask.array == square).all() and image.objects[0].label == "dog" for image in dataset)


def test_a_list_of_images_in_the_yaml_file_is_relative_to_the_list(tmp_path, save):
    save("images/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(f"0 {SQUARE}")
    (tmp_path / "train.txt").write_text("./images/a.png\n")
    (tmp_path / "data.yaml").write_text("train: train.txt\nnames: [cat]\n")
    (image,) = read_yolo(None, tmp_path / "data.yaml")
    assert (image.name, len(image.objects)) == ("images/a.png", 1)


@pytest.mark.parametrize("member", ["train", "path"])
def test_a_place_in_the_yaml_file_that_no_file_system_takes_is_not_there(tmp_path, save, member):
    save("images/a.png")
    (tmp_path / "data.yaml").write_text(f"train: images\nval: images\nnames: [cat]\n{member}: {'x' * 5000}\n")
    assert [image.name for image in read_yolo(None, tmp_path / "data.yaml")] == ["images/a.png"]


def test_a_part_of_the_yaml_file_without_images_is_named(tmp_path, save):
    save("images/a.png")
    (tmp_path / "data.yaml").write_text("train: images\nval: gone\nnames: [cat]\n")
    assert [finding.source for finding in read_yolo(None, tmp_path / "data.yaml").findings] == ["data.yaml: val"]


def test_labels_without_image_are_named(write, tmp_path):
    dataset = write(f"0 {SQUARE}")
    (tmp_path / "labels" / "gone.txt").write_text("")
    dataset = read_yolo(tmp_path / "images", tmp_path / "labels")
    assert [(finding.source, finding.kind) for finding in dataset.findings] == [(str(tmp_path / "labels" / "gone.txt"), "unpaired")]


def test_a_file_without_names_is_refused(write):
    with pytest.raises(InputError, match=r"data\.yaml has no class names"):
        write(f"0 {SQUARE}", "train: here")


def test_boxes_are_filled_where_they_are_asked_for(tmp_path, save, square):
    save("images/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.375 0.333333 0.25 0.333333\n")
    ((each,),) = (image.objects for image in read_yolo(tmp_path / "images", tmp_path / "labels", boxes=True))
    assert (each.mask.array == square).all()
    assert each.mask.from_box


@pytest.mark.usefixtures("ultralytics_tasks")
def test_ultralytics_reads_what_is_written_and_fills_the_same_pixels(tmp_path, save, square):
    import ultralytics.data.utils as utils  # Now that it is imported without changing the process of all tests.

    # Ultralytics refuses images of less than ten pixels.
    size, square = (24, 32), square.repeat(4, axis=0).repeat(4, axis=1)
    image_file = save("images/b/a.png", np.zeros((*size, 3), np.uint8))
    masks = [Mask.from_array(each, label=label) for each, label in ((square, "a: b"), (square[::-1, ::-1], "ä"))]
    objects = tuple(AnnotatedObject(f"b/a.png#{number}", mask) for number, mask in enumerate(masks))
    writing.write("yolo-seg", [AnnotatedImage("b/a.png", image_file, size, objects)], tmp_path / "out")
    data = utils.check_det_dataset(str(tmp_path / "out" / "yolo-seg" / "data.yaml"), autodownload=False)
    assert data["names"] == {0: "a: b", 1: "ä"}
    (found,) = [str(path) for path in Path(data["train"]).rglob("*.png")]
    (labels,) = utils.img2label_paths([found])
    _, boxes, shape, segments, *_, corrupt, message = utils.verify_image_label((found, labels, "", False, 2, 0, 0, False))
    assert (shape, corrupt, message, boxes[:, 0].tolist()) == (size, 0, "", [0, 1])
    for mask, segment in zip(masks, segments, strict=True):
        assert (utils.polygon2mask(size, [(segment * np.float32([32, 24])).ravel()]) == mask.array).all()


def test_files_beside_the_images_are_counted_without_the_labels(tmp_path, save):
    save("images/a.png")
    (tmp_path / "images" / "a.txt").write_text(f"0 {SQUARE}")
    (tmp_path / "images" / "b.psd").touch()
    dataset = read_yolo(tmp_path / "images", tmp_path / "images")
    assert [(finding.kind, finding.message) for finding in dataset.findings] == [("skipped", "left out: 1 file: 1 .psd (b.psd)")]


def test_names_whose_aliases_stand_for_gigabytes_are_refused(write):
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    with pytest.raises(InputError, match=r"data\.yaml has no class"):
        write(f"1 {SQUARE}\n", f"{bomb}names: *a8\n")


@pytest.mark.parametrize("names", ["names: {.inf: dog}", "names: 5", "names: {dog: 1}", "- names", "5"])
def test_names_of_another_kind_are_refused(write, names):
    with pytest.raises(InputError, match=r"data\.yaml has no class"):
        write(f"1 {SQUARE}\n", names)


def test_names_may_begin_with_a_byte_order_mark(write):
    (image,) = write(f"1 {SQUARE}\n", "\ufeffnames: [cat, dog]")
    assert image.objects[0].label == "dog"


@pytest.fixture
def folder(tmp_path, save, square):
    """A folder that promptseg wrote for one image with a dog."""
    image = AnnotatedImage("a.png", save("elsewhere/a.png"), (6, 8), (AnnotatedObject("a.png#1", Mask.from_array(square, label="dog")),))
    writing.write("yolo-seg", [image], tmp_path / "out", classes=["cat"])
    return tmp_path / "out" / "yolo-seg"


def test_the_folder_of_a_dataset_is_read_with_its_own_images(folder, square):
    dataset = read_yolo(None, folder)
    (image,) = dataset
    assert (image.name, image.objects[0].label, dataset.findings) == ("images/a.png", "dog", ())
    assert (image.objects[0].mask.array == square).all()
    (folder / "data.yaml").unlink()
    (image,) = read_yolo(None, folder)
    assert (image.name, image.objects[0].label) == ("a.png", "1")


@pytest.mark.parametrize("place", ["", "data.yaml", "labels"])
def test_the_images_of_a_dataset_may_be_elsewhere(folder, tmp_path, place):
    dataset = read_yolo(tmp_path / "elsewhere", folder / place)
    (image,) = dataset
    assert (image.name, image.objects[0].label, dataset.findings) == ("a.png", "dog", ())


def test_a_folder_of_text_files_may_have_a_folder_labels_for_images_in_one(tmp_path, save):
    save("images/labels/a.png")
    save("images/b.png")
    for name in ("labels/a", "b"):
        (tmp_path / "texts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / f"{name}.txt").write_text(f"0 {SQUARE}")
    (tmp_path / "texts" / "data.yaml").write_text("names: [cat]\n")
    assert [len(image.objects) for image in read_yolo(tmp_path / "images", tmp_path / "texts")] == [1, 1]


def test_the_folder_of_a_dataset_without_images_asks_for_them(folder):
    (folder / "images" / "a.png").unlink()
    with pytest.raises(InputError, match=r"there is no image in .*yolo-seg: give the folder of the images"):
        read_yolo(None, folder)
