import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg import Masks, Pipeline, metrics
from promptseg.datasets.formats.paired_masks import read_paired_masks
from promptseg.errors import BackendError, ConfigError, IncompatibleStagesError, InputError
from promptseg.evaluation import objects as evaluated_objects
from promptseg.evaluation.results import Evaluation
from promptseg.evaluation.simulation import Box, parse_prompt_protocol
from promptseg.testing import FakeDetector, FakeSegmenter


@pytest.fixture
def model():
    return FakeSegmenter(radius=7.5)


def test_the_box_of_a_rectangle_is_segmented_in_full_and_that_of_a_disc_in_part(dataset, model):
    run = promptseg.evaluate(dataset, model=model, prompt="box", baselines=False)
    by_label = {label: [row for row in run.rows if row.label == label] for label in "12"}
    assert [row.iou for row in by_label["1"]] == [1, 1, 1]
    disc = by_label["2"][0]
    truth = dataset.entries[0].read().objects[1].mask
    assert disc.iou == pytest.approx(truth.area / 15**2)
    assert (disc.precision, disc.recall) == (disc.iou, 1)
    assert disc.box == tuple(truth.box.tolist())


def test_rows_have_every_metric_of_the_prediction(dataset, model):
    run = promptseg.evaluate(dataset, model=model, prompt="point", baselines=False)
    for image in dataset:
        session = model.open(image.path)
        for true in image.objects:
            (row,) = (row for row in run.rows if row.name == true.name)
            predicted = session.segment([promptseg.Prompt.point(*row.points[0][:2])])[0]
            assert {name: getattr(row, name) for name in vars(metrics.measure(predicted, true.mask))} == vars(
                metrics.measure(predicted, true.mask)
            )
            assert (row.image, row.area, row.height, row.width, row.score) == (image.name, true.mask.area, 60, 80, 0.9)


def test_the_best_of_the_candidates_stands_beside_the_selected_one(dataset, model):
    run = promptseg.evaluate(dataset, model=model, prompt="point", baselines=False)
    assert all(row.best_iou >= row.iou for row in run.rows)
    # Discs are segmented in full; of rectangles of 20 x 30 the disc of twice the radius has more.
    assert all((row.best_iou > row.iou) == (row.label == "1") for row in run.rows)
    assert run.selection["gap"]["mean"] == pytest.approx(np.mean([row.best_iou - row.iou for row in run.rows]))


def test_a_model_with_one_candidate_has_no_gap(dataset, model):
    assert promptseg.evaluate(dataset, model=model, prompt="box", baselines=False).selection is None


def test_the_aggregates_are_those_of_the_rows(dataset, model):
    content = promptseg.evaluate(dataset, model=model, prompt="box", baselines=False).to_dict()
    ious = [row["iou"] for row in content["per_object"]]
    assert (content["model"], content["prompt"], content["objects"], content["images"]) == ("fake-segmenter", "box", 6, 3)
    assert content["iou_mean"] == pytest.approx(np.mean(ious))
    assert content["iou_std"] == pytest.approx(np.std(ious, ddof=1))
    assert content["iou_ci95"][0] <= content["iou_mean"] <= content["iou_ci95"][1]
    for name in ("dice", "precision", "recall", "boundary_iou", "boundary_f"):
        assert content[f"{name}_mean"] == pytest.approx(np.mean([row[name] for row in content["per_object"]]))
    assert content["seconds_per_image"] == pytest.approx(np.mean([image["seconds"] for image in content["per_image"]]))
    assert content["by_class"]["1"]["mean"] == 1
    assert set(content["by_size"]) == {"small"}


def test_scores_are_held_against_what_they_predict(dataset, model):
    calibration = promptseg.evaluate(dataset, model=model, prompt="box", baselines=False).calibration
    ious = np.array([row.iou for row in promptseg.evaluate(dataset, model=model, prompt="box", baselines=False).rows])
    assert calibration["bias"] == pytest.approx((0.95 - ious).mean())
    assert calibration["error"] == pytest.approx(np.abs(0.95 - ious).mean())
    assert calibration["correlation"] is None
    assert [(one["from"], one["objects"]) for one in calibration["bins"]] == [(0.9, 6)]


