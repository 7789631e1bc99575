import errno
import json
import os
import resource
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg import Pipeline, Prompt, annotate
from promptseg.annotation import run as annotation_run
from promptseg.errors import ConfigError, IncompatibleStagesError, InputError, OutputError, PromptError
from promptseg.results import Provenance
from promptseg.testing import FakeDetector, FakeSegmenter
from promptseg.vocabulary import Vocabulary

BOX = Prompt.box(5, 5, 35, 25)


def outputs(out):
    """The bytes of everything that a run wrote, but for its journal and gallery, which have times in them."""
    files = (path for path in Path(out).rglob("*") if path.is_file())
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in files
        if path.name not in ("journal.jsonl", ".lock") and "gallery" not in path.relative_to(out).parts
    }


def coco(out):
    return json.loads((Path(out) / "coco.json").read_text())


def test_a_folder_becomes_a_coco_file_with_the_labels_and_boxes_of_what_was_found(image_folder, finder, tmp_path):
    root = image_folder("b/0.png", "a/0.png")
    done = annotate(root, Prompt.text("dog", "cat"), pipeline=finder, out=tmp_path / "out")
    assert (done.images, done.objects, done.failures, done.processed) == (2, 6, 0, 2)
    assert done.classes == {"cat": 4, "dog": 2}
    content = coco(tmp_path / "out")
    assert sorted(image["file_name"] for image in content["images"]) == ["a/0.png", "b/0.png"]
    names = {category["id"]: category["name"] for category in content["categories"]}
    assert sorted(names[one["category_id"]] for one in content["annotations"]) == ["cat"] * 4 + ["dog"] * 2
    assert "6 objects" in str(done)
    assert done.to_dict()["classes"] == done.classes


def test_images_of_one_name_in_two_folders_stay_two(image_folder, pipeline, tmp_path, journal_of):
    annotate(image_folder("a/0.png", "b/0.png", "0.png", "0.jpg"), BOX, pipeline=pipeline, out=tmp_path / "out")
    assert set(journal_of(tmp_path / "out")) == {"a/0.png", "b/0.png", "0.png", "0.jpg"}
    assert len(coco(tmp_path / "out")["images"]) == 4


def test_the_summary_counts_what_the_folder_holds_besides_images(image_folder, pipeline, tmp_path):
    root = image_folder("a.png")
    (root / "notes.txt").touch()
    (root / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 50)
    (root / "gone.jpg").symlink_to(root / "nowhere")
    done = annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out")
    assert "left out: 2 files: 1 .txt (notes.txt), 1 broken link (gone.jpg)" in str(done).splitlines()
    assert done.to_dict()["unused"] == {".txt": 1, "broken link": 1}
    assert list(done.failed) == ["IMG_1.HEIC"]  # It is an image, and fails by name.


def test_masks_are_those_of_the_pipeline(image_folder, finder, tmp_path):
    root = image_folder("0.png")
    annotate(root, Prompt.text("cat"), pipeline=finder, out=tmp_path / "out")
    expected = finder.build()(root / "0.png", Prompt.text("cat")).masks
    found = [promptseg.Mask.from_coco_rle(one["segmentation"]) for one in coco(tmp_path / "out")["annotations"]]
    assert found == list(expected)


def test_prompts_of_a_image_are_asked_in_place_of_those_of_the_run_and_label_their_masks(image_folder, pipeline, tmp_path, journal_of):
    root = image_folder("a.png", "b.png", "c.png")
    (tmp_path / "t.csv").write_text("image,x0,y0,x1,y1,label\na.png,10,10,20,20,dog\nb.png,,,,,\nc.png,0,0,5,5,\n")
    annotate(tmp_path / "t.csv", BOX, pipeline=pipeline, images=root, out=tmp_path / "out")
    records = journal_of(tmp_path / "out")
    assert [(mask["label"], mask["prompt"]) for mask in records["a.png"]["masks"]] == [("dog", 0)]
    areas = {name: promptseg.Mask((60, 80), record["masks"][0]["counts"].encode()).area for name, record in records.items()}
    assert areas == {"a.png": 100, "b.png": 600, "c.png": 25}


def test_an_image_of_a_coco_file_without_boxes_has_no_objects(image_folder, pipeline, tmp_path):
    (tmp_path / "boxes.json").write_text('{"images": [{"id": 1, "file_name": "a.png"}]}')
    done = annotate(tmp_path / "boxes.json", pipeline=pipeline, images=image_folder("a.png"), out=tmp_path / "out")
    assert (done.images, done.objects, done.failures, done.empty) == (1, 0, 0, 1)


