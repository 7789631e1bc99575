import base64
import json

import numpy as np
import pytest

from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.formats.labelme import read_labelme
from promptseg.datasets.formats.labelme import reading as labelme_reading
from promptseg.datasets.writing import write
from promptseg.images import load_image
from promptseg.masks import Mask


def write_file(folder, name, image_path, **more):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    shape = {"label": "dog", "points": [[2, 1], [4, 1], [4, 3], [2, 3]]}
    (folder / name).write_text(json.dumps({"imagePath": image_path, "shapes": [shape], **more}))


@pytest.mark.parametrize("way", ["", "../images/"])
def test_files_are_read_only_when_their_image_is_reached(tmp_path, save, monkeypatch, way):
    for name in "abc":
        save(f"images/{name}.png")
        write_file(tmp_path / ("labels" if way else "images"), f"{name}.json", f"{way}{name}.png")
    read = []
    original = labelme_reading.read_json
    monkeypatch.setattr(labelme_reading, "read_json", lambda path: read.append(path.name) or original(path))
    dataset = read_labelme(tmp_path / ("labels" if way else "images"))
    # When images lie elsewhere, the first file tells where.
    assert read == (["a.json"] if way else [])
    assert [image.name for image in dataset] == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize(
    ("image_path", "name"),
    [
        ("C:\\data\\cats\\b.png", "b.png"),
        ("/home/somebody/b.png", "b.png"),
        ("B.PNG", "b.png"),
        ("b", "b.png"),
        ("sub\\c.png", "sub/c.png"),
    ],
)
def test_an_image_is_found_by_the_end_of_its_path_by_case_and_without_suffix(tmp_path, save, image_path, name):
    save("b.png")
    save("sub/c.png")
    write_file(tmp_path, "other.json", image_path)
    (image,) = read_labelme(tmp_path)
    assert image.path == tmp_path / name
    assert image.path.is_file()


def test_an_absolute_path_that_exists_is_taken(tmp_path, save):
    path = save("elsewhere/b.png")
    write_file(tmp_path / "labels", "a.json", str(path))
    (image,) = read_labelme(tmp_path / "labels")
    assert (image.name, image.path) == ("b.png", path)


def test_sub_folders_of_files_and_of_images_belong_together(tmp_path, save):
    for folder in ("one", "two"):
        save(f"images/{folder}/a.png", np.zeros((6, 8 if folder == "one" else 9), np.uint8))
        write_file(tmp_path / "labels", f"{folder}/a.json", "..\\images\\a.png")
    images = list(read_labelme(tmp_path / "labels", tmp_path / "images"))
    assert [(image.name, image.size) for image in images] == [("one/a.png", (6, 8)), ("two/a.png", (6, 9))]


def test_a_file_with_the_name_of_one_image_and_the_path_of_another_is_ambiguous(tmp_path, save):
    save("a.png")
    save("b.png")
    write_file(tmp_path, "a.json", "b.png")
    findings = []
    assert list(read_labelme(tmp_path).usable(findings)) == []
    assert [finding.kind for finding in findings] == ["ambiguous"]


def test_a_renamed_image_is_read_with_the_file_of_its_name(tmp_path, save):
    save("a.png")
    write_file(tmp_path, "a.json", "IMG_0001.png")
    findings = []
    (image,) = read_labelme(tmp_path).usable(findings)
    assert (image.name, len(image.objects), [finding.kind for finding in findings]) == ("a.png", 1, ["converted"])


def test_the_path_tells_which_of_two_images_of_one_name_is_meant(tmp_path, save):
    save("a.png")
    save("a.bmp")
    write_file(tmp_path, "a.json", "a.bmp")
    assert [image.name for image in read_labelme(tmp_path)] == ["a.bmp"]


def test_two_files_for_one_image_are_ambiguous(tmp_path, save):
    save("a.png")
    write_file(tmp_path, "a.json", "a.png")
    write_file(tmp_path, "a_copy.json", "a.png")
    dataset = read_labelme(tmp_path)
    assert len(dataset) == 1
    assert [(finding.source, finding.kind) for finding in dataset.findings] == [("a_copy.json", "ambiguous")]


