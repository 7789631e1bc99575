"""Outputs that were corrected by hand, and runs that take the corrections in."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask, Prompt, annotate
from promptseg.annotation import corrections as corrections_module
from promptseg.annotation.corrected_output import CORRECTABLE
from promptseg.errors import ConfigError, InputError
from promptseg.testing import FakeSegmenter


@pytest.fixture
def run(image_folder, finder, tmp_path):
    """Annotates three images of two folders: ``run(formats, **settings)``."""
    root = image_folder("a/0.png", "b/0.png", "b/1.png")

    def annotated(*formats, **settings):
        return annotate(root, Prompt.text("dog", "cat"), pipeline=finder, out=tmp_path / "out", formats=formats, **settings)

    return annotated


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def coco_of(out, name):
    """The label, area and score of each object of an image in ``coco.json``."""
    content = json.loads((out / "coco.json").read_text())
    (number,) = (image["id"] for image in content["images"] if image["file_name"] == name)
    names = {each["id"]: each["name"] for each in content["categories"]}
    found = [each for each in content["annotations"] if each["image_id"] == number]
    return [(names[each["category_id"]], each["area"], each.get("score")) for each in found]


def move_first_box(content):
    """What an annotator does in LabelMe: the first shape becomes a rectangle elsewhere."""
    shape = {"label": "wolf", "shape_type": "rectangle", "points": [[10, 10], [30, 20]], "group_id": None, "flags": {}}
    content["shapes"][0] = shape


def test_a_corrected_labelme_file_is_kept_until_it_is_taken_in_and_every_format_follows_it(run, tmp_path, journal_of):
    out = tmp_path / "out"
    run("labelme", "coco")
    before = coco_of(out, "b/0.png")
    file = out / "labelme" / "b" / "0.json"
    edit(file, move_first_box)
    by_hand = file.read_bytes()
    done = run("labelme", "coco")
    assert file.read_bytes() == by_hand
    assert done.reports["labelme"].kept == ("b/0.json",)
    assert "what is kept may hold other objects than those counted here" in str(done)
    assert "--corrections labelme" in str(done)
    assert done.corrected == 0
    done = run("labelme", "coco", corrections="labelme")
    assert (done.taken_in.images, done.taken_in.problems, done.corrected, done.processed) == (1, (), 1, 0)
    assert file.read_bytes() == by_hand
    assert coco_of(out, "b/0.png") == [("wolf", 200, None), *before[1:]]
    record = journal_of(out)["b/0.png"]
    assert record["corrected"] == "labelme"
    assert [mask["score"] is None for mask in record["masks"]] == [True, False, False]
    done = run("labelme", "coco")
    assert done.reports["labelme"].kept == ()
    assert "--corrections" not in str(done)
    assert done.corrected == 1


@pytest.mark.parametrize("name", sorted(CORRECTABLE))
def test_an_output_that_nobody_changed_has_no_corrections(run, tmp_path, name):
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    run(name, "coco")
    before = (tmp_path / "out" / "coco.json").read_bytes()
    done = run(name, "coco", corrections=name)
    assert (done.taken_in.images, done.taken_in.problems, done.corrected) == (0, (), 0)
    assert (tmp_path / "out" / "coco.json").read_bytes() == before
    assert "has no corrections" in str(done)


@pytest.mark.parametrize("name", sorted(CORRECTABLE))
def test_corrections_in_any_format_are_taken_in_once(run, image_folder, tmp_path, name):
    """Another run's output, in which one object of one image is missing, stands for what an annotator left."""
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    from promptseg.annotation.corrected_output import open_output, output_path
    from promptseg.datasets.writing import write

    out, by_hand = tmp_path / "out", tmp_path / "by-hand"
    run(name, "coco")
    images = list(open_output(name, output_path(name, out), tmp_path / "images"))
    assert [len(image.objects) for image in images] == [3, 3, 3]
    object.__setattr__(images[1], "objects", images[1].objects[1:])
    write(name, images, by_hand)
    place = f"{name}={output_path(name, by_hand)}"
    done = run(name, "coco", corrections=place)
    assert (done.taken_in.images, done.corrected, done.taken_in.problems) == (1, 1, ())
    assert len(coco_of(out, "b/0.png")) == 2
    assert [len(coco_of(out, each)) for each in ("a/0.png", "b/1.png")] == [3, 3]
    assert run(name, "coco", corrections=place).taken_in.images == 0


