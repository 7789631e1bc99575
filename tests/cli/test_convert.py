import json
from importlib.util import find_spec

import numpy as np
import pytest
import yaml
from PIL import Image


@pytest.fixture
def data(tmp_path):
    """Two images, of which one has a mask."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        Image.new("RGB", (8, 6)).save(tmp_path / "images" / f"{name}.png")
    pixels = np.zeros((6, 8), np.uint8)
    pixels[1:3, 2:4] = 255
    Image.fromarray(pixels).save(tmp_path / "masks" / "a.png")
    return tmp_path


SOURCE = ("--images", "images", "--from", "masks=masks")


def test_annotations_are_written_in_each_format_with_a_report(run, data):
    done = run("convert", *SOURCE, "--format", "coco, yolo-seg", "--out", "out")
    assert "coco: 1 mask on 1 image in out/coco.json (1 file)" in done.stdout
    assert "yolo-seg: 1 mask on 1 image" in done.stdout
    assert (data / "out" / "yolo-seg" / "labels" / "a.txt").is_file()
    # The image without a mask is named, once.
    assert done.exit_code == 1
    assert done.stderr.count("there is no mask b.*") == 1


def test_what_was_converted_can_be_converted_again_and_evaluated(run, data):
    (data / "images" / "b.png").unlink()
    first = run("convert", *SOURCE, "--format", "cvat", "--out", "out")
    source = ("--images", "images", "--from", "cvat=out/cvat.xml")
    again = run("convert", *source, "--format", "coco", "--out", "out", "--classes", "a,b", "--json")
    assert (first.exit_code, again.exit_code, first.stderr, again.stderr) == (0, 0, "", "")
    ((report),) = json.loads(again.stdout)
    assert (report["format"], report["masks"], report["iou_min"]) == ("coco", 1, 1)
    assert [each["name"] for each in json.loads((data / "out" / "coco.json").read_text())["categories"]] == ["a", "b", "object"]
    summary = run("evaluate", "--images", "images", "--truth", "cvat=out/cvat.xml", "--summary")
    assert "1 image, 1 object" in summary.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("convert", *SOURCE, "--format", "coc", "--out", "out"), "--format takes coco, coco-polygons"),
        (("convert", "--images", "images", "--from", "masks", "--format", "coco", "--out", "out"), "annotations are FORMAT=PATH"),
        (("convert", "--images", "images", "--from", "mask=masks", "--format", "coco", "--out", "out"), "Did you mean 'masks'"),
        (("convert", *SOURCE, "--format", "coco", "--out", "out", "--format-option", "coco"), "--format-option takes FORMAT.OPTION=VALUE"),
        (
            ("convert", *SOURCE, "--format", "coco", "--out", "out", "--format-option", "yolo.images=copy"),
            "given for yolo, which is not written",
        ),
        (("convert", *SOURCE, "--format", "coco", "--out", "out", "--format-option", "coco.tolerance=1"), "no option 'tolerance'"),
        (("convert", *SOURCE, "--format", "geojson", "--out", "out", "--format-option", "geojson.tolerance=x"), "tolerance is a number"),
        (("evaluate", "--images", "images", "--masks", "masks", "--truth", "masks=masks"), "--truth replaces --masks"),
    ],
)
def test_wrong_usage_is_said(run, data, words, message):
    done = run(*words)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())


@pytest.fixture
def splits(data):
    """A dataset of four classes in two COCO files, each with objects of other classes."""
    categories = [{"id": number, "name": name} for number, name in ((1, "person"), (44, "bottle"), (90, "brush"), (95, "bear"))]
    for split, image, numbers in (("train", "a", [90, 1]), ("val", "b", [44])):
        annotations = [
            {"id": 10 * number, "image_id": 139, "category_id": number, "segmentation": [[1, 1, 4, 1, 4, 4, 1, 4]], "iscrowd": 0}
            for number in numbers
        ]
        content = {"images": [{"id": 139, "file_name": f"{image}.png", "width": 8, "height": 6}], "annotations": annotations}
        (data / f"{split}.json").write_text(json.dumps({**content, "categories": categories}))
    return data


def converted(run, folder, split, *words):
    done = run("convert", "--images", "images", "--from", f"coco={split}.json", "--format", "coco,yolo", "--out", split, *words)
    assert (done.exit_code, done.stderr) == (0, "")
    content = json.loads((folder / split / "coco.json").read_text())
    classes = yaml.safe_load((folder / split / "yolo" / "data.yaml").read_text())["names"]
    return content, classes


def test_train_and_val_of_a_dataset_keep_the_ids_of_their_owner(run, splits):
    for split, used in (("train", [90, 1]), ("val", [44])):
        content, classes = converted(run, splits, split)
        assert [image["id"] for image in content["images"]] == [139]
        assert [(each["id"], each["image_id"], each["category_id"]) for each in content["annotations"]] == [(10 * n, 139, n) for n in used]
        assert [each["id"] for each in content["categories"]] == [1, 44, 90, 95]
        assert classes == {0: "person", 1: "bottle", 2: "brush", 3: "bear"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("classes.txt", "\ufeffbear\n\nbrush\nbottle\nperson\nyak\n"),
        ("data.yaml", "names: [bear, brush, bottle, person, yak]\n"),
        (None, "bear, brush, bottle, person, yak"),
    ],
)
def test_classes_of_a_file_or_of_words_fix_the_numbers_of_any_output(run, splits, name, content):
    if name is not None:
        (splits / name).write_text(content, "utf-8")
    for split in ("train", "val"):
        _, classes = converted(run, splits, split, "--classes", name or content)
        assert classes == {0: "bear", 1: "brush", 2: "bottle", 3: "person", 4: "yak"}


def test_a_list_of_classes_that_is_not_there_is_no_class(run, splits):
    done = run("convert", "--images", "images", "--from", "coco=val.json", "--format", "coco", "--out", "out", "--classes", "gone.txt")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "cannot read gone.txt" in done.stderr
    assert not (splits / "out").exists()


def test_options_of_a_format_are_passed_to_it(run, splits):
    words = ("--format", "geojson,yolo", "--format-option", "yolo.images=none", "--format-option", "geojson.tolerance=0.5")
    done = run("convert", "--images", "images", "--from", "coco=val.json", *words, "--out", "out")
    assert (done.exit_code, done.stderr) == (0, "")
    assert not (splits / "out" / "yolo" / "images").exists()


def test_files_changed_by_hand_are_kept_and_files_of_others_are_refused_before_anything_is_written(run, splits):
    converted(run, splits, "val")
    (splits / "val" / "yolo" / "labels" / "b.txt").write_text("by hand")
    done = run("convert", "--images", "images", "--from", "coco=val.json", "--format", "coco,yolo", "--out", "val")
    assert "1 file was changed by hand and is kept: labels/b.txt" in done.stdout
    assert (splits / "val" / "yolo" / "labels" / "b.txt").read_text() == "by hand"
    (splits / "out").mkdir()
    (splits / "out" / "cvat.xml").write_text("mine")
    done = run("convert", "--images", "images", "--from", "coco=val.json", "--format", "coco,cvat", "--out", "out")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "out/cvat.xml exists, and promptseg did not write it" in done.stderr
    assert [each.name for each in (splits / "out").iterdir()] == ["cvat.xml"]


def test_a_wrong_folder_of_images_is_refused_and_an_earlier_result_stays(run, splits):
    converted(run, splits, "val")
    before = (splits / "val" / "coco.json").read_bytes()
    (splits / "empty").mkdir()
    (splits / "other").mkdir()
    Image.new("RGB", (8, 6)).save(splits / "other" / "c.png")
    (splits / "masks" / "b.png").write_bytes((splits / "masks" / "a.png").read_bytes())
    for source, words, message in (
        ("coco=val.json", ("--images", "nothere"), "nothere is not a folder"),
        ("masks=masks", ("--images", "nothere"), "nothere"),
        (
            "coco=val.json",
            ("--images", "empty"),
            "the folder empty does not have the image that val.json names: --images names their folder",
        ),
        ("mask-folders=masks", ("--images", "images"), ""),
        ("yolo=val/yolo/labels", ("--boxes", "--images", "other"), "other does not have the image that val/yolo/labels names"),
    ):
        done = run("convert", *words, "--from", source, "--format", "coco,cvat", "--out", "val")
        assert (done.exit_code, done.stdout) == (1, "")
        assert message in done.stderr
        assert (splits / "val" / "coco.json").read_bytes() == before
        assert not (splits / "val" / "cvat.xml").exists()


def _damage_image(folder):
    (folder / "images" / "b.png").write_bytes(b"no image")


def _drop_object(folder):
    content = json.loads((folder / "val.json").read_text())
    content["annotations"][0]["segmentation"] = [[1, 1, "x", 2]]
    (folder / "val.json").write_text(json.dumps(content))


@pytest.mark.parametrize(("damage", "reason"), [(_damage_image, "b.png: "), (_drop_object, "b.png#")])
def test_a_conversion_of_which_nothing_can_be_read_leaves_an_earlier_result_as_it_was(run, splits, damage, reason):
    formats = "coco,labelme,yolo-seg,cvat" + (",parquet" if find_spec("pyarrow") else "")
    words = ("--images", "images", "--from", "coco=val.json", "--format", formats, "--out", "val")
    assert run("convert", *words).exit_code == 0

    def written():
        return {path: path.is_symlink() or path.read_bytes() for path in (splits / "val").rglob("*") if path.is_file()}

    before = written()
    damage(splits)
    done = run("convert", *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no object of val.json can be read, so nothing is written" in done.stderr
    assert f"\n  {reason}" in done.stderr
    assert written() == before


def test_images_without_objects_are_converted(run, splits):
    content = json.loads((splits / "val.json").read_text())
    (splits / "none.json").write_text(json.dumps({**content, "annotations": []}))
    done = run("convert", "--images", "images", "--from", "coco=none.json", "--format", "coco", "--out", "out")
    assert "coco: 0 masks on 1 image" in done.stdout
    assert done.exit_code == 0


def test_the_images_that_a_folder_does_not_have_are_counted(run, splits):
    content = json.loads((splits / "val.json").read_text())
    content["images"] = [{**content["images"][0], "id": number, "file_name": f"{number}.png"} for number in range(18)]
    content["annotations"][0]["image_id"] = 0
    (splits / "many.json").write_text(json.dumps(content))
    done = run("convert", "--images", "images", "--from", "coco=many.json", "--format", "coco", "--out", "out")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "images has none of the 18 images that many.json names: --images names their folder" in done.stderr
    assert not (splits / "out").exists()


@pytest.mark.parametrize(
    ("source", "name", "out", "message"),
    [
        ("labelme=first/labelme-polygons", "labelme-polygons", "first", "it is the input first/labelme-polygons"),
        ("labelme=first/labelme-polygons", "labelme-polygons", "link", "it is the input first/labelme-polygons"),
        ("labelme=first/labelme-polygons", "labelme", "first/labelme-polygons", "it lies in the input"),
        ("coco=first/coco.json", "coco", "first", "it is the input first/coco.json"),
        ("coco=linked.json", "coco", "first", "it is the input linked.json"),
        ("yolo=first/yolo-seg/data.yaml", "yolo-seg", "first", "in it lies the input"),
        ("masks=masks", "masks", ".", "it is the input masks"),
    ],
)
def test_an_output_that_would_replace_its_input_is_refused(run, data, source, name, out, message):
    (data / "images" / "b.png").unlink()
    assert run("convert", *SOURCE, "--format", "labelme-polygons,coco,yolo-seg", "--out", "first").exit_code == 0
    (data / "link").symlink_to("first")
    (data / "linked.json").symlink_to("first/coco.json")
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    done = run("convert", "--images", "images", "--from", source, "--format", f"cvat,{name}", "--out", out)
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_the_images_are_no_output(run, data):
    (data / "link").symlink_to("images")
    for out in ("images", "link"):
        done = run("convert", *SOURCE, "--format", "coco", "--out", out)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "it is the folder of the images" in done.stderr
    (data / "images").rename(data / "yolo")
    done = run("convert", "--images", "yolo", "--from", "masks=masks", "--format", "yolo", "--out", ".")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "in it lie the images yolo" in done.stderr
    # The output may lie in a folder of images.
    assert "coco: 1 mask on" in run("convert", "--images", "yolo", "--from", "masks=masks", "--format", "coco", "--out", "yolo/out").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "masks=masks", "--format", "COCO"), "got COCO. Did you mean 'coco'?"),
        (("--from", "ann.json", "--format", "coco"), "Did you mean 'coco=ann.json'?"),
        (("--from", "a/ann.XML", "--format", "coco"), "Did you mean 'cvat=a/ann.XML'?"),
        (("--from", "COCO=ann.json", "--format", "coco"), "Did you mean 'coco'?"),
        (
            ("--from", "masks=masks", "--format", "geojson", "--format-option", "geojson.tolerance=abc"),
            "geojson.tolerance is a number of at least 0, got 'abc'",
        ),
    ],
)
def test_what_was_probably_meant_is_said(run, data, words, message):
    done = run("convert", "--images", "images", *words, "--out", "out")
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (data / "out").exists()


def test_a_file_is_no_voc_folder_and_a_damaged_record_does_not_ask_to_remove_files(run, splits):
    done = run("convert", "--images", "images", "--from", "voc=val.json", "--format", "coco", "--out", "val")
    assert done.exit_code == 1
    assert "val.json is not a VOC folder: expected a folder with the folders Annotations and SegmentationObject" in done.stderr
    converted(run, splits, "val")
    (splits / "val" / ".promptseg.json").write_text("{")
    done = run("convert", "--images", "images", "--from", "coco=val.json", "--format", "coco", "--out", "val")
    assert done.exit_code == 1
    assert "its record in .promptseg.json is gone or damaged: move it away" in done.stderr


@pytest.mark.parametrize(("words", "objects"), [((), 0), (("--boxes",), 1)])
def test_objects_with_only_a_box_are_read_where_that_is_asked_for(words, objects, run, data):
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 3], "area": 12, "iscrowd": 0}
    images = [{"id": 1, "file_name": "a.png", "width": 8, "height": 6}]
    truth = {"images": images, "annotations": [annotation], "categories": [{"id": 1, "name": "cat"}]}
    (data / "truth.json").write_text(json.dumps(truth))
    run("convert", "--images", "images", "--from", "coco=truth.json", "--format", "coco", "--out", "out", *words)
    assert len(json.loads((data / "out" / "coco.json").read_text())["annotations"]) == objects