def test_clicks_are_made_until_nothing_is_wrong_and_counted_to_each_goal(dataset, model):
    run = promptseg.evaluate(dataset, model=model, prompt="clicks:6", baselines=False)
    discs = [row for row in run.rows if row.label == "2"]
    assert all(row.click_ious[0] == 1 and len(row.click_ious) == 1 for row in discs)
    rectangles = [row for row in run.rows if row.label == "1"]
    assert all(len(row.click_ious) == len(row.points) == 6 and row.iou == row.click_ious[-1] for row in rectangles)
    needed = [next((n for n, iou in enumerate(row.click_ious, 1) if iou >= 0.85), 6) for row in run.rows]
    assert run.clicks["to_85"]["mean"] == pytest.approx(np.mean(needed))
    assert run.clicks["to_90"]["reached"] == np.mean([max(row.click_ious) >= 0.9 for row in run.rows])
    assert len(run.clicks["iou_mean_after"]) == 6


def test_everything_gives_each_object_a_mask_of_its_own(tmp_path, photo, model):
    labels = np.zeros((60, 80), np.uint8)
    labels[:30, :40], labels[:30, 40:] = 1, 2
    for name, array in (("images", photo(60, 80)), ("masks", labels)):
        (tmp_path / name).mkdir()
        Image.fromarray(array).save(tmp_path / name / "a.png")
    run = promptseg.evaluate(
        read_paired_masks(tmp_path / "images", tmp_path / "masks"), model=model, prompt="everything:2", baselines=False
    )
    assert [row.iou for row in run.rows] == [1, 1]
    assert run.images[0].unmatched == 2


def test_text_gives_objects_the_masks_of_their_class(dataset, add_model):
    add_model(
        "det", "detector", lambda _: FakeDetector({"1": [(5, 5, 35, 25)], "2": [(0, 50, 20, 60), (48, 28, 63, 43)], "3": [(0, 0, 9, 9)]})
    )
    add_model("seg", "segmenter", lambda _: FakeSegmenter())
    pipeline = Pipeline().detect("det").segment("seg").build()
    run = promptseg.evaluate(dataset, model=pipeline, prompt="text", baselines=False)
    first = [row for row in run.rows if row.image == "0.png"]
    assert first[0].iou == 1
    assert first[1].iou == pytest.approx(first[1].area / 15**2)
    assert run.images[0].unmatched == 1
    assert run.model == "fake-detector + fake-segmenter"


def test_beside_masks_by_text_stand_the_boxes_that_the_detector_found(dataset, add_model):
    add_model("det", "detector", lambda _: FakeDetector({"1": [(0, 0, 40, 30)], "2": [(48, 28, 63, 43)]}))
    add_model("seg", "segmenter", lambda _: FakeSegmenter())
    run = promptseg.evaluate(dataset, model=Pipeline().detect("det").segment("seg").build(), prompt="text")
    first = [row for row in run.rows if row.image == "0.png"]
    assert [row.baselines["detected_box"] for row in first] == [
        pytest.approx(first[0].area / (30 * 40)),
        pytest.approx(first[1].area / 15**2),
    ]
    assert "whole_image" in first[0].baselines
    assert "detected box" in str(run)


def test_a_phrase_that_is_no_class_asks_for_all_of_an_object_together(dataset, add_model):
    add_model("det", "detector", lambda _: FakeDetector({"thing": [(5, 5, 20, 25), (20, 5, 35, 25)]}))
    add_model("seg", "segmenter", lambda _: FakeSegmenter())
    pipeline = Pipeline().detect("det").segment("seg").build()
    run = promptseg.evaluate(dataset, model=pipeline, prompt="text:thing", baselines=False)
    assert run.rows[0].iou == 1


def test_text_without_a_detector_is_refused_before_anything_is_read(dataset, model):
    with pytest.raises(IncompatibleStagesError, match="detector"):
        promptseg.evaluate(dataset, model=model, prompt="text")