def test_an_unchanged_object_of_a_format_that_is_not_exact_keeps_its_mask_and_its_score(run, tmp_path, journal_of):
    out = tmp_path / "out"
    options = {"labelme-polygons": {"tolerance": "3"}}
    run("labelme-polygons", "coco", options=options)
    before = journal_of(out)["a/0.png"]["masks"]
    edit(out / "labelme-polygons" / "a" / "0.json", lambda content: content["shapes"].pop())
    done = run("labelme-polygons", "coco", options=options, corrections="labelme-polygons")
    assert done.corrected == 1
    assert journal_of(out)["a/0.png"]["masks"] == before[:-1]


@pytest.mark.parametrize("name", ["labelme-polygons", "coco-polygons", "yolo-seg"])
@pytest.mark.parametrize("now", [{}, {"tolerance": 1}])
def test_corrections_of_an_output_are_found_when_its_options_are_others_now(run, tmp_path, journal_of, name, now):
    out = tmp_path / "out"
    run(name, options={name: {"tolerance": 3}})
    before = {image: record["masks"] for image, record in journal_of(out).items() if "masks" in record}
    if name == "labelme-polygons":
        edit(out / name / "a" / "0.json", lambda content: content["shapes"].pop())
    elif name == "yolo-seg":
        file = out / name / "labels" / "a" / "0.txt"
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    else:
        edit(out / "coco-polygons.json", lambda content: content["annotations"].pop(2))
    run(name, options={name: now})
    done = run(name, options={name: now}, corrections=name)
    assert (done.taken_in.images, done.corrected) == (1, 1)
    after = {image: record["masks"] for image, record in journal_of(out).items() if "masks" in record}
    assert after == {**before, "a/0.png": before["a/0.png"][:-1]}


def test_an_object_that_was_split_is_named_when_the_options_are_others_now(run, tmp_path):
    name, by_hand = "labelme-polygons", tmp_path / "by-hand" / "a" / "0.json"
    run(name, options={name: {"tolerance": 3}})
    notched = [[10, 30], [30, 30], [30, 38], [28, 40], [30, 42], [30, 50], [10, 50]]
    shapes = [{"label": "cat", "group_id": 1, "shape_type": "polygon", "points": [[x + right, y] for x, y in notched]} for right in (0, 40)]
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text(json.dumps({"imagePath": "0.png", "shapes": shapes, "imageHeight": 60, "imageWidth": 80}))
    assert run(name, options={name: {"tolerance": 3}}, corrections=f"labelme={tmp_path / 'by-hand'}").taken_in.images == 1
    edit(tmp_path / "out" / name / "a" / "0.json", lambda content: content["shapes"][1].update(label="fox"))
    (note,) = run(name, corrections=name).taken_in.notes
    assert "its parts have the labels cat, fox" in note


def test_a_damaged_record_of_options_is_as_none(run, tmp_path):
    name = "labelme-polygons"
    run(name, options={name: {"tolerance": 3}})
    place = tmp_path / "out" / ".format-options.json"
    assert json.loads(place.read_text()) == {name: [{"tolerance": 3}]}
    for content in ("{", "[]", '{"labelme-polygons": 3}', '{"labelme-polygons": [3, {"tolerance": "x"}, {"other": 1}]}'):
        place.write_text(content)
        done = run(name, options={name: {"tolerance": 3}}, corrections=name)
        assert (done.corrected, done.taken_in.problems) == (0, ())


def test_another_label_alone_keeps_mask_and_score(run, tmp_path, journal_of):
    out = tmp_path / "out"
    run("labelme")
    before = journal_of(out)["a/0.png"]["masks"]
    edit(out / "labelme" / "a" / "0.json", lambda content: content["shapes"][0].update(label="fox"))
    run("labelme", corrections="labelme")
    assert journal_of(out)["a/0.png"]["masks"] == [{**before[0], "label": "fox"}, *before[1:]]


