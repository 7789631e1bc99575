import json
from pathlib import Path

import pytest
from PIL import Image

from blob_model import BlobSegmenter, sheet
from promptseg.testing import FakeDetector, FakeSegmenter


@pytest.fixture(autouse=True)
def _images_and_models(tmp_path, save_image, add_model):
    """Three images in a folder, and models ``fake`` and ``find``."""
    add_model("fake", "segmenter", lambda _: FakeSegmenter())
    add_model("find", "detector", lambda _: FakeDetector({"dog": (5, 5, 35, 25), "cat": (40, 30, 60, 50)}))
    (tmp_path / "images").mkdir()
    for index in range(3):
        save_image(f"images/{index}.png", seed=index)


RUN = ("annotate", "images", "--model", "fake", "--out", "out")


def test_a_folder_is_annotated_by_text(run, tmp_path):
    done = run(*RUN, "--detector", "find", "--text", "dog, cat")
    assert done.exit_code == 0, done.stderr
    assert "3 images annotated with 6 objects" in done.stdout
    assert "dog: 3" in done.stdout
    assert "gallery: out/gallery/index.html" in done.stdout
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [category["name"] for category in content["categories"]] == ["dog", "cat"]
    assert len(content["annotations"]) == 6


def test_the_same_command_has_nothing_left_to_do(run):
    assert "3 images now" in run(*RUN, "--everything", "--points-per-side", 2).stdout
    again = run(*RUN, "--everything", "--points-per-side", 2)
    assert "images now" not in again.stdout
    assert "3 images annotated with 12 objects" in again.stdout


def test_a_pipeline_file_serves_in_place_of_the_flags(run, tmp_path):
    (tmp_path / "p.yaml").write_text("detect: {model: find}\nsegment: {model: fake}\n")
    done = run("annotate", "images", "--config", "p.yaml", "--out", "out", "--json")
    content = json.loads(done.stdout)
    assert (content["images"], content["objects"], content["failures"]) == (3, 6, 0)
    assert content["written"]["coco"]["images"] == 3


@pytest.mark.parametrize("words", [("--model", "fake", "--detector", "find"), ("--config", "p.yaml")])
def test_the_threshold_the_engines_and_the_quantization_reach_the_pipeline(words, run, tmp_path, monkeypatch):
    (tmp_path / "p.yaml").write_text("detect: {model: find, thresholds: {dog: 0.1}}\nsegment: {model: fake}\n")
    built = []
    monkeypatch.setattr("promptseg.annotation.run.annotate", lambda *_, pipeline, **__: built.append(pipeline.to_config()) or SystemExit())
    engines = ("--engine", "one", "--quantize", "int8", "--detector-engine", "two")
    with pytest.raises(AttributeError):  # What stands in for the summary is none.
        run("annotate", "images", *words, "--threshold", "0.6", *engines, "--out", "out")
    detect = {"model": "find", "engine": "two", "threshold": 0.6}
    segment = {"model": "fake", "engine": "one", "options": {"quantize": "int8"}}
    assert built == [{"detect": detect, "segment": segment}]


@pytest.mark.parametrize("option", ["--threshold", "--detector-engine"])
def test_an_option_of_the_detector_without_one_is_refused(option, run):
    done = run(*RUN, "--everything", option, "0.5")
    assert done.exit_code == 2
    assert f"{option} 0.5 is for a detector, and there is none" in done.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("https://me:word@example.com/a.jpg", "https://example.com/a.jpg is an address, and images to annotate are files: download them"),
        ("-", "standard input is not a source of images to annotate"),
    ],
)
def test_a_source_that_is_no_file_says_what_to_do(source, message, run):
    done = run("annotate", source, "--model", "fake", "--everything", "--out", "out")
    assert done.exit_code == 1
    assert message in done.stderr


def test_several_formats_are_written_side_by_side_with_their_options(run, tmp_path):
    done = run(*RUN, "--box", "5,5,30,30", "--format", "coco, yolo-seg", "--format-option", "yolo-seg.images=copy")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "out" / "coco.json").is_file()
    assert (tmp_path / "out" / "yolo-seg").is_dir()