def test_baselines_are_the_filled_box_and_superpixels_by_the_same_prompts(dataset, model):
    pytest.importorskip("skimage", reason="superpixels need scikit-image")
    run = promptseg.evaluate(dataset, model=model, prompt="box:0.2", seed=3)
    superpixel = promptseg.load("superpixel")
    for image in dataset:
        session = superpixel.open(image.path)
        for true in image.objects:
            (row,) = (row for row in run.rows if row.name == true.name)
            box = promptseg.Prompt.box(*row.box)
            assert row.baselines["superpixel"] == metrics.iou(session.segment([box])[0], true.mask)
            assert row.baselines["filled_box"] == row.iou  # The fake fills the box, too.
    assert run.baselines["filled_box"]["above"].mean == 0
    assert run.baselines["superpixel"]["iou"].mean == pytest.approx(np.mean([row.baselines["superpixel"] for row in run.rows]))


def test_without_a_box_the_baseline_is_the_whole_image(dataset, model):
    run = promptseg.evaluate(dataset, model=model, prompt="point")
    assert run.rows[0].baselines["whole_image"] == pytest.approx(run.rows[0].area / 4800)
    assert "filled_box" not in run.rows[0].baselines


def test_superpixels_are_computed_once_for_each_question(dataset, model, monkeypatch):
    pytest.importorskip("skimage", reason="superpixels need scikit-image")
    first = promptseg.evaluate(dataset, model=model, prompt="point:random", seed=1)
    real, opened = evaluated_objects.superpixels(), []

    class Counting:
        def open(self, image):
            opened.append(image)
            return real.open(image)

    monkeypatch.setattr(evaluated_objects, "superpixels", Counting)
    again = promptseg.evaluate(dataset, model=model, prompt="point:random", seed=1)
    assert [row.baselines for row in again.rows] == [row.baselines for row in first.rows]
    assert opened == []
    promptseg.evaluate(dataset, model=model, prompt="point:random", seed=2)
    assert len(opened) == 3


def test_without_scikit_image_the_other_baselines_are_there(dataset, model, monkeypatch):
    monkeypatch.setattr(evaluated_objects, "superpixels", lambda: None)
    assert set(promptseg.evaluate(dataset, model=model, prompt="box").baselines) == {"filled_box"}


def test_prompts_of_an_object_do_not_depend_on_the_others(dataset, model):
    everyone = promptseg.evaluate(dataset, model=model, prompt="box:0.3", seed=5, baselines=False)
    alone = promptseg.evaluate(dataset.only(["2.png"]), model=model, prompt="box:0.3", seed=5, baselines=False)
    assert [row.box for row in alone.rows] == [row.box for row in everyone.rows if row.image == "2.png"]
    assert [row.box for row in promptseg.evaluate(dataset, model=model, prompt="box:0.3", seed=6, baselines=False).rows] != [
        row.box for row in everyone.rows
    ]


def test_what_cannot_be_used_is_found_and_changes_nothing_for_the_others(folder, dataset, model):
    clean = promptseg.evaluate(dataset, model=model, baselines=False)
    path = folder / "images" / "1.png"
    path.write_bytes(path.read_bytes()[:-40])
    run = promptseg.evaluate(dataset, model=model, baselines=False)
    assert [(finding.source, finding.kind) for finding in run.findings] == [("1.png", "unreadable")]
    assert [row.name for row in run.rows] == [row.name for row in clean.rows if row.image != "1.png"]


def test_an_image_on_which_the_model_fails_is_found_and_changes_nothing_for_the_others(dataset, model):
    class Failing(FakeSegmenter):
        def open(self, image):
            if (image == promptseg.load_image(dataset.entries[1].read().path)).all():
                raise BackendError("the model gave up")
            return model.open(image)

    run = promptseg.evaluate(dataset, model=Failing(), baselines=False)
    assert [(finding.source, finding.kind, finding.message) for finding in run.findings] == [("1.png", "failed", "the model gave up")]
    assert len(run.images) == 2