def test_an_image_of_which_all_objects_were_deleted_is_decided(run, tmp_path):
    run("labelme", "coco")
    edit(tmp_path / "out" / "labelme" / "a" / "0.json", lambda content: content["shapes"].clear())
    done = run("labelme", "coco", corrections="labelme", retry_failed=True)
    assert (done.corrected, done.empty, done.processed) == (1, 1, 0)
    assert coco_of(tmp_path / "out", "a/0.png") == []


def test_corrected_images_are_never_segmented_again(run, tmp_path, add_model):
    run("labelme")
    edit(tmp_path / "out" / "labelme" / "a" / "0.json", move_first_box)
    run("labelme", corrections="labelme")
    Image.new("RGB", (80, 60), "red").save(tmp_path / "images" / "a" / "0.png")
    add_model("fake", "segmenter", lambda _: pytest.fail("a model was loaded"))
    done = run("labelme", retry_failed=True)
    assert (done.changed, done.changed_corrected, done.corrected) == ((), ("a/0.png",), 1)
    assert "a/0.png" in str(done)


def test_an_image_that_failed_and_was_annotated_by_hand_is_decided(image_folder, add_model, pipeline, tmp_path):
    class Failing(FakeSegmenter):
        def open(self, image):
            if np.asarray(image)[0, 0, 0] == 7:
                raise RuntimeError("no red")
            return super().open(image)

    add_model("fake", "segmenter", lambda _: Failing())
    root = image_folder("0.png", "1.png")
    Image.new("RGB", (80, 60), (7, 0, 0)).save(root / "1.png")
    settings = {"pipeline": pipeline, "out": tmp_path / "out", "formats": ["labelme", "coco"]}
    assert annotate(root, Prompt.box(5, 5, 35, 25), **settings).failures == 1
    shape = {"label": "cat", "shape_type": "rectangle", "points": [[1, 1], [9, 9]]}
    (tmp_path / "out" / "labelme" / "1.json").write_text(json.dumps({"imagePath": "../../images/1.png", "shapes": [shape]}))
    done = annotate(root, Prompt.box(5, 5, 35, 25), corrections="labelme", **settings)
    assert (done.failures, done.corrected, done.images) == (0, 1, 2)
    assert coco_of(tmp_path / "out", "1.png") == [("cat", 64, None)]


def test_a_file_that_cannot_be_read_is_named_kept_and_not_taken_in(run, tmp_path):
    run("labelme", "coco")
    before = coco_of(tmp_path / "out", "a/0.png")
    file = tmp_path / "out" / "labelme" / "a" / "0.json"
    edit(file, lambda content: content["shapes"][1].update(shape_type="mask", mask="no mask"))
    by_hand = file.read_bytes()
    done = run("labelme", "coco", corrections="labelme")
    assert (done.taken_in.images, done.taken_in.complete) == (0, False)
    (problem,) = done.taken_in.problems
    assert "a/0.png" in problem
    assert file.read_bytes() == by_hand
    assert coco_of(tmp_path / "out", "a/0.png") == before


def test_a_single_file_is_written_again_with_the_corrections_and_the_users_stays_beside_it(run, image_folder, tmp_path):
    out = tmp_path / "out"
    run("coco", "cvat", limit=2)
    edit(out / "coco.json", lambda content: content["annotations"].pop(0))
    by_hand = (out / "coco.json").read_bytes()
    done = run("coco", "cvat", corrections="coco")
    assert (done.corrected, done.images) == (1, 3)
    assert [len(coco_of(out, name)) for name in ("a/0.png", "b/0.png", "b/1.png")] == [2, 3, 3]
    assert (out / "coco.by-hand-1.json").read_bytes() == by_hand
    assert (out / "cvat.xml").read_text().count("<mask ") == 8