def test_images_that_failed_are_named_with_exit_status_one_and_tried_again_when_asked(run, tmp_path, save_image):
    good = (tmp_path / "images" / "1.png").read_bytes()
    (tmp_path / "images" / "1.png").write_bytes(good[:1500])
    done = run(*RUN, "--box", "5,5,30,30")
    assert done.exit_code == 1
    assert "2 images annotated with 2 objects; 1 failed" in done.stdout
    assert "promptseg: 1.png: 1.png is truncated" in done.stderr
    assert "--retry-failed" in done.stderr
    (tmp_path / "images" / "1.png").write_bytes(good)
    assert run(*RUN, "--box", "5,5,30,30").exit_code == 1
    done = run(*RUN, "--box", "5,5,30,30", "--retry-failed")
    assert (done.exit_code, done.stderr) == (0, "")


def test_corrections_by_hand_are_kept_and_taken_in_when_asked(run, tmp_path):
    words = ("--box", "5,5,30,30", "--format", "labelme,coco", "--classes", "box,other")
    run(*RUN, *words)
    file = tmp_path / "out" / "labelme" / "0.json"
    content = json.loads(file.read_text())
    content["shapes"][0]["label"] = "other"
    file.write_text(json.dumps(content))
    done = run(*RUN, *words)
    assert "1 file was changed by hand and is kept: 0.json" in done.stdout
    assert "the same run with --corrections labelme" in done.stdout
    done = run(*RUN, *words, "--corrections", "labelme")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "1 image corrected by hand, 1 of them taken in now from labelme" in done.stdout
    assert "other: 1" in done.stdout
    again = run(*RUN, *words, "--json")
    assert json.loads(again.stdout)["corrected"] == 1
    categories = json.loads((tmp_path / "out" / "coco.json").read_text())["categories"]
    assert [each["name"] for each in categories][:2] == ["box", "other"]