def test_images_that_cannot_be_read_are_recorded_with_the_reason_and_stop_nothing(image_folder, pipeline, tmp_path, journal_of):
    root = image_folder("0.png", "1.png", "2.png", "3.png")
    (root / "empty.png").write_bytes(b"")
    (root / "text.jpg").write_text("no image")
    (root / "truncated.png").write_bytes((root / "0.png").read_bytes()[:2000])
    done = annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out")
    assert (done.images, done.failures) == (7, 3)
    assert set(done.failed) == {"empty.png", "text.jpg", "truncated.png"}
    assert "empty" in done.failed["empty.png"]
    assert "truncated" in done.failed["truncated.png"]
    assert journal_of(tmp_path / "out")["text.jpg"]["error"] == "InputError"
    assert len(coco(tmp_path / "out")["images"]) == 4


def test_a_image_that_vanishes_during_the_run_is_recorded_as_failed(image_folder, pipeline, tmp_path, monkeypatch):
    root = image_folder("0.png", "1.png", "2.png")
    total = annotation_run._annotate_locally

    def vanish(*arguments):
        (root / "1.png").unlink()
        return total(*arguments)

    monkeypatch.setattr(annotation_run, "_annotate_locally", vanish)
    done = annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out")
    assert done.failed == {"1.png": "cannot read image 1.png: No such file or directory"}
    assert done.images == 3


@dataclass(frozen=True)
class Moody(FakeSegmenter):
    """A fake that raises an error of its own where an image is darker in its corner than others, as a broken backend might."""

    error: type[BaseException] = RuntimeError

    def open(self, image):
        if np.asarray(image)[0, 0].sum() == 0:
            raise self.error("no dark corners")
        return super().open(image)

    def open_all(self, images):
        return [self.open(image) for image in images]


@pytest.fixture
def dark(image_folder):
    """A folder of four images, of which one has a black corner."""
    root = image_folder("0.png", "1.png", "2.png", "3.png")
    pixels = np.asarray(Image.open(root / "2.png")).copy()
    pixels[0, 0] = 0
    Image.fromarray(pixels).save(root / "2.png")
    return root


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_a_image_that_a_model_fails_on_is_recorded_and_its_batch_goes_on(dark, add_model, tmp_path, batch_size, error, journal_of):
    add_model("moody", "segmenter", lambda _: Moody(error=error))
    done = annotate(dark, BOX, pipeline=Pipeline().segment("moody"), out=tmp_path / "out", batch_size=batch_size)
    assert done.failed == {"2.png": "no dark corners"}
    assert done.reasons == {"no dark corners": 1}
    assert journal_of(tmp_path / "out")["2.png"]["error"] == error.__name__
    assert done.images == 4


def test_a_misspelled_class_ends_the_run_before_its_first_image(image_folder, add_model, tmp_path):
    class Closed(FakeDetector):
        def check_phrases(self, phrases):
            Vocabulary(["dog", "cat"]).labels(phrases)

    add_model("closed", "detector", lambda _: Closed({"dog": (1, 1, 9, 9)}))
    images, pipeline, out = image_folder("0.png"), Pipeline().detect("closed"), tmp_path / "out"
    with pytest.raises(PromptError, match=r"'dgo' names none of the 2 classes.*'dog'"):
        annotate(images, Prompt.text("dgo"), pipeline=pipeline, out=out)
    assert annotate(images, Prompt.text("dog"), pipeline=pipeline, out=out).images == 1  # The folder is not taken by the first run.


def test_failed_images_are_left_alone_until_they_are_to_be_tried_again(dark, add_model, pipeline, tmp_path):
    add_model("moody", "segmenter", lambda _: Moody())
    annotate(dark, BOX, pipeline=Pipeline().segment("moody"), out=tmp_path / "out")
    add_model("moody", "segmenter", lambda _: FakeSegmenter())
    again = annotate(dark, BOX, pipeline=Pipeline().segment("moody"), out=tmp_path / "out")
    assert (again.processed, again.failures) == (0, 1)
    again = annotate(dark, BOX, pipeline=Pipeline().segment("moody"), out=tmp_path / "out", retry_failed=True)
    assert (again.processed, again.failures) == (1, 0)
    annotate(dark, BOX, pipeline=pipeline, out=tmp_path / "other")
    assert outputs(tmp_path / "out") == outputs(tmp_path / "other")


