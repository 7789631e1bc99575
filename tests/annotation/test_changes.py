"""Sources that changed between two runs, journals that were damaged between them, and prompts that cannot be used."""

import json
import random
import shutil

import pytest
from PIL import Image

from promptseg import Mask, Prompt, annotate
from promptseg.annotation.differences import differences
from promptseg.errors import ConfigError, InputError, OutputError, PromptSegError

BOX = Prompt.box(5, 5, 35, 25)


@pytest.fixture
def run(pipeline, tmp_path):
    """Annotates a source into ``out``: ``run(source, *prompts, **settings)``."""

    def annotated(source, *prompts, **settings):
        return annotate(source, *prompts, pipeline=pipeline, **{"out": tmp_path / "out", "gallery": 0, **settings})

    return annotated


def files_in(coco):
    return [image["file_name"] for image in json.loads(coco.read_text())["images"]]


def table(path, *rows):
    path.write_text("image,x0,y0,x1,y1,label\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_other_boxes_or_labels_of_finished_images_are_refused_with_their_names(run, image_folder, tmp_path):
    root = image_folder("a.png", "b.png", "c.png")
    source = table(tmp_path / "t.csv", "a.png,5,5,20,20,cat", "b.png,5,5,20,20,cat", "c.png,5,5,20,20,cat")
    run(source, images=root, limit=2)
    before = (tmp_path / "out" / "journal.jsonl").read_bytes()
    table(tmp_path / "t.csv", "a.png,5,5,20,21,cat", "b.png,5,5,20,20,dog", "c.png,1,1,20,20,dog")
    with pytest.raises(ConfigError) as raised:
        run(source, images=root)
    assert str(raised.value).splitlines()[1:] == [
        "  a.png.prompts[0].prompt.SpatialPrompt.xyxy: was [5.0, 5.0, 20.0, 20.0], is [5.0, 5.0, 20.0, 21.0]",
        '  b.png.prompts[0].label: was "cat", is "dog"',
    ]
    assert (tmp_path / "out" / "journal.jsonl").read_bytes() == before


def test_an_edit_of_a_table_that_changes_no_finished_image_stops_nothing(run, image_folder, tmp_path):
    root = image_folder("a.png", "b.png", "c.png")
    source = table(tmp_path / "t.csv", "a.png,5,5,20,20,cat", "b.png,5,5,20,20,cat")
    run(source, images=root, limit=1)
    source.write_text("label,note,image,x0,y0,x1,y1\ncat,again,a.png,5.0,5,20,20\ndog,,b.png,1,1,9,9\ncat,,c.png,1,1,9,9\n")
    done = run(source, images=root)
    assert (done.images, done.processed) == (3, 2)


def test_other_prompts_given_in_python_are_refused(run, image_folder):
    root = image_folder("a.png", "b.png")
    run([(root / "a.png", BOX), (root / "b.png", BOX)])
    with pytest.raises(ConfigError, match=r"the prompts of 1 finished image changed.*\n  .*b\.png\.prompts\[1\].*: was absent"):
        run([(root / "a.png", BOX), (root / "b.png", [BOX, Prompt.point(3, 4)])])


def test_other_boxes_and_categories_of_a_coco_file_are_refused(run, image_folder, tmp_path):
    def coco(width, name="cat"):
        annotation = {"id": 1, "image_id": 1, "bbox": [5, 5, width, 9], "category_id": 3}
        content = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [annotation], "categories": [{"id": 3, "name": name}]}
        (tmp_path / "c.json").write_text(json.dumps(content))
        return tmp_path / "c.json"

    root = image_folder("a.png")
    run(coco(9), images=root)
    with pytest.raises(ConfigError, match=r"a\.png\.prompts\[0\].*xyxy"):
        run(coco(10), images=root)
    with pytest.raises(ConfigError, match=r'source.categories\[0\].name: was "cat", is "dog"'):
        run(coco(9, "dog"), images=root)
    assert run(coco(9), images=root).processed == 0