def test_a_mask_that_was_moved_a_little_keeps_the_id_of_its_object(image_folder, pipeline, tmp_path):
    root = image_folder("a.png")
    boxes = [{"id": 900, "image_id": 1, "bbox": [10, 10, 30, 20]}, {"id": 77, "image_id": 1, "bbox": [50, 30, 20, 20]}]
    (tmp_path / "c.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "a.png"}], "annotations": boxes}))
    settings = {"pipeline": pipeline, "images": root, "out": tmp_path / "out", "formats": ["labelme", "coco"]}
    annotate(tmp_path / "c.json", **settings)

    def change(content):
        new = {"label": "object", "shape_type": "rectangle", "points": [[1, 1], [5, 5]]}
        moved = {"label": "object", "shape_type": "rectangle", "points": [[11, 10], [40, 30]]}
        content["shapes"] = [new, moved, content["shapes"][1]]

    edit(tmp_path / "out" / "labelme" / "a.json", change)
    annotate(tmp_path / "c.json", corrections="labelme", **settings)
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    ids = {each["area"]: each["id"] for each in content["annotations"]}
    assert (ids[580], ids[400]) == (900, 77)
    assert ids[16] not in (900, 77)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("moment", [0, 1, 2])
def test_a_run_that_is_killed_while_it_takes_corrections_in_goes_on(run, tmp_path, monkeypatch, moment):
    out = tmp_path / "out"
    run("labelme", "coco")
    files = sorted((out / "labelme").rglob("*.json"))
    for file in files:
        edit(file, move_first_box)
    by_hand = [file.read_bytes() for file in files]
    child = os.fork()
    if child == 0:
        saved = []
        save = corrections_module._save

        def killed(*arguments):
            if len(saved) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            saved.append(save(*arguments))

        monkeypatch.setattr(corrections_module, "_save", killed)
        run("labelme", "coco", corrections="labelme")
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert [file.read_bytes() for file in files] == by_hand
    done = run("labelme", "coco", corrections="labelme")
    assert (done.corrected, done.taken_in.images) == (3, 3 - moment)
    assert [file.read_bytes() for file in files] == by_hand
    assert not list(out.glob(".*.tmp"))
    assert [coco_of(out, name)[0] for name in ("a/0.png", "b/0.png", "b/1.png")] == [("wolf", 200, None)] * 3


def test_the_thumbnail_of_a_corrected_image_shows_the_correction(run, tmp_path):
    def thumbnails():
        return {path.name: path.read_bytes() for path in (tmp_path / "out" / "gallery" / "thumbnails").rglob("*.jpg")}

    run("labelme")
    before = thumbnails()
    edit(tmp_path / "out" / "labelme" / "a" / "0.json", move_first_box)
    run("labelme", corrections="labelme")
    assert sum(content != before[name] for name, content in thumbnails().items()) == 1


@pytest.mark.parametrize(
    ("corrections", "error", "message"),
    [
        ("yolo", ConfigError, "corrections are FORMAT or FORMAT=PATH, with a format of .*labelme"),
        ("labelmi", ConfigError, "labelme"),
        ("labelme=", ConfigError, "FORMAT=PATH"),
        ("voc", InputError, "no .*voc to take corrections from: .* the path of your file as voc=PATH"),
        ("cvat=nowhere.xml", InputError, "no nowhere.xml to take corrections from: give the path"),
    ],
)
def test_corrections_that_are_not_there_are_refused_before_any_model_is_loaded(run, add_model, corrections, error, message):
    add_model("fake", "segmenter", lambda _: pytest.fail("a model was loaded"))
    with pytest.raises(error, match=message):
        run("labelme", corrections=corrections)


def test_masks_are_read_with_the_names_of_the_source_wherever_its_images_are(image_folder, finder, tmp_path):
    """A list of images in several folders: no folder holds them all under their names."""
    one, other = image_folder("0.png", folder="one"), image_folder("1.png", folder="other")
    settings = {"pipeline": finder, "out": tmp_path / "out", "formats": ["cvat", "coco"]}
    annotate([one / "0.png", other / "1.png"], **settings)
    text = (tmp_path / "out" / "cvat.xml").read_text()
    (tmp_path / "out" / "cvat.xml").write_text(text.replace('label="dog"', 'label="wolf"'))
    done = annotate([one / "0.png", other / "1.png"], corrections="cvat", **settings)
    assert (done.corrected, done.classes) == (2, {"cat": 4, "wolf": 2})


def test_corrections_are_taken_in_beside_an_image_that_is_gone(run, tmp_path):
    run("geojson", "coco")
    (tmp_path / "images" / "b" / "0.png").unlink()
    edit(tmp_path / "out" / "geojson" / "a" / "0.geojson", lambda content: content["features"].pop())
    done = run("geojson", "coco", corrections="geojson")
    assert (done.gone, done.corrected, done.images) == (("b/0.png",), 1, 2)
    assert len(coco_of(tmp_path / "out", "a/0.png")) == 2
    assert not (tmp_path / "out" / "geojson" / "b" / "0.geojson").exists()


def test_the_masks_of_corrections_are_checked_like_all_others(run, tmp_path):
    run("labelme")
    edit(tmp_path / "out" / "labelme" / "a" / "0.json", move_first_box)
    run("labelme", corrections="labelme")
    lines = [json.loads(line) for line in (tmp_path / "out" / "journal.jsonl").read_text().splitlines()]
    (record,) = [line for line in lines if "corrected" in line]
    assert Mask.from_coco_rle({"size": record["size"], "counts": record["masks"][0]["counts"]}).area == 200
    assert Path(record["path"]).is_file()


def boxes_of_cvat(text):
    """What an annotator does in CVAT: the first mask of ``a/0.png`` is drawn again as a box."""
    start = text.index("<mask ")
    end = text.index("</mask>", start) + len("</mask>") if "</mask>" in text else text.index("/>", start) + 2
    return text[:start] + '<box label="wolf" xtl="10" ytl="10" xbr="30" ybr="20" occluded="0"/>' + text[end:]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"shape_type": "point", "points": [[5, 5]]}, "a point has no area"),
        ({"shape_type": "line", "points": [[5, 5], [20, 20]]}, "a line has no area"),
        ({"shape_type": "polygon", "points": [[5, 5], [5, 5], [5, 5]]}, "no pixels"),
        ({"shape_type": "polygon", "points": "none"}, "cannot be read"),
    ],
)
def test_an_image_with_an_object_that_cannot_be_used_is_named_and_not_taken_in(run, tmp_path, shape, reason):
    run("labelme", "coco")
    before = coco_of(tmp_path / "out", "a/0.png")
    file = tmp_path / "out" / "labelme" / "a" / "0.json"
    edit(file, lambda content: content["shapes"].append({"label": "wolf", **shape}))
    by_hand = file.read_bytes()
    for _ in range(2):
        done = run("labelme", "coco", corrections="labelme")
        (problem,) = done.taken_in.problems
        assert problem.startswith("a/0.png#3: ")
        assert reason in problem
        assert problem in str(done)
        assert (done.taken_in.images, done.corrected, done.reports["labelme"].kept) == (0, 0, ("a/0.json",))
        assert file.read_bytes() == by_hand
        assert coco_of(tmp_path / "out", "a/0.png") == before
    edit(file, lambda content: content["shapes"].pop())
    assert run("labelme", "coco", corrections="labelme").taken_in.complete