def test_the_same_image_under_two_names_is_named(folder, dataset, model, photo):
    Image.fromarray(photo(60, 80, 0)).save(folder / "images" / "2.png")
    run = promptseg.evaluate(dataset, model=model, baselines=False)
    assert "the same image occurs 2 times: 0.png, 2.png" in [finding.message for finding in run.findings]
    assert {row.image: row.group for row in run.rows} == {"0.png": "0.png", "1.png": "1.png", "2.png": "0.png"}


def test_frames_of_one_sequence_are_drawn_together(folder, model):
    from promptseg.datasets.formats.davis import read_davis

    for name, part in (("images", "JPEGImages"), ("masks", "Annotations")):
        (folder / part / "dog").mkdir(parents=True)
        for path in (folder / name).iterdir():
            path.rename(folder / part / "dog" / path.name)
    run = promptseg.evaluate(read_davis(folder), model=model, baselines=False)
    assert {row.group for row in run.rows} == {"dog"}
    assert run.metrics["iou"].ci95 is None


def test_nothing_to_evaluate_is_an_error_that_says_why(folder, model):
    for index in range(3):
        Image.fromarray(np.zeros((60, 80), np.uint8)).save(folder / "masks" / f"{index}.png")
    with pytest.raises(InputError, match=r"no object to evaluate(.|\n)*0\.png: the image has no objects"):
        promptseg.evaluate(folder / "images", folder / "masks", model=model)


def test_folders_and_datasets_are_taken(folder, dataset, model):
    by_folders = promptseg.evaluate(folder / "images", folder / "masks", model=model, baselines=False)
    assert [row.iou for row in by_folders.rows] == [row.iou for row in promptseg.evaluate(dataset, model=model, baselines=False).rows]
    with pytest.raises(ConfigError, match="none of them"):
        promptseg.evaluate(folder / "images", model=model)
    with pytest.raises(ConfigError, match="leave out masks"):
        promptseg.evaluate(dataset, folder / "masks", model=model)
    with pytest.raises(ConfigError, match="model given by name"):
        promptseg.evaluate(dataset, model=model, weights="here")
    with pytest.raises(ConfigError, match="model given by name"):
        promptseg.evaluate(dataset, model=model, options={"quantize": "int8"})


def test_options_reach_the_segmenter_that_is_given_by_name(dataset, add_model):
    requests = []
    add_model("seg", "segmenter", lambda request: requests.append(request) or FakeSegmenter(), options={"quantize": None})
    promptseg.evaluate(dataset, model="seg", options={"quantize": "int8"}, baselines=False)
    assert [request.options for request in requests] == [{"quantize": "int8"}]
    with pytest.raises(ConfigError, match=r"options are names with values.* got .int8"):
        promptseg.evaluate(dataset, model="seg", options="int8", baselines=False)


def test_a_run_is_saved_and_read_again(dataset, model, tmp_path):
    run = promptseg.evaluate(dataset, model=model, prompt=Box(0.1))
    run.save(tmp_path / "run.json")
    again = Evaluation.load(tmp_path / "run.json")
    assert again == run
    assert json.loads((tmp_path / "run.json").read_text())["prompt"] == "box:0.1"


def test_what_is_no_run_is_refused_by_name(tmp_path):
    for content in ("{}", "[]", '{"format": "other"}', "no"):
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(InputError, match=r"x\.json"):
            Evaluation.load(tmp_path / "x.json")


def test_rows_are_written_as_csv(dataset, model, tmp_path):
    import csv

    run = promptseg.evaluate(dataset, model=model, prompt="box")
    run.save_rows(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["iou"]) for row in rows] == [row.iou for row in run.rows]
    assert json.loads(rows[0]["box"]) == list(run.rows[0].box)
    assert float(rows[0]["baseline_filled_box"]) == run.rows[0].baselines["filled_box"]