def test_a_failed_image_whose_prompts_changed_is_done_again(run, image_folder, tmp_path):
    root = image_folder("a.png")
    (root / "b.png").write_bytes(b"")
    source = table(tmp_path / "t.csv", "a.png,5,5,20,20,cat", "b.png,5,5,20,20,cat")
    assert run(source, images=root).failures == 1
    shutil.copy(root / "a.png", root / "b.png")
    assert run(source, images=root).failures == 1
    table(source, "a.png,5,5,20,20,cat", "b.png,5,5,30,20,cat")
    assert run(source, images=root).failures == 0


def test_an_image_whose_content_changed_is_done_again_and_named(run, image_folder, tmp_path, journal_of):
    root = image_folder("a.png", "b.png", "c.png")
    run(root, BOX)
    Image.new("RGB", (50, 40)).save(root / "b.png")
    (root / "c.png").touch()  # Another time, the same content.
    done = run(root, BOX)
    assert (done.changed, done.processed, done.images) == (("b.png",), 1, 3)
    assert "1 image changed since an earlier run, annotated again: b.png" in str(done)
    assert journal_of(tmp_path / "out")["b.png"]["size"] == [40, 50]
    assert run(root, BOX).changed == ()


def test_an_image_that_is_gone_leaves_every_output_and_comes_back(run, image_folder, tmp_path, pipeline):
    root = image_folder("a.png", "b.png", "c.png")
    formats = ["coco", "yolo-seg", "labelme", "cvat"]
    run(root, BOX, formats=formats, gallery=10)
    (root / "b.png").rename(tmp_path / "b.png")
    done = run(root, BOX, formats=formats, gallery=10)
    assert (done.gone, done.images, done.failures, done.processed) == (("b.png",), 2, 0, 0)
    assert "b.png" in str(done)
    annotate(root, BOX, pipeline=pipeline, out=tmp_path / "other", formats=formats)
    for path in (tmp_path / "out").rglob("*"):
        assert path.exists(), f"{path} is a dangling link"
        assert path.stem != "b"
    assert (tmp_path / "out" / "coco.json").read_bytes() == (tmp_path / "other" / "coco.json").read_bytes()
    assert len(list((tmp_path / "out" / "gallery" / "thumbnails").rglob("*.jpg"))) == 2
    (tmp_path / "b.png").rename(root / "b.png")
    done = run(root, BOX, formats=formats)
    assert (done.gone, done.images, done.processed) == ((), 3, 0)


def test_an_image_of_a_list_that_is_gone_is_left_out_and_not_failed(run, image_folder, tmp_path):
    root = image_folder("a.png", "b.png")
    run([root / "a.png", root / "b.png"], BOX)
    (root / "b.png").unlink()
    done = run([root / "a.png", root / "b.png"], BOX)
    assert (len(done.gone), done.images, done.failures) == (1, 1, 0)
    assert len(files_in(tmp_path / "out" / "coco.json")) == 1


def test_a_video_that_changed_is_refused(run, tmp_path, photo):
    av = pytest.importorskip("av", reason="videos need av")

    def clip(seed):
        with av.open(str(tmp_path / "clip.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 80, 60, "yuv420p"
            for index in range(4):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(photo(60, 80, seed + index), format="rgb24")))
            container.mux(stream.encode())

    clip(0)
    run(tmp_path / "clip.mp4", BOX, every=2)
    assert (tmp_path / "out" / "frames" / ".promptseg").is_file()
    frames = {path.name: path.read_bytes() for path in (tmp_path / "out" / "frames").glob("*.jpg")}
    (tmp_path / "clip.mp4").touch()
    assert run(tmp_path / "clip.mp4", BOX, every=2).processed == 0
    clip(9)
    with pytest.raises(ConfigError, match=r"source\.sha256: was"):
        run(tmp_path / "clip.mp4", BOX, every=2)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out" / "frames").glob("*.jpg")} == frames


