"""Every writer with its reader: over generated masks, and over what tends to go wrong."""

import json
import tempfile
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from promptseg.datasets.catalog import WRITABLE
from promptseg.datasets.core import AnnotatedImage, AnnotatedObject
from promptseg.datasets.reading import open_dataset
from promptseg.datasets.writing import write
from promptseg.errors import ConfigError, OutputError
from promptseg.masks import Mask, Masks

NAMES = ["a.png", "b c/ä.png", "b c/d/a.png"]
LABELS = ["cat", "a: b, <c> & \"d\" 'e' \\", "größe 猫", "  two  spaces ", "- no", "#"]
EXACT = [name for name in WRITABLE if name not in ("labels", "palette", "voc", "yolo")]
WITH_SCORES = [
    "coco",
    "coco-polygons",
    "cvat",
    "geojson",
    "label-studio",
    "labelme",
    "labelme-polygons",
    "labels",
    "masks",
    "palette",
    "parquet",
]


def again(name, root):
    """What was written under ``root/out``, read with the images of ``root/images``."""
    images, out = root / "images", root / "out"
    places = {
        "coco": {"coco": out / "coco.json"},
        "coco-polygons": {"coco": out / "coco-polygons.json"},
        "cvat": {"cvat": out / "cvat.xml"},
        "geojson": {"geojson": out / "geojson"},
        "label-studio": {"label_studio": out / "label-studio.json"},
        "labelme": {"labelme": out / "labelme", "images": None},
        "labelme-polygons": {"labelme": out / "labelme-polygons"},
        "parquet": {"parquet": out / "masks.parquet"},
        "voc": {"voc": out / "voc"},
        "yolo": {"yolo": out / "yolo" / "labels", "names": out / "yolo" / "data.yaml", "boxes": True},
        "yolo-seg": {"yolo": out / "yolo-seg" / "labels", "names": out / "yolo-seg" / "data.yaml"},
    }
    return open_dataset(**{"images": images, **places.get(name, {"masks": out / name})})


def need(name):
    if name == "parquet":
        pytest.importorskip("pyarrow")


def saved_image(root, name, size):
    path = root / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(path)
    return path


def image(root, name, masks, size, ignored=()):
    objects = tuple(AnnotatedObject(f"{name}#{number}", mask) for number, mask in enumerate(masks, 1))
    return AnnotatedImage(name, saved_image(root, name, size), size, objects, tuple(ignored))


@st.composite
def annotations(draw):
    """Names, sizes and masks of up to three small images."""
    found = []
    for name in NAMES[: draw(st.integers(1, 3))]:
        size = draw(st.tuples(st.integers(1, 9), st.integers(1, 11)))
        pixels = draw(st.lists(arrays(bool, size, elements=st.booleans(), fill=st.booleans()), max_size=4))
        labels = [draw(st.sampled_from(LABELS)) for _ in pixels]
        found.append((name, size, [Mask.from_array(each, label=label) for each, label in zip(pixels, labels, strict=True) if each.any()]))
    return found


def ious(given, read):
    """The IoU of each mask with its own after reading, where none is lost; labels must be the same."""
    assert [each.label for each in read.objects] == [each.label for each in given.objects]
    return [a.mask.iou(b.mask) for a, b in zip(given.objects, read.objects, strict=True)]


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=15, deadline=None)
@given(annotations())
def test_an_exact_format_gives_every_mask_back_with_its_class(name, found):
    need(name)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        given = [image(root, *each[:1], each[2], each[1]) for each in found]
        report = write(name, given, root / "out")
        read = {each.name: each for each in again(name, root)}
        assert set(read) == {each.name for each in given}
        assert all(iou == 1 for each in given for iou in ious(each, read[each.name]))
        assert (report.images, report.masks) == (len(given), sum(len(each.objects) for each in given))
        assert (report.changed, report.lost, report.iou_min) == (0, {}, 1)


@pytest.mark.parametrize("name", ["labels", "palette", "voc", "yolo"])
@settings(max_examples=15, deadline=None)
@given(annotations())
def test_the_report_of_another_format_says_what_reading_it_finds(name, found):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        given = [image(root, *each[:1], each[2], each[1]) for each in found]
        report = write(name, given, root / "out")
        read = {each.name: each for each in again(name, root)}
        assert set(read) == {each.name for each in given}
        count = sum(len(each.objects) for each in read.values())
        assert report.masks == count == sum(len(each.objects) for each in given) - sum(report.lost.values())
        if report.lost:
            return
        values = [iou for each in given for iou in ious(each, read[each.name])]
        assert report.changed == sum(iou < 1 for iou in values)
        assert report.iou_min == pytest.approx(min(values, default=1))
        assert report.iou_mean == pytest.approx(np.mean(values) if values else 1)