def test_drawn_boxes_are_named_and_read_as_filled_boxes_when_asked(run, tmp_path):
    run("cvat", "coco")
    export = tmp_path / "export.xml"
    export.write_text(boxes_of_cvat((tmp_path / "out" / "cvat.xml").read_text()))
    done = run("cvat", "coco", corrections=f"cvat={export}")
    (problem,) = done.taken_in.problems
    assert "a box is not a mask: read it with boxes=True (--boxes)" in problem
    assert done.corrected == 0
    done = run("cvat", "coco", corrections=f"cvat={export}", boxes=True)
    assert (done.corrected, done.taken_in.problems) == (1, ())
    assert ("wolf", 200, None) in coco_of(tmp_path / "out", "a/0.png")
    with pytest.raises(ConfigError, match="the format labelme has no option boxes"):
        run("labelme", corrections="labelme", boxes=True)
    with pytest.raises(ConfigError, match=r"boxes .* is about corrections"):
        run("labelme", boxes=True)


def test_a_crowd_is_no_object_and_keeps_its_image_from_being_taken_in(run, tmp_path):
    run("coco")
    edit(tmp_path / "out" / "coco.json", lambda content: content["annotations"][0].update(iscrowd=1))
    done = run("coco", corrections="coco")
    assert (done.taken_in.images, len(done.taken_in.problems)) == (0, 1)
    assert "1 region to ignore" in done.taken_in.problems[0]


