"""Annotation files as they come: their format is told by their content, and a ZIP is unpacked within bounds."""

from __future__ import annotations

import errno
import zipfile

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask
from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.writing import write
from promptseg.errors import ConfigError, InputError
from promptseg.studio_server.imports.files import open_annotations

FORMATS = (
    ("coco", "coco.json"),
    ("coco-polygons", "coco-polygons.json"),
    ("cvat", "cvat.xml"),
    ("label-studio", "label-studio.json"),
    ("parquet", "masks.parquet"),
    ("labelme", "labelme"),
    ("labelme-polygons", "labelme-polygons"),
    ("geojson", "geojson"),
    ("voc", "voc"),
    ("yolo-seg", "yolo-seg"),
    ("labels", "labels"),
)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def annotated(images):
    def make(name, x):
        pixels = np.zeros((40, 60), bool)
        pixels[10:30, x : x + 20] = True
        return AnnotatedImage(name, images / name, (40, 60), (AnnotatedObject(f"{name}#1", Mask.from_array(pixels, label="cup")),))

    return [make("a.png", 5), make("b.png", 25)]


@pytest.fixture
def opened(tmp_path, images):
    """Opens a file with a new folder to unpack to."""

    def run(file, format_name=None, **options):
        (folder := tmp_path / "unpacked").mkdir()
        return open_annotations(file, folder, images, format_name, **options)

    return run


def packed(place, path, within=""):
    """Return a ZIP of a file or folder, whose files are in a folder `within`."""
    with zipfile.ZipFile(path, "w") as file:
        for each in [place] if place.is_file() else sorted(place.rglob("*")):
            if each.is_file():
                file.write(each, f"{within}{each.relative_to(place.parent)}")
    return path


@pytest.mark.parametrize(("name", "place"), FORMATS)
@pytest.mark.parametrize("within", ["", "export/of me/"])
def test_a_zip_of_what_promptseg_wrote_is_read_back(name, place, within, annotated, opened, tmp_path):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    written = write(name, annotated, tmp_path / "out").path
    assert written == tmp_path / "out" / place
    dataset = opened(packed(written, tmp_path / "given.zip", within))
    found = {image.name: [(each.label, each.mask.box.tolist()) for each in image.objects] for image in dataset}
    assert found == {image.name: [("cup", image.objects[0].mask.box.tolist())] for image in annotated}


@pytest.mark.parametrize(("name", "place"), FORMATS[:5])
def test_a_single_file_is_read_without_a_zip(name, place, annotated, opened, tmp_path):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    dataset = opened(write(name, annotated, tmp_path / "out").path)
    assert sum(len(image.objects) for image in dataset) == 2


def test_one_labelme_file_is_read_by_its_name(annotated, opened, tmp_path):
    folder = write("labelme", annotated, tmp_path / "out").path
    (image,) = opened(folder / "b.json")
    assert (image.name, len(image.objects)) == ("b.png", 1)


def test_a_format_that_is_named_is_not_guessed(annotated, opened, tmp_path):
    file = tmp_path / "anything.json"
    file.write_text('{"something": "else"}')
    with pytest.raises(InputError, match="not a COCO"):
        opened(file, "coco")


def test_an_unknown_format_says_what_is_known(opened, tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"something": "else"}')
    with pytest.raises(InputError, match="the format of the annotations is not known: expected COCO"):
        opened(file)