def test_corrections_that_are_not_taken_in_are_named_with_exit_status_one(run, tmp_path):
    words = ("--box", "5,5,30,30", "--format", "labelme")
    run(*RUN, *words)
    file = tmp_path / "out" / "labelme" / "0.json"
    content = json.loads(file.read_text())
    content["shapes"].append({"label": "other", "shape_type": "point", "points": [[1, 1]]})
    file.write_text(json.dumps(content))
    done = run(*RUN, *words, "--corrections", "labelme")
    assert done.exit_code == 1
    assert "promptseg: 0.png#1: a point has no area" in done.stderr
    assert "1 image not taken in from labelme: 0.png#1: a point has no area" in done.stdout
    assert "1 image is not taken in from labelme: mend it and repeat" in done.stderr
    done = run(*RUN, *words, "--corrections", "labelme", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["taken_in"]["problems"] == ["0.png#1: a point has no area"]


def test_drawn_boxes_are_taken_in_when_asked(run, tmp_path):
    words = ("--box", "5,5,30,30", "--format", "coco", "--corrections", "coco")
    run(*RUN, *words[:4])
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    content["annotations"][0].update(segmentation=None, bbox=[1, 1, 10, 10])
    (tmp_path / "out" / "coco.json").write_text(json.dumps(content))
    done = run(*RUN, *words)
    assert done.exit_code == 1
    assert "the annotation has no segmentation" in done.stderr
    done = run(*RUN, *words, "--boxes")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "1 image corrected by hand" in done.stdout


def test_bad_boxes_of_a_file_are_named_and_the_exit_status_is_zero(run, tmp_path):
    boxes = [{"id": 1, "image_id": 1, "bbox": [5, 5, 20, 20]}, {"id": 918, "image_id": 1, "bbox": [5, 5, 5.5, 0.0]}]
    (tmp_path / "c.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "0.png"}], "annotations": boxes}))
    done = run("annotate", "c.json", "--images", "images", "--model", "fake", "--out", "out")
    assert done.exit_code == 0, done.stderr
    assert "1 image annotated with 1 object" in done.stdout
    assert "1 prompt of the source dropped: 0.png: annotation 918: its box has no area" in done.stdout
    missing = run("annotate", "c.json", "--model", "fake", "--out", "other")
    assert missing.exit_code == 1
    assert "give the folder of the images (--images, or images=)" in missing.stderr


def test_a_run_that_does_something_else_is_wrong_usage(run):
    run(*RUN, "--box", "5,5,30,30")
    done = run(*RUN, "--box", "5,5,30,31")
    assert done.exit_code == 2
    assert "was" in done.stderr
    assert "31" in done.stderr


def test_control_c_says_how_to_go_on(run, add_model):
    class Interrupted(FakeSegmenter):
        def open(self, image):
            raise KeyboardInterrupt

    add_model("fake", "segmenter", lambda _: Interrupted())
    done = run(*RUN, "--box", "5,5,30,30")
    assert done.exit_code == 130
    assert "the same command continues" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing to segment"),
        (("--text", "dog"), "give --detector"),
        (("--box", "1,2"), "x0,y0,x1,y1"),
        (("--everything", "--format", "cocoa"), "there is no format 'cocoa'"),
        (("--everything", "--format-option", "images"), "FORMAT.OPTION=VALUE"),
        (("--everything", "--format-option", "yolo.images=copy"), "which is not written"),
        (("--everything", "--config", "p.yaml"), "leave out --model"),
        (("--everything", "--executor", "spark"), "'local' or 'ray'"),
        (("--everything", "--workers", "2"), "executor 'ray'"),
        (("--everything", "--limit", "0"), "limit"),
        (("--everything", "--corrections", "labelmi"), "corrections are FORMAT or FORMAT=PATH"),
    ],
)
def test_wrong_usage_is_told_with_exit_status_two(run, tmp_path, words, message):
    done = run(*RUN, *words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_source_that_is_not_there_is_named(run):
    done = run("annotate", "nowhere", "--everything", "--out", "out")
    assert done.exit_code == 1
    assert "there is no nowhere" in done.stderr


SCENE = ("annotate", "scene.png", "--model", "blobs", "--everything", "--out", "out", "--tile", 128)


@pytest.fixture
def scene(tmp_path, add_model):
    """A raster with a bright rectangle that the border of two tiles cuts, and a model that finds it."""
    add_model("blobs", "segmenter", lambda _: BlobSegmenter())
    Image.fromarray(sheet(200, 280, [(100, 40, 150, 60)])).save(tmp_path / "scene.png")


@pytest.mark.usefixtures("scene")
def test_a_raster_is_annotated_by_tiles_and_its_objects_are_written_as_a_whole(run, tmp_path):
    done = run(*SCENE)
    assert done.exit_code == 0, done.stderr
    assert "6 tiles annotated with 1 object" in done.stdout
    (feature,) = json.loads((tmp_path / "out" / "objects.geojson").read_text())["features"]
    assert min(map(tuple, feature["geometry"]["coordinates"][0])) == (100.0, 40.0)


@pytest.mark.usefixtures("scene")
def test_the_options_of_rasters_reach_the_library(run, monkeypatch):
    given = []
    monkeypatch.setattr("promptseg.annotation.run.annotate", lambda *_, **settings: given.append(settings) or SystemExit())
    words = ("--overlap", 32, "--scale", "1,0.5", "--bands", "3,2,1", "--stretch", "1,99.5", "--prompts", "p.gpkg", "--whole")
    with pytest.raises(AttributeError):  # What stands in for the summary is none.
        run(*SCENE, *words)
    names = ("tile", "overlap", "scale", "bands", "stretch", "prompts_from", "whole", "formats")
    assert [given[0][name] for name in names] == [128, 32, (1.0, 0.5), [3, 2, 1], (1.0, 99.5), Path("p.gpkg"), True, None]


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--scale", "a"), "--scale takes numbers with commas between, such as --scale 1,0.25, got 'a'"),
        (("--bands", "1.5"), "--bands takes whole numbers"),
        (("--stretch", ""), "--stretch takes numbers with commas between"),
    ],
)
def test_numbers_that_cannot_be_read_are_refused(words, message, run):
    done = run(*SCENE, *words)
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.usefixtures("scene")
def test_an_image_of_too_many_pixels_names_the_option_for_tiles(run, monkeypatch):
    monkeypatch.setattr("promptseg.image_formats.MAX_PIXELS", 50_000)
    done = run("annotate", "scene.png", "--model", "blobs", "--everything", "--out", "out")
    assert done.exit_code == 1
    assert "--tile 1024" in done.stderr
