"""Examples on the command line: ``--like``, ``--unlike``, ``--label`` and ``--concept``."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptseg.cli.concepts import place_of, with_examples
from promptseg.errors import InputError, PromptError
from promptseg.testing import FakeConceptSegmenter, FakeConceptVideoSegmenter, FakeSegmenter


@pytest.fixture(autouse=True)
def _finder(add_model):
    found = {"dog": [(1, 1, 9, 9)]}
    add_model("finder", "concept", lambda _: FakeConceptSegmenter(found), accepts=frozenset({"text", "example"}))
    add_model("mini-sam", "segmenter", lambda _: FakeSegmenter())  # Its published weights would be fetched by each test.
    add_model("shower", "concept", lambda _: FakeConceptSegmenter(), accepts=frozenset({"example"}))


def example(text):
    (concept,) = with_examples([], [text], None, None, joined=False)
    return concept.examples[0]


class TestParsing:
    def test_an_image_and_a_box(self, save_image):
        one = example(f"{save_image('a.png')}:box=10,12,30,40")
        assert one.image.shape == (60, 80, 3)
        assert one.prompt.xyxy.tolist() == [10, 12, 30, 40]

    def test_without_an_image_it_is_in_the_searched_one(self):
        one = example("point=3,4:point=5,6,0:box=1,1,9,9")
        assert one.image is None
        assert repr(one.prompt) == "Prompt.point(3, 4) + Prompt.point(5, 6, foreground=False) + Prompt.box(1, 1, 9, 9)"

    def test_a_path_may_have_a_colon(self, save_image, tmp_path):
        (tmp_path / "c:").mkdir()
        Image.open(save_image("a.png")).save("c:/a:1.png")
        assert example("c:/a:1.png:point=3,4").image is not None

    def test_a_mask_comes_from_a_file(self, save_image):
        mask = np.zeros((60, 80), np.uint8)
        mask[10:20, 30:50] = 255
        Image.fromarray(mask).save("m.png")
        one = example(f"{save_image('a.png')}:mask=m.png")
        assert one.prompt.mask_pixels.box.tolist() == [30, 10, 50, 20]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a.png", r"--like says where the example is, as IMAGE:box=.*; got 'a\.png'"),
            ("", "says where the example is"),
            ("box=1,2,3", r"--like …:box= takes x0,y0,x1,y1, got '1,2,3'"),
            ("box=1,2,30,40:cat=1", r"after the image, got 'cat'"),
            ("point=x,2", r"--like …:point= takes numbers"),
            ("box=1,2,30,40:box=1,2,30,40", "one object has one box"),
        ],
    )
    def test_what_is_not_written_like_an_example_is_refused(self, text, message):
        with pytest.raises(PromptError, match=message):
            place_of("--like", text)

    @pytest.mark.parametrize("name", ["a.png:", ""], ids=["another image", "the searched image"])
    def test_an_example_outside_its_image_is_refused(self, run, save_image, name):
        done = run("segment", save_image("a.png"), "--concept", "finder", "--like", f"{name}point=500,3")
        assert done.exit_code == 1
        assert "outside the image" in done.stderr

    @pytest.mark.parametrize("values", [(), (1, 2)], ids=["none", "two"])
    def test_a_mask_of_several_objects_or_none_is_refused(self, values, save_image):
        mask = np.zeros((60, 80), np.uint8)
        for value in values:
            mask[value * 10 : value * 10 + 5] = value
        Image.fromarray(mask).save("m.png")
        with pytest.raises(InputError, match=f"shows one object, got {len(values)} in m.png"):
            place_of("--like", f"{save_image('a.png')}:mask=m.png")

    def test_several_examples_make_one_concept(self):
        (concept,) = with_examples([], ["point=1,1", "point=5,5"], ["point=9,9"], "cell", joined=False)
        assert [one.positive for one in concept.examples] == [True, True, False]
        assert concept.label == "cell"


class TestSegment:
    def test_what_is_like_an_example_of_another_image_is_found(self, run, save_image):
        like = f"{save_image('a.png')}:box=10,12,30,40"
        done = run("segment", save_image("b.png", seed=1), "--concept", "finder", "--like", like, "--label", "cell", "--json")
        result = json.loads(done.stdout)
        assert [(mask["label"], mask["box"], mask["score_kind"]) for mask in result["masks"]] == [("cell", [10, 12, 30, 40], "concept")]

    def test_what_was_found_is_told_with_the_presence(self, run, save_image):
        done = run("segment", save_image("a.png"), "--concept", "finder", "--text", "cat", "--like", "box=10,12,30,40", "--out", "o")
        assert "cat 1 (presence 1.00)" in done.stdout
        assert "cat: 12 % of the image, score 0.95" in done.stdout

    def test_a_phrase_and_examples_are_one_concept_for_a_model_that_takes_both(self, run, save_image):
        words = ["segment", save_image("a.png"), "--concept", "finder", "--text", "dog", "--like", "box=10,12,30,40", "--json"]
        result = json.loads(run(*words).stdout)
        assert [prompt["concept"]["phrase"] for prompt in result["prompts"]] == ["dog"]
        assert len(result["masks"]) == 2

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--unlike", "box=1,1,9,9"], "--unlike box=1,1,9,9 belongs to --like, and there is none"),
            (["--box", "1,1,9,9", "--label", "cell"], "--label cell belongs to --like"),
            (["--concept", "shower", "--text", "dog"], "--text 'dog' needs a detector for phrases"),
            (["--like", "a.png"], "--like says where the example is"),
            (
                ["--config", "p.yaml", "--concept", "finder", "--like", "point=1,1"],
                "leave out --model, --fallback, --detector and --concept",
            ),
        ],
    )
    def test_options_that_do_not_fit_together_are_wrong_usage(self, run, save_image, words, message):
        done = run("segment", save_image("a.png"), *words)
        assert done.exit_code == 2
        assert message in done.stderr

    def test_an_example_image_that_cannot_be_read_is_an_error_before_any_model_is_loaded(self, run, save_image):
        done = run("segment", save_image("a.png"), "--concept", "finder", "--like", "absent.png:point=1,1")
        assert done.exit_code == 1
        assert "absent.png" in done.stderr


def test_a_concept_model_with_a_tracker_of_its_own_finds_and_tracks_in_one(run, add_model, save_image):
    pytest.importorskip("av", reason="the overlay is a video, which needs av")
    Path("clip").mkdir()
    for index in range(2):
        save_image(f"clip/{index}.png", seed=index)
    add_model("found", "video", lambda _: FakeConceptVideoSegmenter({"dog": [(1, 1, 9, 9)]}), accepts=frozenset({"text"}))
    add_model(
        "both", "concept", lambda _: pytest.fail("the model for images is not needed"), accepts=frozenset({"text"}), video="found backend"
    )
    done = run("track", "clip", "--concept", "both", "--text", "dog", "--no-timeline", "--out", "out", "--json")
    assert done.exit_code == 0, done.stderr
    assert [(event["kind"], event["label"]) for event in json.loads(done.stdout)["events"]] == [("added", "dog")]


def test_annotate_finds_what_is_like_an_example_with_the_segmenter_in_several_images(run, save_image, add_model):
    add_model("cutter", "segmenter", lambda _: FakeSegmenter())
    like = f"{save_image('a.png')}:box=10,12,30,40"
    Path("images").mkdir()
    for seed in range(3):
        save_image(f"images/{seed}.png", seed=seed)
    for _ in range(2):  # The second run takes all from the journal.
        done = run("annotate", "images", "--model", "cutter", "--like", like, "--label", "cell", "--out", "data")
        assert done.exit_code == 0, done.stderr
    assert len(json.loads(Path("data/coco.json").read_text())["images"]) == 3


def test_annotate_labels_what_is_like_an_example(run, save_image):
    like = f"{save_image('a.png')}:box=10,12,30,40"
    done = run("annotate", save_image("b.png"), "--concept", "finder", "--like", like, "--label", "cell", "--out", "data")
    assert done.exit_code == 0, done.stderr
    written = json.loads(Path("data/coco.json").read_text())
    assert [category["name"] for category in written["categories"]] == ["cell"]
    assert len(written["annotations"]) == 1
