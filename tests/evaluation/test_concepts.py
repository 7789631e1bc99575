"""Evaluation of concept segmenters, with fakes that find the shape of an example at its place in another image."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg import Mask, Masks
from promptseg.datasets.formats.davis import read_davis
from promptseg.datasets.formats.paired_masks import read_paired_masks
from promptseg.errors import ConfigError, IncompatibleStagesError, InputError
from promptseg.evaluation import run as evaluation_run
from promptseg.evaluation.concepts import phrases_for
from promptseg.evaluation.failures import find_failures
from promptseg.evaluation.overlays import draw_overlays
from promptseg.evaluation.report import write_report
from promptseg.evaluation.results import Evaluation
from promptseg.evaluation.simulation import Examples, parse_prompt_protocol
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import parse_config
from promptseg.protocols import ConceptMasks
from promptseg.testing import FakeConceptSegmenter, FakeSegmenter


@pytest.fixture(autouse=True)
def small_everything(monkeypatch, tmp_path):
    monkeypatch.setenv("PROMPTSEG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(evaluation_run, "load_segmenter", FakeSegmenter)


@pytest.fixture
def mixed(folder):
    """The images of `folder`, and one more that shows label 1 alone."""
    labels = np.zeros((60, 80), np.uint8)
    labels[5:25, 5:35] = 1
    Image.fromarray(labels).save(folder / "masks" / "3.png")
    Image.open(folder / "images" / "0.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "images" / "3.png")
    return read_paired_masks(folder / "images", folder / "masks")


def evaluate(dataset, model=None, prompt="example:1", **options):
    return promptseg.evaluate(dataset, model=model or FakeConceptSegmenter(), prompt=prompt, **{"baselines": False, **options})


@pytest.mark.parametrize(
    ("name", "protocol"),
    [("example", Examples(1)), ("example:5", Examples(5)), ("example:2:same", Examples(2, same=True)), ("example:2:other", Examples(2))],
)
def test_the_protocol_says_how_many_examples_and_whence(name, protocol):
    assert parse_prompt_protocol(name) == protocol
    assert parse_prompt_protocol(protocol.name) == protocol


@pytest.mark.parametrize("name", ["example:0", "example:x", "example:1:here", "example:1:", "example:257", "example:-1"])
def test_what_is_no_number_of_examples_is_refused(name):
    with pytest.raises(ConfigError):
        parse_prompt_protocol(name)


def test_a_row_is_the_union_of_the_objects_of_a_class(dataset):
    run = evaluate(dataset)
    assert [(row.image, row.label) for row in run.rows] == [(f"{index}.png", label) for index in range(3) for label in "12"]
    for image, row in zip([image for image in dataset for _ in "12"], run.rows, strict=True):
        truth = next(true for true in image.objects if true.label == row.label)
        assert row.area == truth.mask.area
    assert (run.prompt, run.model) == ("example:1", "fake-concept-segmenter")


def test_examples_are_objects_of_the_class_in_other_images(dataset):
    run = evaluate(dataset, prompt="example:2")
    for row in run.concepts:
        assert len(row.examples) == 2
        images = [name.partition("#")[0] for name in row.examples]
        assert row.image not in images
        assert len(set(images)) == 2
    labels = {true.name: true.label for image in dataset for true in image.objects}
    assert all(labels[name] == row.concept for row in run.concepts for name in row.examples)


def test_a_model_that_works_on_another_is_named_with_it(dataset):
    for backend, name in (("exemplar", "exemplar on mini-sam"), ("onnx_sam", "mini-sam")):
        provenance = replace(FakeConceptSegmenter().provenance, model="mini-sam", backend=backend)
        assert evaluate(dataset, FakeConceptSegmenter(provenance=provenance)).model == name


def test_the_seed_decides_about_examples(dataset):
    names = [[row.examples for row in evaluate(dataset, seed=seed).concepts] for seed in (0, 0, 1, 2)]
    assert names[0] == names[1]
    assert names[0] != names[2] or names[0] != names[3]


def test_fewer_examples_than_asked_for_are_all_there_are(dataset):
    assert {len(row.examples) for row in evaluate(dataset, prompt="example:5").concepts} == {2}


def test_a_class_of_one_image_has_no_example_and_a_finding_says_so(folder):
    labels = np.zeros((60, 80), np.uint8)
    labels[:9, :9], labels[20:40, 20:40] = 7, 1
    Image.fromarray(labels).save(folder / "masks" / "0.png")
    run = evaluate(read_paired_masks(folder / "images", folder / "masks"))
    assert "7" not in {row.concept for row in run.concepts}
    assert [(one.source, one.kind) for one in run.findings if "every 7" in one.message] == [("0.png", "skipped")]


def test_images_without_a_class_tell_of_presence(mixed):
    run = evaluate(mixed)
    absent = [row for row in run.concepts if not row.instances]
    assert [(row.image, row.concept) for row in absent] == [("3.png", "2")]
    # The fake finds something wherever it is asked.
    assert run.instances["presence_auc"] == 0.5
    assert run.instances["il_mcc"] == 0
    assert {(row.image, row.label) for row in run.rows} == {(f"{i}.png", "1") for i in range(4)} | {(f"{i}.png", "2") for i in range(3)}


def test_an_image_that_may_show_a_class_in_an_ignored_region_is_no_image_without_it(mixed):
    crowd = Mask.from_crop(np.ones((5, 5), bool), (70, 50), (60, 80), label="2")
    entries = [replace(entry, load=lambda entry=entry: replace(entry.read(), ignored=(crowd,))) for entry in mixed.entries]
    assert all(row.instances for row in evaluate(replace(mixed, entries=tuple(entries))).concepts)


def test_a_phrase_asks_for_its_class(dataset):
    model = FakeConceptSegmenter({"1": [[5, 5, 35, 25]], "2": [[48, 28, 63, 43]]})
    run = evaluate(dataset, model, "text")
    assert next(row for row in run.rows if row.name == "0.png#all:1").iou == 1
    assert run.instances["ap_50"] == 1
    assert run.instances["cgf1"] is None


def test_phrases_of_your_own_ask_for_some_classes_or_for_the_only_one():
    assert phrases_for(["1", "2"], []) == {"1": "1", "2": "2"}
    assert phrases_for(["1", "2"], ["2|two"]) == {"2": "2|two"}
    assert phrases_for([""], ["flood water"]) == {"": "flood water"}
    assert phrases_for([""], []) == {"": "object"}
    with pytest.raises(ConfigError, match=r"classes of the dataset, which are \['1', '2'\]"):
        phrases_for(["1", "2"], ["a dog"])


def test_examples_of_the_same_image_leave_something_to_find(tmp_path, photo):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    labels = np.zeros((40, 60), np.uint8)
    for column in range(3):
        labels[5:15, 5 + 20 * column : 15 + 20 * column] = 1 + column
    Image.fromarray(photo(40, 60, 0)).save(tmp_path / "images" / "0.png")
    Image.fromarray(labels).save(tmp_path / "masks" / "0.png")
    dataset = read_paired_masks(tmp_path / "images", tmp_path / "masks")

    def unlabeled(entry):
        image = entry.read()
        return replace(image, objects=tuple(replace(true, mask=replace(true.mask, label=None)) for true in image.objects))

    dataset = replace(dataset, entries=tuple(replace(entry, load=lambda entry=entry: unlabeled(entry)) for entry in dataset.entries))
    run = evaluate(dataset, prompt="example:2:same")
    (row,) = run.concepts
    assert (row.concept, row.instances, len(row.examples)) == ("", 3, 2)
    assert run.instances["recall_50"] == pytest.approx(2 / 3)
    assert run.instances["count_error"] == 1
    with pytest.raises(InputError, match="no more objects of it than examples"):
        evaluate(dataset, prompt="example:3:same")


def test_frames_of_another_sequence_do_not_show_the_object(tmp_path, photo):
    for sequence, left in (("a", 0), ("b", 40)):
        for part in ("JPEGImages", "Annotations"):
            (tmp_path / part / sequence).mkdir(parents=True)
        for frame in range(2):
            labels = np.zeros((40, 60), np.uint8)
            labels[5:15, left + 5 : left + 15] = 255
            Image.fromarray(photo(40, 60, frame + left)).save(tmp_path / "JPEGImages" / sequence / f"{frame}.jpg")
            Image.fromarray(labels).save(tmp_path / "Annotations" / sequence / f"{frame}.png")
    run = evaluate(read_davis(tmp_path))
    assert sorted({(row.concept, row.image.partition("/")[0], row.instances) for row in run.concepts}) == [
        ("a", "a", 1),
        ("a", "b", 0),
        ("b", "a", 0),
        ("b", "b", 1),
    ]
    assert all(name.partition("/")[0] == row.concept for row in run.concepts for name in row.examples)
    assert [row.iou for row in run.rows] == [1, 1, 1, 1]


def test_baselines_stand_beside_the_figures(dataset):
    run = evaluate(dataset, baselines=True)
    assert list(run.instances["baselines"]) == ["whole_image", "everything_by_area", "everything_best_areas"]
    whole, every, best = run.instances["baselines"].values()
    assert whole["masks"] == len(run.concepts)
    assert whole["f1_50"] == 0
    assert whole["presence_auc"] is None
    assert every["masks"] == len(run.concepts) * 32 * 32  # The fake tiles the image.
    assert best["masks"] <= every["masks"]
    assert best["f1_50"] >= every["f1_50"]
    assert set(run.baselines) == {"whole_image", "everything_largest"}


def test_masks_of_everything_mode_are_cached(dataset, monkeypatch):
    first = evaluate(dataset, baselines=True)

    class Spent(FakeSegmenter):
        def open(self, image):
            raise AssertionError("the masks are cached")

    monkeypatch.setattr(evaluation_run, "load_segmenter", Spent)
    assert evaluate(dataset, baselines=True).concepts == first.concepts


def test_a_run_is_saved_and_loaded_and_printed(mixed, tmp_path):
    run = evaluate(mixed, baselines=True)
    run.save(tmp_path / "run.json")
    loaded = Evaluation.load(tmp_path / "run.json")
    assert loaded.concepts == run.concepts
    assert loaded.instances == run.instances
    text = str(loaded)
    assert "concepts: asked 7 times where it is, 1 times where it is not" in text
    assert "everything best areas" in text
    assert json.loads((tmp_path / "run.json").read_text())["instances"]["by_concept"]["1"]["present"] == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hits_50", [True, True]),
        ("scores", [0.5, 0.5]),
        ("presence", 7),
        ("ious", [-1.0]),
        ("confident", [0.1, 0.2, 0.3]),
        ("scores", [1e999]),
    ],
)
def test_a_saved_run_with_values_that_cannot_be_is_refused(dataset, name, value):
    content = json.loads(json.dumps(evaluate(dataset).to_dict()))
    content["per_concept"][0]["found"][name] = value
    with pytest.raises(InputError, match="not a saved evaluation"):
        Evaluation.from_dict(content)


def test_failures_and_views_and_reports_know_the_unions(dataset, tmp_path):
    run = evaluate(dataset, baselines=True)
    assert len(find_failures(run, dataset).traits) == len(run.rows)
    assert len(list(draw_overlays(run.rows[:1], dataset))) == 1
    write_report(run, dataset, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Instances of concepts" in page
    assert "everything best areas" in page


def test_a_pipeline_finds_examples_by_its_concept_stage(dataset):
    pipeline = BuiltPipeline(parse_config({"concept": {"model": "fake"}}), concept_segmenter=FakeConceptSegmenter())
    found = evaluate(dataset, pipeline)
    assert found.instances["masks"] == evaluate(dataset).instances["masks"] == 6


@dataclass(frozen=True)
class TextAlone(FakeConceptSegmenter):
    accepts = frozenset({"text"})


class ExamplesAlone(FakeConceptSegmenter):
    accepts = frozenset({"example"})


def test_a_model_or_protocol_that_does_not_fit_is_refused(dataset):
    with pytest.raises(IncompatibleStagesError, match="takes no examples: evaluate it with the prompt protocol 'text'"):
        evaluate(dataset, TextAlone())
    with pytest.raises(IncompatibleStagesError, match="reads no words: evaluate it with the prompt protocol 'example:1'"):
        evaluate(dataset, ExamplesAlone(), "text")
    with pytest.raises(IncompatibleStagesError, match="needs a concept segmenter"):
        evaluate(dataset, FakeSegmenter())
    with pytest.raises(IncompatibleStagesError, match="'example' or 'text'"):
        evaluate(dataset, prompt="box")


class Wrong(FakeConceptSegmenter):
    def open(self, image):
        class Session:
            def find(self, concepts):
                return [ConceptMasks(Masks([], (3, 3)), 0.0)]

        return Session()


def test_an_answer_that_does_not_fit_fails_its_image_alone(dataset):
    with pytest.raises(InputError, match=r"1 answers with masks of \[\(3, 3\)\] for 2 concepts"):
        evaluate(dataset, Wrong())