def test_batches_of_any_size_give_the_same_bytes(image_folder, finder, tmp_path):
    root = image_folder(*(f"{index}.png" for index in range(7)))
    for size in (1, 3, 8):
        annotate(root, pipeline=finder, out=tmp_path / str(size), batch_size=size)
    assert outputs(tmp_path / "1") == outputs(tmp_path / "3") == outputs(tmp_path / "8")


def test_a_trial_goes_on_as_a_whole_run_with_the_same_bytes(image_folder, pipeline, tmp_path):
    root = image_folder(*(f"{index}.png" for index in range(5)))
    first = annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out", limit=2)
    assert (first.images, first.processed) == (2, 2)
    second = annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out")
    assert (second.images, second.processed) == (5, 3)
    annotate(root, BOX, pipeline=pipeline, out=tmp_path / "other")
    assert outputs(tmp_path / "out") == outputs(tmp_path / "other")


def test_a_run_that_is_complete_loads_no_model_and_writes_other_formats(image_folder, pipeline, tmp_path, add_model):
    root = image_folder("0.png")
    annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out")
    add_model("fake", "segmenter", lambda _: pytest.fail("a model was loaded"))
    done = annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out", formats=["coco", "yolo-seg"])
    assert set(done.reports) == {"coco", "yolo-seg"}


def test_the_results_within_the_folder_of_images_are_no_images(image_folder, pipeline):
    root = image_folder("0.png", "1.png")
    for _ in range(2):
        assert annotate(root, BOX, pipeline=pipeline, out=root / "out").images == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork() would take a second for each kill")
def test_a_run_that_is_killed_at_random_moments_ends_with_the_same_bytes_in_every_file(image_folder, tmp_path):
    root = image_folder(*(f"{'ab'[index % 2]}/{index}.png" for index in range(25)))
    (root / "bad.png").write_bytes(b"")
    command = [sys.executable, Path(__file__).with_name("killed.py"), root, tmp_path / "out", tmp_path / "whole", "6"]
    done = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)
    killed, lines_then = json.loads(done.stdout)
    assert killed >= 5
    assert len(set(lines_then)) > 3  # The moments differ: the journal had another length at each.
    written = outputs(tmp_path / "out")
    assert {Path(name).parts[0] for name in written} == {".promptseg.json", "coco.json", "yolo-seg", "cvat.xml", "labelme"}
    assert len(written) > 3 * 25
    assert written == outputs(tmp_path / "whole")
    assert len(coco(tmp_path / "out")["images"]) == 25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "copy"}, "no option 'image': the options are images, tolerance[.] Did you mean 'images'[?]$"),
        ({"images": "move"}, "link, copy or none, got 'move'"),
    ],
)
def test_a_wrong_option_of_a_format_is_refused_before_any_image_is_annotated(options, message, image_folder, pipeline, tmp_path):
    with pytest.raises(ConfigError, match=message):
        annotate(image_folder("0.png"), BOX, pipeline=pipeline, out=tmp_path / "out", formats=["yolo-seg"], options={"yolo-seg": options})
    assert not (tmp_path / "out").exists()


def test_what_a_kill_during_writing_left_under_temporary_names_is_removed_and_nothing_else(image_folder, pipeline, tmp_path):
    left = [".coco.json.a1b2c3_x.tmp", "gallery/.index.html.00000000.tmp", ".yolo-seg.abcdefgh.tmp/yolo-seg/data.yaml"]
    own = ["coco.json.tmp", ".hidden.tmp", ".notes.of-the-user.tmp"]
    for name in left + own:
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    annotate(image_folder("0.png"), BOX, pipeline=pipeline, out=tmp_path / "out")
    assert not any((tmp_path / "out" / name).exists() for name in [*left, ".yolo-seg.abcdefgh.tmp"])
    assert all((tmp_path / "out" / name).exists() for name in own)


def test_a_run_that_is_interrupted_keeps_what_is_done_and_goes_on(image_folder, add_model, tmp_path, journal_of):
    root = image_folder(*(f"{index}.png" for index in range(6)))
    opened = []

    @dataclass(frozen=True)
    class Interrupting(FakeSegmenter):
        def open(self, image):
            opened.append(image)
            if len(opened) == 4:
                raise KeyboardInterrupt
            return super().open(image)

    add_model("i", "segmenter", lambda _: Interrupting())
    with pytest.raises(KeyboardInterrupt):
        annotate(root, BOX, pipeline=Pipeline().segment("i"), out=tmp_path / "out")
    assert set(journal_of(tmp_path / "out")) == {"0.png", "1.png", "2.png"}
    assert annotate(root, BOX, pipeline=Pipeline().segment("i"), out=tmp_path / "out").processed == 3