def test_rows_are_written_as_parquet(dataset, model, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    run = promptseg.evaluate(dataset, model=model, prompt="box", baselines=False)
    run.save_rows(tmp_path / "rows.parquet")
    table = parquet.read_table(tmp_path / "rows.parquet").to_pydict()
    assert table["iou"] == [row.iou for row in run.rows]
    assert table["name"] == [row.name for row in run.rows]


def test_the_table_says_what_was_measured(dataset, model):
    told = str(promptseg.evaluate(dataset, model=model, prompt="point"))
    for expected in ("fake-segmenter by point on 6 objects of 3 images (seed 0)", "boundary F", "whole image", "best candidate masks"):
        assert expected in told


def test_objects_get_masks_by_the_best_overlap_first():
    from promptseg import Mask
    from promptseg.datasets.core import AnnotatedObject
    from promptseg.evaluation.predictions import match_masks

    def strip(start, stop, label=None):
        pixels = np.zeros((1, 20), bool)
        pixels[0, start:stop] = True
        return Mask.from_array(pixels, label=label)

    objects = [AnnotatedObject("a", strip(0, 10, "x")), AnnotatedObject("b", strip(0, 6, "y"))]
    masks = Masks([strip(0, 7, "x"), strip(0, 3, "y")])
    # The first mask overlaps b by 6 of 7 and a by 7 of 10: b gets it, and a the rest.
    assert [prediction.mask.area for prediction in match_masks(masks, objects)] == [3, 7]
    assert [prediction.mask.area for prediction in match_masks(masks, objects, by_label=True)] == [7, 3]
    assert match_masks(Masks([strip(15, 20)]), objects)[0].mask.area == 0
    assert [prediction.mask.area for prediction in match_masks(Masks([], (1, 20)), objects)] == [0, 0]


@pytest.mark.parametrize("name", ["box", "box:0.1", "point", "point:random", "grid:2", "clicks:2", "everything:4"])
def test_every_protocol_is_written_as_its_name(dataset, model, name):
    assert promptseg.evaluate(dataset, model=model, prompt=name, baselines=False).prompt == parse_prompt_protocol(name).name == name


def test_objects_are_classed_by_size_as_coco_does(dataset, model):
    row = promptseg.evaluate(dataset, model=model, baselines=False).rows[0]
    assert [replace(row, area=area).size for area in (1, 1023, 1024, 9215, 9216)] == ["small", "small", "medium", "medium", "large"]


@pytest.mark.weights
@pytest.mark.shared
def test_a_second_run_finds_the_embeddings_of_the_first(mini_sam, shared, tmp_path, monkeypatch):
    monkeypatch.setattr(mini_sam, "cache", promptseg.EmbeddingCache(folder=tmp_path))
    images = read_paired_masks(shared / "data/flood_area/images", shared / "data/flood_area/masks").only(["0.jpg", "1008.jpg"])
    first, second = (promptseg.evaluate(images, model=mini_sam, prompt=name, baselines=False) for name in ("box", "point"))
    assert [image.cached for image in first.images] == [False, False]
    assert [image.cached for image in second.images] == [True, True]


def test_of_many_classes_the_ten_with_the_most_objects_are_told(dataset, model):
    run = promptseg.evaluate(dataset, model=model, baselines=False)
    rows = [
        replace(run.rows[0], name=f"{label}{index}", label=label) for label in "abcdefghijkl" for index in range(2 if label == "l" else 1)
    ]
    many = replace(run, rows=tuple(rows))
    told = [line.split()[1] for line in str(many).splitlines() if line.startswith("  class ")]
    assert told == ["l:", "a:", "b:", "c:", "d:", "e:", "f:", "g:", "h:", "i:"]
    assert "and 2 more classes, in the JSON" in str(many)
    assert list(many.to_dict()["by_class"])[:2] == ["l", "a"]


def test_progress_counts_the_images(dataset, model):
    reports = []
    promptseg.evaluate(dataset, model=model, prompt="box", baselines=False, progress=reports.append)
    assert [(report.stage, report.done, report.unit) for report in reports] == [
        ("evaluate", done, "image") for done in range(len(dataset) + 1)
    ]