@pytest.fixture
def ring():
    """(7, 9): a ring with an island in its hole, and one pixel at the border."""
    pixels = np.zeros((7, 9), bool)
    pixels[0:7, 0:7] = True
    pixels[1:6, 1:6] = False
    pixels[3, 3] = True
    pixels[6, 8] = True
    return Mask.from_array(pixels, label="ring", score=0.5)


@pytest.mark.parametrize("name", WITH_SCORES)
def test_scores_come_back(name, tmp_path, ring):
    need(name)
    write(name, [image(tmp_path, "a.png", [ring], (7, 9))], tmp_path / "out")
    ((read,),) = [each.objects for each in again(name, tmp_path)]
    assert (read.mask, read.mask.score, read.label) == (ring, 0.5, "ring")


@pytest.mark.parametrize("name", ["coco", "geojson", "labels", "masks", "palette", "parquet", "voc"])
def test_regions_to_ignore_come_back(name, tmp_path, ring):
    need(name)
    rest = Mask.from_array(~ring.array)
    given = [image(tmp_path, "a.png", [ring], (7, 9), [rest]), image(tmp_path, "b.png", [], (7, 9), [rest])]
    write(name, given, tmp_path / "out")
    assert [each.ignored for each in again(name, tmp_path)] == [(rest,), (rest,)]
    assert [len(each.objects) for each in again(name, tmp_path)] == [1, 0]


@pytest.mark.parametrize("name", ["cvat", "label-studio", "labelme", "yolo", "yolo-seg"])
def test_regions_that_have_no_place_are_counted(name, tmp_path, ring):
    report = write(name, [image(tmp_path, "a.png", [ring], (7, 9), [ring, ring])], tmp_path / "out")
    assert "2 regions to ignore" in str(report)


@pytest.mark.parametrize("name", WRITABLE)
def test_the_same_images_give_the_same_bytes_and_nothing_else_is_left(name, tmp_path, ring):
    need(name)
    written = []
    for run in (1, 2):
        root = tmp_path / str(run)
        given = [image(root, each, [ring, ring], (7, 9)) for each in NAMES]
        report = write(name, given, root / "out")
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in (root / "out").rglob("*") if path.is_file()}
        assert len([file for file in files if "/.promptseg" not in file and "/images/" not in file]) == report.files
        assert not [file for file in files if ".tmp" in file]
        written.append(files)
    assert written[0] == written[1]