def test_a_second_run_in_the_same_folder_is_refused(image_folder, add_model, tmp_path):
    root = image_folder("0.png")
    inside, go_on = threading.Event(), threading.Event()

    @dataclass(frozen=True)
    class Waiting(FakeSegmenter):
        def open(self, image):
            inside.set()
            go_on.wait(60)
            return super().open(image)

    add_model("w", "segmenter", lambda _: Waiting())
    pipeline = Pipeline().segment("w")
    first = threading.Thread(target=annotate, args=(root, BOX), kwargs={"pipeline": pipeline, "out": tmp_path / "out"})
    first.start()
    try:
        assert inside.wait(60)
        with pytest.raises(OutputError, match="another run is writing to"):
            annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out")
    finally:
        go_on.set()
        first.join()
    assert len(coco(tmp_path / "out")["images"]) == 1


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"prompts": [Prompt.box(5, 5, 35, 26)]}, r"prompts\[0\]\.SpatialPrompt\.xyxy: was .*25.*, is .*26"),
        ({"clean": {"min_area": 9}}, "config.clean.min_area: was absent, is 9"),
        ({"folder": "others"}, "source.folder: was"),
    ],
)
def test_a_run_that_does_something_else_is_refused_with_the_difference(image_folder, pipeline, tmp_path, change, difference):
    annotate(image_folder("0.png"), BOX, pipeline=pipeline, out=tmp_path / "out")
    before = (tmp_path / "out" / "journal.jsonl").read_bytes()
    root = image_folder("0.png", folder=change.get("folder", "images"))
    other = pipeline.clean(**change["clean"]) if "clean" in change else pipeline
    with pytest.raises(ConfigError, match=difference):
        annotate(root, *change.get("prompts", [BOX]), pipeline=other, out=tmp_path / "out")
    assert (tmp_path / "out" / "journal.jsonl").read_bytes() == before


def test_other_weights_under_the_same_name_are_refused(image_folder, add_model, tmp_path):
    def weighted(weights):
        return FakeSegmenter(provenance=Provenance("w", "fake", "1", {"w.onnx": weights}))

    pipeline = Pipeline().segment("w")
    add_model("w", "segmenter", lambda _: weighted("1"))
    root = image_folder("0.png")
    annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out")
    image_folder("0.png", "1.png")
    add_model("w", "segmenter", lambda _: weighted("2"))
    with pytest.raises(ConfigError, match=r'weights\.w\.onnx: was "1", is "2"'):
        annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out")