def test_frames_of_a_run_without_any_finished_image_are_not_taken_for_those_of_another(pipeline, tmp_path, photo):
    av = pytest.importorskip("av", reason="videos need av")
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 80, 60, "yuv420p"
        for index in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(photo(60, 80, index), format="rgb24")))
        container.mux(stream.encode())
    from promptseg.annotation.sources import open_source

    assert len(list(open_source(tmp_path / "clip.mp4", out=tmp_path / "out", every=1))) == 5
    source = open_source(tmp_path / "clip.mp4", out=tmp_path / "out", every=2)
    assert [image.name for image in source] == ["clip-00000000.jpg", "clip-00000002.jpg", "clip-00000004.jpg"]
    (tmp_path / "out" / "frames" / "clip-00000002.jpg").unlink()
    assert len(list(source)) == 3


def test_frames_are_not_written_into_a_folder_of_the_user(pipeline, tmp_path, image_folder):
    (tmp_path / "clip.mp4").write_bytes(b"")
    image_folder("mine.jpg", folder="out/frames")
    with pytest.raises(OutputError, match="promptseg did not write it"):
        annotate(tmp_path / "clip.mp4", BOX, pipeline=pipeline, out=tmp_path / "out", every=2)
    assert (tmp_path / "out" / "frames" / "mine.jpg").is_file()


def test_a_journal_that_is_damaged_anywhere_gives_the_same_outputs_after_the_same_call(run, image_folder, tmp_path):
    root = image_folder("a.png", "b.png", "c.png")
    run(root, BOX, Prompt.point(60, 40))
    journal, coco = tmp_path / "out" / "journal.jsonl", tmp_path / "out" / "coco.json"
    whole, expected = journal.read_bytes(), coco.read_bytes()
    rng = random.Random(2)
    again = 0
    for _ in range(12):
        at = rng.randrange(len(whole))
        journal.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(7)]) + whole[at + 1 :])
        done = run(root, BOX, Prompt.point(60, 40))
        again += done.processed
        assert done.damaged or done.processed == 0
        assert coco.read_bytes() == expected
    assert again > 4


@pytest.mark.parametrize(
    "change",
    [
        {"masks": [{"counts": "Q31_11O1O1O1O1O1O1O1O1O1O1nQ2", "score": 0.5, "label": None, "prompt": 0}]},
        {"masks": [{"counts": "0", "score": 0.5, "label": None}]},
        {"masks": "none"},
        {"size": [60, 10**12]},
        {"size": [10**9, 10**9], "masks": []},
        {"name": "../../a.png"},
        {"timings": None},
        {"models": "0123456789abcdef"},
    ],
)
def test_a_line_with_a_right_checksum_and_wrong_values_is_done_again(run, image_folder, tmp_path, change):
    from promptseg.annotation.journal_lines import encode_line

    root = image_folder("a.png")
    run(root, BOX)
    journal = tmp_path / "out" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    record = json.loads(lines[2])
    record.pop("crc")
    journal.write_bytes(b"".join([*lines[:2], encode_line({**record, **change})]))
    done = run(root, BOX, formats=["coco", "yolo-seg"])
    assert (done.damaged, done.processed, done.objects) == (1, 1, 1)


def test_one_bad_box_is_dropped_and_named_and_the_others_of_its_image_are_segmented(run, image_folder, tmp_path, journal_of):
    boxes = {7: [10, 10, 20, 20], 918: [10, 10, 5.5, 0.0], 8: [200, 10, 5, 5], 9: [60, 40, 500, 500], 5: "none"}
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"id": number, "image_id": 1, "bbox": box} for number, box in boxes.items()]
        + [{"id": 3, "image_id": 2, "bbox": [1, 1, 2, 2]}],
    }
    (tmp_path / "c.json").write_text(json.dumps(content))
    done = run(tmp_path / "c.json", images=image_folder("a.png"))
    assert (done.failures, done.objects, done.dropped) == (0, 2, 4)
    assert [problem.split(":")[:2] for problem in done.problems[1:]] == [["a.png", f" annotation {n}"] for n in (918, 5, 8)]
    assert done.problems[0].startswith("annotation 3: ")
    record = journal_of(tmp_path / "out")["a.png"]
    assert record["dropped"]["prompt"] == 3
    assert [(mask["id"], Mask((60, 80), mask["counts"].encode()).area) for mask in record["masks"]] == [(7, 400), (9, 400)]
    assert "4 prompts of the source dropped: annotation 3: " in str(done)
    assert run(tmp_path / "c.json", images=tmp_path / "images").dropped == 4