def test_an_embedded_image_is_read_where_the_file_is_gone(tmp_path, save):
    pixels = np.arange(144, dtype=np.uint8).reshape(6, 8, 3)
    encoded = base64.b64encode(save("a.png", pixels).read_bytes()).decode()
    (tmp_path / "a.png").unlink()
    write_file(tmp_path, "a.json", "..\\gone\\a.png", imageData=encoded, imageHeight=6, imageWidth=8)
    findings = []
    (image,) = read_labelme(tmp_path).usable(findings)
    assert (image.name, image.size, [finding.kind for finding in findings]) == ("a.png", (6, 8), ["converted"])
    assert (image.pixels() == pixels).all()
    assert image.objects[0].mask.area == 4


@pytest.mark.parametrize("data", ["eHh4", "x", 5, {"a": 1}])
def test_a_damaged_embedded_image_is_a_finding(tmp_path, data):
    write_file(tmp_path, "a.json", "a.png", imageData=data)
    findings = []
    assert list(read_labelme(tmp_path).usable(findings)) == []
    assert [finding.kind for finding in findings] == ["unreadable"]


@pytest.mark.parametrize("image_path", ["\0", "x" * 5000, "\udcff.png", "..", "/", ".", "a/../..", "//"])
def test_a_path_that_no_file_can_have_is_a_finding(tmp_path, image_path):
    write_file(tmp_path, "a.json", image_path)
    assert [finding.kind for finding in read_labelme(tmp_path).findings] == ["unpaired"]


@pytest.mark.parametrize("name", ["yolo-seg", "labelme"])
def test_writers_place_an_embedded_image(tmp_path, save, name):
    pixels = np.arange(144, dtype=np.uint8).reshape(6, 8, 3)
    encoded = base64.b64encode(save("a.png", pixels).read_bytes()).decode()
    (tmp_path / "a.png").unlink()
    write_file(tmp_path / "labels", "a.json", "a.png", imageData=encoded)
    write(name, read_labelme(tmp_path / "labels"), tmp_path / "out")
    if name == "yolo-seg":
        image = tmp_path / "out/yolo-seg/images/a.png"
        assert not image.is_symlink()
        assert (load_image(image) == pixels).all()
    else:
        (image,) = read_labelme(tmp_path / "out/labelme")
        assert (image.pixels() == pixels).all()


def test_the_content_of_an_image_is_read_when_it_is_reached(tmp_path, save):
    encoded = base64.b64encode(save("a.png").read_bytes()).decode()
    (tmp_path / "a.png").unlink()
    write_file(tmp_path / "labels", "a.json", "a.png", imageData=encoded)
    dataset = read_labelme(tmp_path / "labels")
    write_file(tmp_path / "labels", "a.json", "a.png", imageData=None)
    findings = []
    assert list(dataset.usable(findings)) == []
    assert [finding.kind for finding in findings] == ["unreadable"]


@pytest.mark.parametrize("linked_folder", [False, True])
def test_an_image_that_is_a_link_is_named_by_its_own_path_and_read_back(tmp_path, save, square, linked_folder):
    target = save("ext/target.png")
    (tmp_path / "images").mkdir()
    for name in "ab":
        (tmp_path / "images" / f"{name}.png").symlink_to(target)
    (tmp_path / "real" / "deep").mkdir(parents=True)
    out = tmp_path / "real" / "out"
    if linked_folder:
        (tmp_path / "out").symlink_to(tmp_path / "real" / "deep")
        out = tmp_path / "out"
    objects = (AnnotatedObject("#1", Mask.from_array(square, label="cat")),)
    images = [AnnotatedImage(f"{name}.png", tmp_path / "images" / f"{name}.png", (6, 8), objects) for name in "ab"]
    write("labelme", images, out)
    assert json.loads((out / "labelme" / "a.json").read_text())["imagePath"].endswith("/images/a.png")
    for folder in (None, tmp_path / "images"):
        dataset = read_labelme(out / "labelme", folder)
        assert [(image.name, image.findings) for image in dataset] == [("a.png", ()), ("b.png", ())]
        assert dataset.findings == ()


def test_the_target_of_a_link_is_the_image(tmp_path, save):
    target = save("ext/target.png")
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    (tmp_path / "images" / "a.png").symlink_to(target)
    (tmp_path / "labels" / "a.json").write_text(json.dumps({"imagePath": "../ext/target.png", "shapes": []}))
    (image,) = read_labelme(tmp_path / "labels", tmp_path / "images")
    assert (image.name, [each.kind for each in image.findings]) == ("a.png", ["empty"])