@pytest.mark.parametrize("name", ["labelme-polygons", "coco-polygons", "yolo-seg", "voc"])
def test_what_a_format_cannot_hold_of_the_models_masks_is_no_finding(image_folder, add_model, pipeline, tmp_path, name):
    """A mask of one pixel has no outline, and one below others has no pixels in a label image."""
    root = image_folder("a.png")
    boxes = [Prompt.box(5, 5, 6, 6), Prompt.box(20, 20, 40, 40), Prompt.box(10, 10, 60, 50)]
    settings = {"pipeline": pipeline, "out": tmp_path / "out", "formats": [name]}
    annotate(root, *boxes, **settings)
    done = annotate(root, *boxes, corrections=name, **settings)
    assert (done.taken_in.problems, done.corrected) == ((), 0)


@pytest.mark.parametrize("part", ["mask", "file"])
def test_only_the_files_that_were_not_taken_in_are_reported(run, tmp_path, part):
    run("labelme", "coco")
    files = {name: tmp_path / "out" / "labelme" / name for name in ("a/0.json", "b/0.json", "b/1.json")}
    for file in files.values():
        edit(file, move_first_box)
    good = files["b/0.json"].read_bytes()
    if part == "file":
        files["b/0.json"].write_bytes(good[:-20])
    else:
        edit(files["b/0.json"], lambda content: content["shapes"][1].update(shape_type="mask", mask="no mask"))
    done = run("labelme", "coco", corrections="labelme")
    assert (done.taken_in.images, len(done.taken_in.problems)) == (2, 1)
    assert done.reports["labelme"].kept == ("b/0.json",)
    assert run("labelme", "coco").reports["labelme"].kept == ("b/0.json",)
    files["b/0.json"].write_bytes(good)
    done = run("labelme", "coco", corrections="labelme")
    assert (done.corrected, done.taken_in.complete, done.reports["labelme"].kept) == (3, True, ())


@pytest.mark.parametrize("loss", ["line", "journal"])
def test_corrections_that_the_journal_lost_are_named_until_they_are_taken_in_again(run, tmp_path, loss):
    run("labelme", "coco")
    file, journal = tmp_path / "out" / "labelme" / "a" / "0.json", tmp_path / "out" / "journal.jsonl"
    edit(file, move_first_box)
    by_hand = file.read_bytes()
    run("labelme", "coco", corrections="labelme")
    if loss == "journal":
        journal.unlink()
    else:
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(line.replace(b'"a/0.png"', b'"a/0.pnx"') for line in lines))
    done = run("labelme", "coco")
    assert done.lost == {"labelme": ("labelme/a/0.json",)}
    assert "1 file with corrections that the journal has lost: labelme/a/0.json" in str(done)
    assert "--corrections labelme" in str(done)
    assert ("of the journal damaged; the images without a record were annotated now" in str(done)) == (loss == "line")
    assert file.read_bytes() == by_hand
    again = run("labelme", "coco")
    assert again.reports["labelme"].kept == ("a/0.json",)
    assert "damaged" not in str(again)
    done = run("labelme", "coco", corrections="labelme")
    assert (done.corrected, done.lost) == (1, {})
    assert ("wolf", 200, None) in coco_of(tmp_path / "out", "a/0.png")


def test_lost_corrections_that_are_taken_in_at_once_are_not_named(run, tmp_path):
    run("labelme", "coco")
    edit(tmp_path / "out" / "labelme" / "a" / "0.json", move_first_box)
    run("labelme", "coco", corrections="labelme")
    (tmp_path / "out" / "journal.jsonl").unlink()
    done = run("labelme", "coco", corrections="labelme")
    assert (done.lost, done.processed, done.reports["labelme"].kept) == ({}, 0, ())
    assert ("wolf", 200, None) in coco_of(tmp_path / "out", "a/0.png")