def test_a_full_disk_ends_the_run_and_with_room_the_same_call_goes_on(image_folder, pipeline, tmp_path, journal_of):
    root = image_folder(*(f"{index}.png" for index in range(12)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    try:
        with pytest.raises(OutputError, match=os.strerror(errno.EFBIG)):
            annotate(root, Prompt.everything(4), pipeline=pipeline, out=tmp_path / "out", gallery=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    kept = len(journal_of(tmp_path / "out"))
    assert 0 < kept < 12
    assert outputs(tmp_path / "out") == {}
    done = annotate(root, Prompt.everything(4), pipeline=pipeline, out=tmp_path / "out", gallery=0)
    assert done.processed == 12 - kept
    annotate(root, Prompt.everything(4), pipeline=pipeline, out=tmp_path / "other", gallery=0)
    assert outputs(tmp_path / "out") == outputs(tmp_path / "other")


def test_only_a_few_images_are_in_memory_at_a_time(image_folder, add_model, tmp_path, monkeypatch):
    from promptseg.annotation import annotator

    alive, most = [0], [0]
    load = annotator.load_image

    class Counted(np.ndarray):
        def __del__(self):
            if self.base is not None and getattr(self, "first", False):
                alive[0] -= 1

    def counting(path):
        pixels = load(path).view(Counted)
        pixels.first = True
        alive[0] += 1
        most[0] = max(most[0], alive[0])
        return pixels

    monkeypatch.setattr(annotator, "load_image", counting)
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    annotate(image_folder(*(f"{index:02}.png" for index in range(40))), BOX, pipeline=Pipeline().segment("fake"), out=tmp_path / "out")
    assert 0 < most[0] <= 12


def test_embeddings_are_not_kept_unless_the_configuration_asks_for_it():
    from promptseg.annotation.annotator import Annotator
    from promptseg.models.sam.cache import embedding_cache
    from promptseg.models.sam.session import SamSegmenter
    from promptseg.pipeline import BuiltPipeline
    from promptseg.pipeline.config import parse_config

    class Model:
        provenance = Provenance("m", "b", "1")

    for options, kept in (({}, False), ({"cache": "memory"}, True)):
        segmenter = SamSegmenter(Model(), embedding_cache("memory"))
        annotator = Annotator(BuiltPipeline(parse_config({"segment": {"model": "m", "options": options}}), None, segmenter))
        assert (annotator.pipeline.segmenter.cache is not None) is kept
        assert segmenter.cache is not None  # The caller's segmenter stays as it is.


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"formats": ["cocoa"]}, ConfigError, "there is no format 'cocoa'"),
        ({"formats": "coco"}, ConfigError, r"write \['coco'\]"),
        ({"executor": "spark"}, ConfigError, "'local' or 'ray'"),
        ({"limit": 0}, ConfigError, "limit is a whole number of at least 1"),
        ({"batch_size": True}, ConfigError, "batch_size"),
        ({"workers": 2}, ConfigError, "executor 'ray'"),
        ({"prompts": [Prompt.text("dog")]}, IncompatibleStagesError, "needs a detector"),
        ({"prompts": []}, IncompatibleStagesError, "nothing to segment"),
        ({"pipeline": "mini-sam"}, ConfigError, r"pipeline is a Pipeline, .* got 'mini-sam'"),
        ({"source": "nowhere"}, InputError, "there is no nowhere: check the path"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(image_folder, pipeline, tmp_path, settings, error, message):
    source = settings.pop("source", image_folder("0.png"))
    prompts = settings.pop("prompts", [BOX])
    with pytest.raises(error, match=message):
        annotate(source, *prompts, **{"pipeline": pipeline, "out": tmp_path / "out", **settings})
    assert not (tmp_path / "out").exists()


def test_a_configuration_that_turned_out_wrong_before_the_first_image_may_be_mended(image_folder, pipeline, tmp_path):
    root = image_folder("0.png")
    with pytest.raises(ConfigError):
        annotate(root, BOX, pipeline=Pipeline().segment("fakee"), out=tmp_path / "out")
    assert annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out").images == 1


def test_a_pipeline_that_is_built_serves_as_well(image_folder, pipeline, tmp_path):
    root = image_folder("0.png")
    annotate(root, BOX, pipeline=pipeline.build(), out=tmp_path / "built")
    annotate(root, BOX, pipeline=pipeline, out=tmp_path / "out")
    assert outputs(tmp_path / "out") == outputs(tmp_path / "built")


def test_progress_counts_the_images_and_those_of_the_outputs(image_folder, finder, tmp_path):
    root = image_folder("0.png", "1.png", "2.png")
    (root / "1.png").write_bytes(b"no image")
    annotate(root, Prompt.text("dog"), pipeline=finder, out=tmp_path / "out", limit=1)
    reports = []
    annotate(root, Prompt.text("dog"), pipeline=finder, out=tmp_path / "out", progress=reports.append)
    told = [(report.stage, report.done, report.total, report.failed) for report in reports]
    assert told == [
        *(("annotate", 1, 3, 0), ("annotate", 2, 3, 1), ("annotate", 3, 3, 1)),
        *(("write coco", 0, 2, 0), ("write coco", 1, 2, 0), ("write coco", 2, 2, 0)),
    ]


def test_an_image_that_fails_is_logged_with_the_reason(image_folder, finder, tmp_path, caplog):
    (image_folder("0.png") / "1.png").write_bytes(b"no image")
    annotate(tmp_path / "images", Prompt.text("dog"), pipeline=finder, out=tmp_path / "out")
    (message,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert message.startswith("image 1.png failed: 1.png is not an image")


def test_images_without_objects_are_counted_beside_those_with_objects(image_folder, finder, tmp_path):
    root = image_folder("0.png", "1.png", "2.png")
    done = annotate(
        [(root / "0.png", [Prompt.text("dog")]), *((root / f"{n}.png", [Prompt.text("elephant")]) for n in "12")],
        pipeline=finder,
        out=tmp_path / "out",
    )
    assert (done.images, done.empty) == (3, 2)
    assert "2 of them without objects" in str(done)


def test_a_mask_without_pixels_is_not_an_object_of_the_summary(image_folder, pipeline, tmp_path):
    nothing = Prompt.point(5, 5, foreground=False)
    done = annotate(image_folder("0.png"), nothing, pipeline=pipeline, out=tmp_path / "out")
    assert (done.objects, done.classes, done.empty, done.reports["coco"].masks) == (0, {"object": 0}, 1, 0)