def test_there_is_no_such_format(opened, tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'coco'"):
        opened(tmp_path / "a.json", "cocoo")


def test_boxes_are_for_formats_that_have_some(annotated, opened, tmp_path):
    with pytest.raises(ConfigError, match="label-studio has no boxes to read"):
        opened(write("label-studio", annotated, tmp_path / "out").path, boxes=True)


@pytest.mark.parametrize("name", ["../outside.json", "/outside.json", "..\\outside.json", "a/../../outside.json"])
def test_a_zip_writes_nothing_outside_of_its_folder(name, opened, tmp_path):
    with zipfile.ZipFile(tmp_path / "given.zip", "w") as file:
        file.writestr(name, "{}")
    before = {path for path in tmp_path.rglob("*") if "unpacked" not in path.parts}
    with pytest.raises(InputError, match="not known"):
        opened(tmp_path / "given.zip")
    assert {path for path in tmp_path.rglob("*") if "unpacked" not in path.parts} == before


def test_a_zip_that_stands_for_too_much_is_refused_before_it_fills_the_disk(opened, tmp_path, monkeypatch):
    monkeypatch.setattr("promptseg.studio_server.imports.files.MAX_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "given.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.json", b"0" * (20 << 20))
    with pytest.raises(InputError, match="more than 1048576 bytes"):
        opened(tmp_path / "given.zip")
    assert sum(path.stat().st_size for path in (tmp_path / "unpacked").rglob("*")) <= 1 << 20


def test_a_zip_of_too_many_files_is_refused(opened, tmp_path, monkeypatch):
    monkeypatch.setattr("promptseg.studio_server.imports.files.MAX_FILES", 3)
    with zipfile.ZipFile(tmp_path / "given.zip", "w") as file:
        for number in range(4):
            file.writestr(f"{number}.json", "{}")
    with pytest.raises(InputError, match="has 4 files: at most 3"):
        opened(tmp_path / "given.zip")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_is_an_error_of_the_file_in_every_compression(compression, opened, tmp_path):
    path = tmp_path / "given.zip"
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("coco.json", "x" * 5000)
    content = bytearray(path.read_bytes())
    start = 30 + len("coco.json")
    content[start : start + 24] = b"\xff" * 24
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be unpacked"):
        opened(path)


def test_a_compression_that_python_lacks_is_an_error_of_the_file(opened, tmp_path):
    path = tmp_path / "given.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("coco.json", "x" * 5000)
    path.write_bytes(path.read_bytes().replace(b"\x08\x00", b"\x09\x00"))  # Deflate64.
    with pytest.raises(InputError, match="cannot be unpacked"):
        opened(path)


def test_two_members_that_are_a_file_and_a_folder_are_an_error_of_the_file(opened, tmp_path):
    with zipfile.ZipFile(tmp_path / "given.zip", "w") as file:
        file.writestr("a", "{}")
        file.writestr("a/b.json", "{}")
    with pytest.raises(InputError, match="cannot be unpacked"):
        opened(tmp_path / "given.zip")


def test_a_full_disk_is_no_error_of_the_file(opened, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "given.zip", "w") as file:
        file.writestr("coco.json", "{}")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "open", full)
    with pytest.raises(OSError, match="No space left") as caught:
        opened(tmp_path / "given.zip")
    assert not isinstance(caught.value, InputError)


def test_a_damaged_zip_is_an_error_of_the_file(annotated, opened, tmp_path):
    file = packed(write("coco", annotated, tmp_path / "out").path, tmp_path / "given.zip")
    content = bytearray(file.read_bytes())
    content[60:70] = b"\xff" * 10
    file.write_bytes(content)
    with pytest.raises(InputError, match="cannot be unpacked"):
        opened(file)


def test_class_names_of_yolo_are_read_but_its_folders_are_not_followed(annotated, opened, tmp_path):
    folder = write("yolo-seg", annotated, tmp_path / "out").path
    listed = folder / "data.yaml"
    listed.write_text(listed.read_text() + "\npath: /etc\ntrain: /etc/passwd\n")
    dataset = opened(packed(folder, tmp_path / "given.zip"))
    assert {each.label for image in dataset for each in image.objects} == {"cup"}


def test_text_files_of_yolo_in_folders_of_their_own_find_their_images(images, annotated, opened, tmp_path):
    folder = write("yolo-seg", annotated, tmp_path / "out").path
    texts = {path.stem.partition(".")[0]: path.read_text() for path in folder.rglob("*.txt") if path.stem.startswith(("a", "b"))}
    names = next(path for path in folder.rglob("data.yaml")).read_text()
    with zipfile.ZipFile(tmp_path / "given.zip", "w") as file:
        file.writestr("set/data.yaml", names)
        file.writestr("set/Train.txt", "images/train/a.png\n")
        file.writestr("set/labels/train/a.txt", texts["a"])
        file.writestr("set/labels/val/b.txt", texts["b"])
        file.writestr("set/labels/val/c.txt", texts["b"])
    findings = []
    dataset = opened(tmp_path / "given.zip")
    found = {image.name: [each.label for each in image.objects] for image in dataset.usable(findings)}
    assert found == {"a.png": ["cup"], "b.png": ["cup"]}
    assert [each.source.rpartition("/")[2] for each in findings if each.broken] == ["c.txt"]