def test_the_copy_of_a_corrected_file_is_named_when_the_journal_is_lost(run, tmp_path):
    run("coco")
    edit(tmp_path / "out" / "coco.json", lambda content: content["annotations"].pop(0))
    run("coco", corrections="coco")
    (tmp_path / "out" / "journal.jsonl").unlink()
    done = run("coco")
    assert done.lost == {"coco": ("coco.by-hand-1.json",)}
    place = f"coco={tmp_path / 'out' / 'coco.by-hand-1.json'}"
    assert f"--corrections {place}" in str(done)
    assert run("coco", corrections=place).corrected == 1


def test_an_object_of_which_one_part_was_renamed_is_named(run, tmp_path):
    run("labelme")
    file = tmp_path / "out" / "labelme" / "a" / "0.json"

    def two_parts(content):
        parts = [[[10, 40], [20, 50]], [[60, 50], [70, 58]]]
        content["shapes"] = [{"label": "cat", "group_id": 1, "shape_type": "rectangle", "points": points} for points in parts]

    edit(file, two_parts)
    assert run("labelme", corrections="labelme").taken_in.notes == ()
    edit(file, lambda content: content["shapes"][1].update(label="fox"))
    done = run("labelme", corrections="labelme")
    (note,) = done.taken_in.notes
    assert note.startswith("a/0.png: an object of the label cat is 2 objects now, because its parts have the labels cat, fox")
    assert note in str(done)


def test_a_file_of_no_image_of_the_source_is_named(run, tmp_path):
    run("labelme")
    file = tmp_path / "out" / "labelme" / "a" / "0.json"
    (file.parent / "x.json").write_text(file.read_text().replace("0.png", "x.png"))
    done = run("labelme", corrections="labelme")
    assert (done.taken_in.problems, len(done.taken_in.notes)) == ((), 1)
    assert "a/x.json" in str(done)


@pytest.mark.parametrize("shape", ['points label="cat" points="5,5"', 'polyline label="cat" points="5,5;9,9"', 'cuboid label="cat"'])
def test_a_shape_of_cvat_that_is_no_mask_is_named(run, tmp_path, shape):
    run("cvat", "coco")
    file = tmp_path / "out" / "cvat.xml"
    file.write_text(file.read_text().replace("</image>", f"<{shape}/></image>", 1))
    by_hand = file.read_bytes()
    done = run("cvat", "coco", corrections="cvat")
    assert [problem.partition(":")[2] for problem in done.taken_in.problems] == [f" a {shape.split()[0]} is not a mask"]
    assert (done.corrected, done.reports["cvat"].kept, file.read_bytes()) == (0, ("cvat.xml",), by_hand)


def test_a_key_point_of_label_studio_is_named(run, tmp_path):
    run("label-studio", "coco")
    value = {"x": 5, "y": 5, "width": 1, "keypointlabels": ["cat"]}
    point = {
        "id": "k",
        "type": "keypointlabels",
        "from_name": "p",
        "to_name": "image",
        "original_width": 80,
        "original_height": 60,
        "value": value,
    }

    def add(content):
        task = content[0]
        (task.get("annotations") or task["predictions"])[0]["result"].append(point)

    edit(tmp_path / "out" / "label-studio.json", add)
    done = run("label-studio", "coco", corrections="label-studio")
    assert (len(done.taken_in.problems), done.corrected) == (1, 0)


def test_only_the_text_file_of_yolo_that_was_not_taken_in_is_reported(run, tmp_path):
    run("yolo-seg", "coco")
    folder = tmp_path / "out" / "yolo-seg" / "labels"
    for name in ("a/0.txt", "b/0.txt"):
        (folder / name).write_text("".join((folder / name).read_text().splitlines(keepends=True)[1:]))
    with (folder / "b" / "0.txt").open("a") as file:
        file.write("0 0.5 0.5 0.2 0.2\n")
    done = run("yolo-seg", "coco", corrections="yolo-seg")
    assert (done.corrected, len(done.taken_in.problems)) == (1, 1)
    assert done.reports["yolo-seg"].kept == ("labels/b/0.txt",)
    assert run("yolo-seg", "coco", corrections="yolo-seg", boxes=True).corrected == 2