def test_points_and_boxes_outside_an_image_are_dropped_from_a_table(run, image_folder, tmp_path):
    (tmp_path / "t.csv").write_text("image,x,y,label\na.png,5,5,cat\na.png,500,5,cat\na.png,x,5,cat\nb.png,5,500,cat\n")
    done = run(tmp_path / "t.csv", images=image_folder("a.png", "b.png"))
    assert (done.objects, done.failures, done.empty, done.dropped) == (1, 0, 1, 3)
    assert [problem.split(": ")[:2] for problem in done.problems] == [["a.png", "row 3"], ["a.png", "row 2"], ["b.png", "row 4"]]


def test_ids_and_the_class_list_of_a_coco_file_are_those_of_the_output(run, image_folder, tmp_path):
    categories = [{"id": 44, "name": "bottle"}, {"id": 1, "name": "person"}, {"id": 90, "name": "toothbrush"}]
    annotations = [
        {"id": 901, "image_id": 139, "category_id": 44, "bbox": [2, 2, 30, 30]},
        {"id": 900, "image_id": 139, "category_id": 1, "bbox": [40, 2, 30, 30]},
    ]
    content = {"images": [{"id": 139, "file_name": "a.png"}], "annotations": annotations, "categories": categories}
    (tmp_path / "c.json").write_text(json.dumps(content))
    run(tmp_path / "c.json", images=image_folder("a.png"), formats=["coco", "yolo-seg"])
    found = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [image["id"] for image in found["images"]] == [139]
    assert [(each["id"], each["image_id"], each["category_id"]) for each in found["annotations"]] == [(901, 139, 44), (900, 139, 1)]
    assert [(each["id"], each["name"]) for each in found["categories"]] == [(44, "bottle"), (1, "person"), (90, "toothbrush")]
    (tmp_path / "names.txt").write_text("person\ntruck\nbottle\n")
    run(tmp_path / "c.json", images=tmp_path / "images", formats=["yolo-seg"], classes=tmp_path / "names.txt")
    lines = (tmp_path / "out" / "yolo-seg" / "labels" / "a.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["2", "0"]
    assert "toothbrush" not in (tmp_path / "out" / "yolo-seg" / "data.yaml").read_text()


def test_a_class_list_that_is_not_there_is_refused_before_anything_is_written(run, image_folder, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.txt"):
        run(image_folder("a.png"), BOX, classes="nowhere.txt")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("formats", "taken"),
    [
        (["labelme"], "labelme/mine.json"),
        (["coco", "yolo-seg"], "yolo-seg/mine.txt"),
        (["coco"], "coco.json/mine"),
        (["cvat"], "cvat.xml"),
        (["coco"], "gallery/mine.jpg"),
    ],
)
def test_a_place_that_is_taken_is_refused_before_any_model_is_loaded(run, image_folder, tmp_path, add_model, formats, taken):
    add_model("fake", "segmenter", lambda _: pytest.fail("a model was loaded"))
    mine = tmp_path / "out" / taken
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(OutputError, match=taken.split("/")[0]):
        run(image_folder("a.png"), BOX, formats=formats, gallery=10)
    assert mine.read_text() == "mine"


def test_an_output_folder_that_is_a_file_is_refused(run, image_folder, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="out is a file"):
        run(image_folder("a.png"), BOX)
    assert (tmp_path / "out").read_text() == "mine"


def test_a_format_whose_package_is_missing_is_refused_before_any_model_is_loaded(run, image_folder, add_model, monkeypatch):
    import sys

    add_model("fake", "segmenter", lambda _: pytest.fail("a model was loaded"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PromptSegError, match="pyarrow"):
        run(image_folder("a.png"), BOX, formats=["coco", "parquet"])


def test_world_coordinates_that_an_image_does_not_have_are_refused_before_any_model_is_loaded(run, image_folder, add_model, tmp_path):
    add_model("fake", "segmenter", lambda _: pytest.fail("a model was loaded"))
    root = image_folder("a.png")
    with pytest.raises(InputError, match=r"a\.png has no georeference"):
        run(root, BOX, formats=["geojson"], options={"geojson": {"coordinates": "world"}})
    (root / "a.pgw").write_text("1 2 three")
    with pytest.raises(InputError, match="is not a world file"):
        run(root, BOX, formats=["geojson"])


def test_text_prompts_of_a_table_need_a_detector_before_any_model_is_loaded(run, image_folder, tmp_path, add_model):
    add_model("fake", "segmenter", lambda _: pytest.fail("a model was loaded"))
    (tmp_path / "t.csv").write_text("image,text\na.png,dog\n")
    with pytest.raises(PromptSegError, match="needs a detector"):
        run(tmp_path / "t.csv", images=image_folder("a.png"))


def test_differences_name_only_what_differs():
    before = {"a": {"b": [1, 2], "c": {"d": 1, "e": [{"x": 1}, {"x": 2}]}}, "f": "absent", "g": [{"y": 1}]}
    now = {"a": {"b": [1, 3], "c": {"d": 1, "e": [{"x": 1}, {"x": 3, "z": 4}]}}, "f": "absent", "g": [{"y": 1}, {"y": 2}]}
    assert list(differences(before, now)) == [
        "a.b: was [1, 2], is [1, 3]",
        "a.c.e[1].x: was 2, is 3",
        "a.c.e[1].z: was absent, is 4",
        "g[1].y: was absent, is 2",
    ]
    assert list(differences(before, before)) == []
    assert list(differences({}, {"h": None})) == ["h: was absent, is null"]
    assert len(next(iter(differences("x" * 999, "y")))) < 200


def test_prompts_of_the_run_that_no_image_needs_are_refused(run, image_folder, tmp_path):
    root = image_folder("a.png", "b.png")
    source = table(tmp_path / "t.csv", "a.png,5,5,20,20,cat", "b.png,5,5,20,20,cat")
    with pytest.raises(ConfigError, match=r"each image of the source has prompts of its own \(such as a\.png\).*SpatialPrompt"):
        run(source, Prompt.point(3, 3), images=root)
    assert not (tmp_path / "out").exists()


def test_the_summary_says_for_how_many_images_the_prompts_of_the_run_are(run, image_folder, tmp_path):
    root = image_folder("a.png", "b.png", "c.png")
    source = table(tmp_path / "t.csv", "a.png,5,5,20,20,cat", "b.png,,,,,", "c.png,5,5,20,20,cat")
    done = run(source, BOX, images=root)
    assert "the prompts of the run are for 1 of 3 images; the others have their own" in str(done)
    assert done.to_dict()["prompted"] == 1
    assert "the prompts of the run" not in str(run(root, BOX, out=tmp_path / "other"))


def test_an_image_of_a_table_whose_file_is_gone_is_told_from_one_that_the_table_left_out(run, image_folder, tmp_path):
    root = image_folder("a.png", "b.png", "c.png")
    rows = ("a.png,5,5,20,20,cat", "b.png,5,5,20,20,cat", "c.png,5,5,20,20,cat")
    run(table(tmp_path / "t.csv", *rows), images=root)
    (root / "a.png").unlink()
    done = run(table(tmp_path / "t.csv", *rows[:2]), images=root)
    assert (done.gone, done.deleted) == (("a.png", "c.png"), ("a.png",))
    assert "1 image not in the source any more, left out: c.png" in str(done)
    assert "1 image left out, because the file is gone: a.png" in str(done)


def test_an_unusable_row_that_a_finished_image_got_later_is_counted_once(run, image_folder, tmp_path):
    root = image_folder("a.png")
    rows = ("a.png,5,5,20,20,cat", "a.png,5,5,5,20,cat")
    assert run(table(tmp_path / "t.csv", *rows), images=root).dropped == 1
    done = run(table(tmp_path / "t.csv", "a.png,5,5,x,20,dog", *rows), images=root)
    assert (done.dropped, done.processed) == (2, 0)
    assert any(problem.startswith("a.png: row 1: ") for problem in done.problems)
