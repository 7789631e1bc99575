"""Every writer with its reader: over generated masks, and over what tends to go wrong."""

import json
import sys
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from promptseg.datasets.catalog import WRITABLE
from promptseg.datasets.core import AnnotatedImage, AnnotatedObject, Category
from promptseg.datasets.reading import open_dataset
from promptseg.datasets.writing import changed_by_hand, check_output, write
from promptseg.errors import ConfigError, MissingDependencyError, OutputError
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
    assert "1 mask is lost: other objects hide them" in str(report)


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


def everything(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize("leading", ["../../", "//{root}/victim/", "/", "..\\..\\", "C:\\", "x/../../"])
def test_a_name_that_leads_out_of_the_folder_stays_in_it(name, leading, tmp_path, ring):
    need(name)
    (tmp_path / "victim").mkdir()
    given = [replace(image(tmp_path, "p.png", [ring], (7, 9)), name=f"{leading.format(root=tmp_path)}p.png")]
    before = everything(tmp_path)
    report = write(name, given, tmp_path / "deep" / "out")
    assert {path for path in everything(tmp_path) - before if path != "deep" and not path.startswith("deep/")} == set()
    if not report.path.suffix:
        assert f"1 image has files of another name: {given[0].name!r} is " in str(report)


NO_TEXT = ["caf\udce9.png", "a\nb.png", "sub\udcff/caf\udce9.png", "tab\tand\x7f.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="this system refuses names that are not UTF-8")
@pytest.mark.parametrize("name", [name for name in WRITABLE if not name.startswith("label")] + ["labels"])
def test_images_whose_names_are_no_text_are_written_as_text_and_found_again(name, tmp_path, ring):
    need(name)
    given = [image(tmp_path, each, [ring], (7, 9)) for each in NO_TEXT]
    report = write(name, given, tmp_path / "out")
    assert "4 names of images that are not text stand in the files as text: 'caf%E9.png' is 'caf%E9.png'" in str(report)
    json.dumps(report.to_dict()).encode()
    assert {path.encode().decode("ascii").isprintable() for path in everything(tmp_path / "out")} == {True}
    assert {each.name: len(each.objects) for each in again(name, tmp_path)} == dict.fromkeys(NO_TEXT, 1)


@pytest.mark.parametrize("name", ["label-studio", "labelme", "labelme-polygons"])
def test_labelme_names_the_file_itself_and_label_studio_its_text(name, tmp_path, ring):
    write(
        name, [replace(image(tmp_path, "a.png", [ring], (7, 9)), name="x/caf\udce9.png", path=Path("/i/caf\udce9.png"))], tmp_path / "out"
    )
    if name == "label-studio":
        assert "?d=x/caf%25E9.png" in (tmp_path / "out" / "label-studio.json").read_text()
    else:
        assert json.loads((tmp_path / "out" / name / "x" / "caf%E9.json").read_text())["imagePath"].endswith("/i/caf\udce9.png")


ODD_LABELS = ["a\nb", "a\rb", "\"quoted\", 'too' \\", "x" * 3000, "yes", "1.5", "no: {}", "a|b;c,d", "\ufeffmark", "</name>"]


@pytest.mark.parametrize("name", WRITABLE)
def test_odd_labels_come_back(name, tmp_path):
    need(name)
    masks = [Mask.from_array(np.arange(90).reshape(9, 10) // 3 == index, label=label) for index, label in enumerate(ODD_LABELS)]
    write(name, [image(tmp_path, "a.png", masks, (9, 10))], tmp_path / "out")
    (read,) = again(name, tmp_path)
    assert [each.label for each in read.objects] == ODD_LABELS


@pytest.mark.parametrize("name", WRITABLE)
def test_characters_of_labels_that_files_cannot_hold_are_replaced_and_reported(name, tmp_path, ring):
    need(name)
    mask = Masks([ring]).labeled("a\x00b\udce9")[0]
    report = write(name, [image(tmp_path, "a.png", [mask], (7, 9), [mask])], tmp_path / "out", classes=["c\x01"])
    assert "labels have characters that files cannot hold: 'a%00b%E9' is 'a\ufffdb\ufffd'" in str(report)
    str(report).encode()
    (read,) = again(name, tmp_path)
    assert [each.label for each in read.objects] == ["a\ufffdb\ufffd"]


@pytest.mark.parametrize("name", WRITABLE)
def test_a_name_as_long_as_the_file_system_takes_is_made_fit(name, tmp_path, ring):
    need(name)
    given = [image(tmp_path, f"{'y' * 250}{each}.png", [ring], (7, 9)) for each in ("", "z")]
    assert write(name, given, tmp_path / "out").masks == 2
    assert all(len(part) <= 255 for path in everything(tmp_path / "out") for part in path.split("/"))
    if not name.startswith("yolo"):
        assert {each.name for each in again(name, tmp_path)} == {each.name for each in given}


@pytest.mark.parametrize("name", WRITABLE)
def test_images_whose_names_differ_in_case_stay_two(name, tmp_path, ring):
    need(name)
    given = [replace(image(tmp_path, "a.png", [ring], (7, 9)), name=each) for each in ("sub/a.png", "SUB/A.png", "sub/a.png")]
    report = write(name, given, tmp_path / "out")
    assert report.images == 3
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len({path.as_posix().casefold() for path in files}) == len(files)


def a_written_file(name, out):
    """A file of the format that a person might change."""
    if name in FOLDERS:
        return next(
            path for path in sorted((out / name).rglob("*")) if path.is_file() and not path.is_symlink() and path.name != ".promptseg"
        )
    return next(path for path in sorted(out.iterdir()) if not path.name.startswith("."))


FOLDERS = [name for name in WRITABLE if name not in ("coco", "coco-polygons", "cvat", "label-studio", "parquet")]


@pytest.mark.parametrize("name", WRITABLE)
def test_a_file_that_was_changed_by_hand_is_kept_and_named(name, tmp_path, ring):
    need(name)
    given = [image(tmp_path, "sub/a.png", [ring], (7, 9))]
    write(name, given, tmp_path / "out")
    assert changed_by_hand(tmp_path / "out", name) == ()
    changed = a_written_file(name, tmp_path / "out")
    changed.write_bytes(b"by hand")
    own = changed.relative_to(tmp_path / "out" / name).as_posix() if name in FOLDERS else changed.name
    assert changed_by_hand(tmp_path / "out", name) == (own,)
    check_output(name, tmp_path / "out")
    report = write(name, given, tmp_path / "out")
    assert report.kept == (own,)
    assert f"1 file was changed by hand and is kept: {own}" in str(report)
    assert changed.read_bytes() == b"by hand"


@pytest.mark.parametrize("name", WRITABLE)
def test_changes_that_were_taken_in_are_not_reported_again(name, tmp_path, ring):
    need(name)
    given = [image(tmp_path, "a.png", [ring], (7, 9))]
    write(name, given, tmp_path / "out")
    changed = a_written_file(name, tmp_path / "out")
    changed.write_bytes(b"by hand")
    assert write(name, given, tmp_path / "out", taken_in=True).kept == ()
    assert changed_by_hand(tmp_path / "out", name) == ()
    assert write(name, given, tmp_path / "out").kept == ()
    kept = changed if name in FOLDERS else changed.with_name(f"{changed.stem}.by-hand-1{changed.suffix}")
    assert kept.read_bytes() == b"by hand"


def test_a_report_names_the_first_of_many_kept_files(tmp_path, ring):
    given = [image(tmp_path, f"{number}.png", [ring], (7, 9)) for number in range(7)]
    write("geojson", given, tmp_path / "out")
    for number in range(7):
        (tmp_path / "out" / "geojson" / f"{number}.geojson").write_text("{}")
    report = write("geojson", given, tmp_path / "out")
    assert "7 files were changed by hand and are kept: 0.geojson, 1.geojson, 2.geojson, 3.geojson, 4.geojson, …" in str(report)
    assert report.to_dict()["kept"] == list(report.kept)


@pytest.mark.parametrize("name", ["coco", "coco-polygons", "cvat", "label-studio", "parquet"])
def test_a_file_of_others_is_refused_before_any_image_is_taken(name, tmp_path):
    need(name)
    path = {"coco": "coco.json", "coco-polygons": "coco-polygons.json", "cvat": "cvat.xml", "parquet": "masks.parquet"}.get(name)
    for each in [path] if path else ["label-studio.json", "label-studio.xml"]:
        out = tmp_path / each
        out.mkdir()
        (out / each).write_text("mine")

        def images():
            pytest.fail("an image was taken")
            yield

        for refused in (lambda out=out: check_output(name, out), lambda out=out: write(name, images(), out)):
            with pytest.raises(OutputError, match="promptseg did not write it"):
                refused()
        assert (out / each).read_text() == "mine"
        assert everything(out) == {each}


@pytest.mark.parametrize("name", WRITABLE)
def test_an_output_that_can_be_written_passes_the_check_and_leaves_nothing(name, tmp_path):
    need(name)
    check_output(name, tmp_path / "new" / "out", {})
    assert everything(tmp_path) == set()


def test_an_output_that_cannot_be_written_is_refused_at_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    for out in ("file", "file/out"):
        with pytest.raises(OutputError, match="cannot write"):
            check_output("coco", tmp_path / out)
    with pytest.raises(ConfigError, match="no option 'images'"):
        check_output("coco", tmp_path, {"images": "copy"})
    with pytest.raises(ConfigError, match="Did you mean 'cvat'"):
        check_output("cavt", tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match="pyarrow"):
        check_output("parquet", tmp_path)


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ([(7, [70, 71]), (3, [30])], ([7, 3], [70, 71, 30])),
        ([(None, [None, None]), (None, [None])], ([1, 2], [1, 2, 3])),
        ([(None, [None, 5]), (7, [None]), (None, [2])], ([8, 7, 9], [6, 5, 7, 2])),
        ([(7, [1, 1]), (7, [1])], ([7, 8], [1, 2, 3])),
        ([(0, [0]), (-1, [-5]), (2**53, [2**70])], ([0, 1, 2], [0, 1, 2])),
    ],
)
def test_ids_of_the_owner_are_kept_where_they_are_unique_and_others_follow(given, ids, tmp_path, ring):
    images = []
    for number, (own, objects) in enumerate(given):
        made = image(tmp_path, f"{number}.png", [ring] * len(objects), (7, 9))
        numbered = tuple(replace(each, id=id_) for each, id_ in zip(made.objects, objects, strict=True))
        images.append(replace(made, id=own, objects=numbered))
    write("coco", images, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert ([each["id"] for each in content["images"]], [each["id"] for each in content["annotations"]]) == ids
    by_image = [each["image_id"] for each in content["annotations"]]
    assert by_image == [id_ for id_, (_, objects) in zip(ids[0], given, strict=True) for _ in objects]


@pytest.mark.parametrize("name", ["coco", "coco-polygons", "cvat", "label-studio", "voc", "yolo", "yolo-seg"])
def test_classes_without_objects_stay_in_the_class_list_in_their_order(name, tmp_path, ring):
    given = [image(tmp_path, "a.png", Masks([ring]).labeled("zebra"), (7, 9))]
    write(name, given, tmp_path / "out", classes=[Category("zebra", 5), "yak", Category("ant", 2)])
    text = "".join(path.read_text("utf-8") for path in (tmp_path / "out").rglob("*") if path.suffix in (".json", ".xml", ".yaml", ".txt"))
    lists = {"coco": '"categories"', "coco-polygons": '"categories"', "cvat": "<labels>", "voc": "color_rgb"}
    listed = text[text.rindex(lists.get(name, "BrushLabels name=" if name == "label-studio" else "names:")) :]
    assert listed.index("zebra") < listed.index("yak") < listed.index("ant")


@pytest.mark.parametrize("name", ["coco-polygons", "geojson", "labelme-polygons", "yolo-seg"])
def test_a_tolerance_leaves_tens_of_corners_and_its_loss_is_reported(name, tmp_path):
    y, x = np.ogrid[:220, :240]
    mask = Mask.from_array((x - 120) ** 2 + (y - 110) ** 2 <= 100**2)
    given = [image(tmp_path, "a.png", [mask], (220, 240))]
    sizes = []
    for options in ({}, {"tolerance": 1}, {"tolerance": "1"}):
        report = write(name, given, tmp_path / "out", **options)
        sizes.append(
            sum(len(path.read_bytes()) for path in (tmp_path / "out").rglob("a.*") if path.suffix in (".geojson", ".json", ".txt"))
        )
        if name == "coco-polygons":
            (ring,) = json.loads((tmp_path / "out" / "coco-polygons.json").read_text())["annotations"][0]["segmentation"]
            sizes[-1] = len(ring)
    assert sizes[0] > 5 * sizes[1] > 0
    assert sizes[1] == sizes[2]
    assert (report.changed, report.masks) == (1, 1)
    assert 0.97 < report.iou_min < 1
    (read,) = again(name, tmp_path)
    assert mask.iou(read.objects[0].mask) == pytest.approx(report.iou_min)


def test_images_that_were_copied_into_the_folder_itself_are_copied_again(tmp_path, ring):
    given = [image(tmp_path, "a.png", [ring], (7, 9))]
    write("yolo", given, tmp_path / "out", images="copy")
    copied = tmp_path / "out" / "yolo" / "images" / "a.png"
    content = copied.read_bytes()
    write("yolo", [replace(given[0], path=copied)], tmp_path / "out")
    assert copied.read_bytes() == content


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
        ("yolo-seg", {"tolerance": -1}, "tolerance is a number of at least 0, got -1"),
        ("geojson", {"tolerance": "fine"}, "tolerance is a number of at least 0, got 'fine'"),
        ("coco-polygons", {"tolerance": float("nan")}, "tolerance is a number of at least 0"),
        ("labelme-polygons", {"tolerance": True}, "tolerance is a number of at least 0"),
        ("coco", {"tolerance": 1}, "no option 'tolerance', it is one of coco-polygons"),
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