@pytest.mark.parametrize("name", WRITABLE)
def test_an_image_that_fails_leaves_what_was_written_before(name, tmp_path, ring):
    need(name)
    good = image(tmp_path, "a.png", [ring], (7, 9))
    write(name, [good], tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}

    def images():
        yield good
        yield good
        raise RuntimeError("the disk of the caller")

    with pytest.raises(RuntimeError, match="of the caller"):
        write(name, images(), tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", WRITABLE)
def test_images_that_differ_in_their_suffix_do_not_collide(name, tmp_path, ring):
    need(name)
    other = Mask.from_array(~ring.array, label="other")
    given = [image(tmp_path, "a.png", [ring], (7, 9)), image(tmp_path, "a.jpg", [other], (7, 9))]
    report = write(name, given, tmp_path / "out")
    if name.startswith("yolo"):  # Pairs by name: the links beside the labels have the names that these have.
        read = open_dataset(tmp_path / "out" / name / "images", yolo=tmp_path / "out" / name / "labels", boxes=True)
        assert [each.name for each in read.entries] == ["a.jpg.jpg", "a.png"]
        read = {"a.png": read.entries[1].read(), "a.jpg": read.entries[0].read()}
    else:
        read = {each.name: each for each in again(name, tmp_path)}
    assert report.images == len(read) == 2
    if name != "yolo":
        assert [read[each.name].objects[0].mask for each in given] == [ring, other]


@pytest.mark.parametrize("name", [name for name in WRITABLE if name not in ("coco", "coco-polygons", "cvat", "label-studio", "parquet")])
def test_a_folder_of_others_is_not_replaced(name, tmp_path, ring):
    out = tmp_path / "out"
    (out / name).mkdir(parents=True)
    (out / name / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="promptseg did not write it"):
        write(name, [image(tmp_path, "a.png", [ring], (7, 9))], out)
    assert (out / name / "mine.txt").read_text() == "mine"


def test_all_formats_stand_side_by_side(tmp_path, ring):
    pytest.importorskip("pyarrow")
    given = [image(tmp_path, "a.png", [ring], (7, 9))]
    for name in WRITABLE:
        write(name, given, tmp_path / "out")
    for name in WRITABLE:
        assert [len(each.objects) for each in again(name, tmp_path)] == [1]


def test_a_label_image_has_16_bits_where_8_are_too_few_and_a_palette_says_what_it_lost(tmp_path):
    size = (20, 20)
    masks = [Mask.from_array(np.arange(400).reshape(size) == index, label="dot") for index in range(300)]
    given = [image(tmp_path, "a.png", masks, size)]
    assert write("labels", given, tmp_path / "out").lost == {}
    ((read,),) = ([each.objects] for each in again("labels", tmp_path))
    assert [each.mask for each in read] == masks
    report = write("palette", given, tmp_path / "out")
    assert (report.masks, report.lost) == (254, {"a label image holds 254 objects": 46})


def test_of_objects_that_overlap_the_smaller_stays_whole_in_a_label_image(tmp_path):
    large, small = np.ones((5, 5), bool), np.zeros((5, 5), bool)
    small[1, 1] = True
    report = write("labels", [image(tmp_path, "a.png", map(Mask.from_array, (small, large, large)), (5, 5))], tmp_path / "out")
    assert (report.masks, report.changed, report.iou_min) == (2, 1, pytest.approx(24 / 25))
    assert report.lost == {"other objects hide them": 1}
    assert "1 masks are lost: other objects hide them" in str(report)


def test_a_mask_without_pixels_is_lost_and_said_to_be(tmp_path, ring):
    empty = Mask.from_array(np.zeros((7, 9), bool))
    report = write("coco", [image(tmp_path, "a.png", [empty, ring], (7, 9))], tmp_path / "out")
    assert (report.masks, report.lost) == (1, {"they have no pixels": 1})
    assert json.loads(json.dumps(report.to_dict()))["lost"] == {"they have no pixels": 1}


def test_classes_have_the_numbers_that_are_asked_for_and_others_follow(tmp_path, ring):
    masks = Masks([ring]).labeled("dog")[0], Masks([ring]).labeled("cat")[0], Masks([ring]).labeled(None)[0]
    write("coco", [image(tmp_path, "a.png", masks, (7, 9))], tmp_path / "out", classes=["bird", "cat"])
    categories = json.loads((tmp_path / "out" / "coco.json").read_text())["categories"]
    assert [(each["id"], each["name"]) for each in categories] == [(1, "bird"), (2, "cat"), (3, "dog"), (4, "object")]


def test_a_name_that_leads_out_of_the_folder_stays_in_it(tmp_path, ring):
    (tmp_path / "deep").mkdir()
    given = [image(tmp_path, "../a.png", [ring], (7, 9))]
    write("labels", given, tmp_path / "deep" / "out")
    assert (tmp_path / "deep" / "out" / "labels" / "a.png").is_file()


def test_an_image_is_taken_only_when_the_one_before_is_written(tmp_path, ring):
    alive = []

    def images():
        for number in range(4):
            each = image(tmp_path, f"{number}.png", [ring], (7, 9))
            alive.append(weakref.ref(each))
            yield each
            del each
            assert sum(reference() is not None for reference in alive) <= 1

    assert write("coco", images(), tmp_path / "out").images == len(alive) == 4


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("coco", {"images": "link"}, "no option 'images', it is one of yolo and yolo-seg"),
        ("yolo", {"image": "link"}, "no option 'image': the options are"),
        ("yolo", {"images": "move"}, "images is link, copy or none, got 'move'"),
        ("geojson", {"coordinates": "meters"}, "coordinates is auto, pixels or world"),
        ("label studio", {}, "Did you mean 'label-studio'"),
    ],
)
def test_what_cannot_be_written_is_refused(name, options, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        write(name, [], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_images_of_yolo_are_links_copies_or_absent(tmp_path, ring):
    given = [image(tmp_path, "b/a.png", [ring], (7, 9))]
    image_file = tmp_path / "out" / "yolo-seg" / "images" / "b" / "a.png"
    write("yolo-seg", given, tmp_path / "out")
    assert image_file.is_symlink()
    assert image_file.samefile(given[0].path)
    write("yolo-seg", given, tmp_path / "out", images="copy")
    assert image_file.read_bytes() == given[0].path.read_bytes()
    assert not image_file.is_symlink()
    write("yolo-seg", given, tmp_path / "out", images="none")
    assert not image_file.exists()
