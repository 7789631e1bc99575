"""Exports: which images, in which order of classes, what was lost, and the ZIP."""

from __future__ import annotations

import json
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask
from promptseg.datasets.catalog import WRITABLE
from promptseg.datasets.reading import open_dataset
from promptseg.errors import ConfigError, OutputError
from promptseg.server.errors import NotFoundError
from promptseg.studio_server.changes import Change
from promptseg.studio_server.documents import StudioObject
from promptseg.studio_server.exporting import DEFAULT_STATES, KEPT, Downloads, check_export, export
from promptseg.studio_server.image_list import key_of
from promptseg.studio_server.labels import Label
from promptseg.studio_server.project import open_project

SIZE = (40, 60)
STATES = {"a.png": "started", "b.png": "suggested", "c.png": "doubt", "d.png": "done", "new.png": None}


def square(x):
    pixels = np.zeros(SIZE, bool)
    pixels[10:30, x : x + 20] = True
    pixels[10:15, x : x + 5] = False  # So that it is not its box.
    return Mask.from_array(pixels)


@pytest.fixture
def project(tmp_path):
    """An image in each state, with one object, of classes in the order of the alphabet; the labels are in the reverse order."""
    (folder := tmp_path / "photos").mkdir()
    for name in STATES:
        Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(folder / name)
    with open_project(folder, tmp_path / "out") as project:
        project.set_labels([Label(name, "#808080") for name in ("zebra", "unused", "cup")])
        for number, (name, state) in enumerate(STATES.items()):
            if state is not None:
                made = StudioObject("one", square(5 * number).counts.decode(), "cup" if number % 2 else "zebra")
                project.change(key_of(name), 0, Change(put=(made,), state=state))
        yield project


@pytest.fixture
def exported(project, tmp_path):
    downloads = Downloads(tmp_path / "downloads")

    def run(*formats, states=DEFAULT_STATES):
        done = export(formats, lambda: project.annotated(states), project.out, [label.name for label in project.labels.all], downloads)
        return done, downloads.get(done.download)

    return run


def test_images_that_only_a_pipeline_has_seen_are_not_exported_unless_they_are_asked_for(exported, project):
    exported("coco")
    content = json.loads((project.out / "coco.json").read_text())
    assert [each["file_name"] for each in content["images"]] == ["a.png", "c.png", "d.png"]
    exported("coco", states=["suggested"])
    content = json.loads((project.out / "coco.json").read_text())
    assert [each["file_name"] for each in content["images"]] == ["b.png"]


def test_classes_are_in_the_order_of_the_labels(exported, project):
    exported("coco", "yolo-seg")
    content = json.loads((project.out / "coco.json").read_text())
    assert [each["name"] for each in content["categories"]] == ["zebra", "unused", "cup"]


@pytest.mark.parametrize("name", [name for name in WRITABLE if name != "parquet"])
def test_every_format_is_written_and_packed(name, exported, project):
    done, path = exported(name)
    (file,) = done.files
    assert (file.format, file.images, file.objects) == (name, 3, 3)
    place = project.out / file.path
    assert place.exists()
    with zipfile.ZipFile(path) as packed:
        names = packed.namelist()
        assert names
        assert packed.testzip() is None
        for each in names:
            assert each == file.path or each.startswith(f"{file.path}/") or (name == "label-studio" and each == "label-studio.xml")
            assert packed.read(each) == (project.out / each).read_bytes()


def test_what_a_format_cannot_hold_is_told_as_annotate_does(exported):
    done, _ = exported("yolo", "coco")
    lost = {each.format: each.lost for each in done.files}
    assert any("IoU" in line or "differ" in line for line in lost["yolo"])
    assert lost["coco"] == ()


@pytest.mark.parametrize("name", [name for name in WRITABLE if name != "parquet"])
def test_attributes_and_scores_are_in_the_files_or_told_as_lost(name, exported, project):
    made = StudioObject("two", square(30).counts.decode(), "cup", 0.75, attributes={"weather": "very foggy"})
    project.change(key_of("d.png"), 1, Change(put=(made,)))
    done, _ = exported(name)
    place = project.out / done.files[0].path
    texts = [path.read_bytes() for path in (sorted(place.rglob("*")) if place.is_dir() else [place]) if path.is_file()]
    for value, what in (("very foggy", "attribute"), ("0.75", "score")):
        told = f"1 {what} is not in the files: the format cannot hold them" in done.files[0].lost
        assert told != any(value.encode() in text for text in texts), (what, done.files[0].lost)


def test_the_masks_are_read_back_from_the_zip(exported, project, tmp_path):
    _, path = exported("coco")
    with zipfile.ZipFile(path) as packed:
        packed.extractall(tmp_path / "there")
    dataset = open_dataset(tmp_path / "photos", coco=tmp_path / "there" / "coco.json")
    assert {image.name: image.objects[0].mask.counts for image in dataset} == {
        image.name: image.objects[0].mask.counts for image in project.annotated(DEFAULT_STATES)
    }


def test_a_file_that_was_changed_by_hand_is_kept_and_named(exported, project):
    exported("coco", "labelme")
    (project.out / "coco.json").write_text("mine")
    (project.out / "labelme" / "a.json").write_text("mine, too")
    project.change(key_of("a.png"), 1, Change(put=(StudioObject("two", square(30).counts.decode()),)))
    done, _ = exported("coco", "labelme")
    assert (project.out / "coco.json").read_text() == "mine"
    assert (project.out / "labelme" / "a.json").read_text() == "mine, too"
    lost = {each.format: each.lost for each in done.files}
    assert any("coco.json" in line and "kept" in line for line in lost["coco"])
    assert any("a.json" in line and "kept" in line for line in lost["labelme"])


def test_what_is_no_export_of_promptseg_is_not_replaced(exported, project):
    (project.out / "coco.json").write_text("of somebody else")
    with pytest.raises(OutputError, match="did not write it"):
        exported("coco")
    assert (project.out / "coco.json").read_text() == "of somebody else"


@pytest.mark.parametrize("formats", [[], ["coco", "cocoo"]])
def test_formats_are_checked_before_anything_is_written(formats, project, tmp_path):
    with pytest.raises(ConfigError):
        check_export(formats, project.out)
    assert not (project.out / "coco.json").exists()


def test_the_journal_can_be_written_to_while_an_export_reads_it(project, tmp_path):
    begun, changed = threading.Event(), threading.Event()

    class Images:
        def __len__(self):
            return 1

        def __iter__(self):
            for image in project.annotated():
                begun.set()
                assert changed.wait(60)
                yield image

    exporting = threading.Thread(target=export, args=(["coco"], Images, project.out, [], Downloads(tmp_path / "downloads")))
    exporting.start()
    assert begun.wait(60)
    project.change(key_of("new.png"), 0, Change(put=(StudioObject("late", square(1).counts.decode(), "cup"),)))
    changed.set()
    exporting.join(60)
    assert len(json.loads((project.out / "coco.json").read_text())["images"]) == 4
    assert project.summary(key_of("new.png")).objects == 1


def test_only_the_latest_zips_are_kept(exported, tmp_path):
    names = [exported("coco")[0].download for _ in range(KEPT + 2)]
    downloads = Downloads(tmp_path / "downloads")
    assert all(downloads.get(name).is_file() for name in names[-KEPT:])
    for name in [*names[:2], "../../etc/passwd", "0" * 32]:
        with pytest.raises(NotFoundError):
            downloads.get(name)
