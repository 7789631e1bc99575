"""Hints for wrong arguments: each tells what to write, and what it tells to write works."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import promptseg as ps
from promptseg._prompt_hints import DETECTING
from promptseg.errors import ConfigError, IncompatibleStagesError, PromptError
from promptseg.masks import Mask, Masks
from promptseg.pipeline import BuiltPipeline, Pipeline
from promptseg.pipeline.runner import BuiltPipeline as Built
from promptseg.prompts import Prompt, SpatialPrompt, TextPrompt
from promptseg.testing import FakeSegmenter

IMAGE = np.zeros((12, 16, 3), np.uint8)
MASK = Mask.from_array(np.eye(12, 16, dtype=bool))
PIPELINE = BuiltPipeline(Pipeline().segment().config, None, FakeSegmenter())


def written(message):
    """Return the prompt that a message says to write."""
    return eval(re.search(r"(?:write|make|is) (Prompt\.\w+\(.*?\))(?:$|,)", message)[1], {"Prompt": Prompt})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("dog", "a phrase is Prompt.text('dog'), and needs a detector: ps.Pipeline().detect("),
        ("a.jpg", "the image comes first, then its prompts"),
        ("folder/A.PNG", "the image comes first"),
        (Path("a"), "the image comes first"),
        (b"x", "the image comes first"),
        (IMAGE, "the image comes first"),
        (Image.fromarray(IMAGE), "the image comes first"),
        (io.BytesIO(), "the image comes first"),
        ((3, 4), "write Prompt.point(3, 4)"),
        ([3, 4.5], "write Prompt.point(3, 4.5)"),
        (np.array([1, 2, 5, 6]), "write Prompt.box(1, 2, 5, 6)"),
        (MASK, "an earlier mask is Prompt.mask(mask)"),
        (MASK.array, "an earlier mask is Prompt.mask(mask)"),
        ([Prompt.point(1, 2)], "give the prompts of a list one by one"),
        (iter([Prompt.point(1, 2)]), "give the prompts of an iterator one by one"),
        (Prompt.everything, "call it: Prompt.everything(…)"),
        (None, "make it with Prompt.point, Prompt.box"),
        ({}, "make it with Prompt.point, Prompt.box"),
        (Masks([MASK]), "make it with Prompt.point, Prompt.box"),
        (5, "make it with Prompt.point, Prompt.box"),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0][:30],
)
def test_what_is_no_prompt_is_told_what_was_meant(value, said):
    for call in (lambda: PIPELINE(IMAGE, value), lambda: ps.segment(IMAGE, value, model="no such model")):
        with pytest.raises(PromptError) as caught:
            call()
        assert said in str(caught.value)
    with pytest.raises(PromptError) as caught:
        FakeSegmenter().open(IMAGE).segment([value])
    assert said in str(caught.value)


def test_a_text_where_prompts_belong_names_the_detector():
    with pytest.raises(PromptError, match=r"got text: a phrase is Prompt\.text\('dog'\)"):
        FakeSegmenter().open(IMAGE).segment("dog")
    with pytest.raises(PromptError, match=r"a text prompt needs a pipeline with a detector, such as ps\.Pipeline\(\)"):
        FakeSegmenter().open(IMAGE).segment([Prompt.text("dog")])
    for call in (lambda: PIPELINE(IMAGE, Prompt.text("cup")), lambda: ps.segment(IMAGE, Prompt.text("cup"), model="no such model")):
        with pytest.raises(IncompatibleStagesError) as caught:
            call()
        assert str(caught.value) == f"Prompt.text('cup') needs a detector: add .detect(model) to the pipeline, as in {DETECTING}"


def test_the_pipeline_of_the_hint_is_one():
    unbuilt = eval(DETECTING.removesuffix(".build()"), {"ps": ps})
    assert unbuilt.config.detect.model in ps.list_models()


def test_swapped_arguments_are_told():
    for call in (
        lambda: PIPELINE(Prompt.point(1, 2), IMAGE),
        lambda: PIPELINE(Prompt.point(1, 2)),
        lambda: ps.segment(Prompt.point(1, 2), "a.jpg", model="no such model"),
        lambda: next(PIPELINE.run([(Prompt.point(1, 2), IMAGE)])),
    ):
        with pytest.raises(PromptError, match=r"the image comes first, then its prompts: got Prompt\.point\(1, 2\) as the image"):
            call()


def test_nothing_is_loaded_for_a_call_without_prompts():
    with pytest.raises(PromptError, match="nothing to segment: give at least one prompt"):
        ps.segment(IMAGE, model="no such model")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Prompt.point((3, 4)), "write Prompt.point(3, 4)"),
        (lambda: Prompt.point([3, 4.5], False), "write Prompt.point(3, 4.5)"),
        (lambda: Prompt.point(np.array([3.0, 4.0])), "write Prompt.point(3, 4)"),
        (lambda: Prompt.box([1, 2, 5, 6]), "write Prompt.box(1, 2, 5, 6)"),
        (lambda: Prompt.box(np.array([1, 2, 5, 6], np.float32)), "write Prompt.box(1, 2, 5, 6)"),
        (lambda: Prompt.box((1, 2), (5, 6)), "write Prompt.box(1, 2, 5, 6)"),
        (lambda: Prompt.points((3, 4)), "one point is Prompt.point(x, y)"),
        (lambda: Prompt.text(["a dog", "cat"]), "write Prompt.text(*['a dog', 'cat'])"),
    ],
)
def test_numbers_in_a_list_are_told_what_to_write(make, said):
    with pytest.raises(PromptError) as caught:
        make()
    assert said in str(caught.value)
    if "(x, y)" not in said:
        assert isinstance(written(str(caught.value)), (SpatialPrompt, TextPrompt))


def test_a_reversed_box_that_is_none_of_sides_has_no_hint():
    with pytest.raises(PromptError) as caught:
        Prompt.box(5, 5, -1, 7)
    assert "width" not in str(caught.value)


class TestUnbuilt:
    @pytest.mark.parametrize(
        "use",
        [
            lambda pipeline: pipeline("a.jpg", Prompt.point(1, 1)),
            lambda pipeline: pipeline(image=IMAGE),
            lambda pipeline: pipeline.run([IMAGE]),
            lambda pipeline: pipeline.track("a.mp4"),
            lambda pipeline: pipeline.with_cache(None),
            lambda pipeline: pipeline.segmenter,
            lambda pipeline: pipeline.detector,
        ],
    )
    def test_a_pipeline_that_is_not_built_says_so(self, use):
        with pytest.raises(ConfigError, match=r"this pipeline has no models yet, .* call \.build\(\)"):
            use(Pipeline().segment())

    def test_everything_that_a_built_pipeline_has_is_covered(self):
        public = {name for name in dir(Built) if not name.startswith("_")} | {"detector", "segmenter"}
        for name in public - {"config"}:
            with pytest.raises(AttributeError, match=rf"asked for \.{name}: call \.build\(\)"):
                getattr(Pipeline(), name)

    def test_anything_else_is_an_attribute_that_is_not_there(self):
        for name in ("segmentt", "_repr_html_", "__array__"):
            assert not hasattr(Pipeline(), name)

    @pytest.mark.parametrize("config", ["mini-sam", {"segment": {}}, None, 5], ids=repr)
    def test_a_pipeline_of_something_else_is_refused(self, config):
        with pytest.raises(ConfigError, match=r"a pipeline is made of stages, such as Pipeline\(\)\.segment\('mini-sam'\)"):
            Pipeline(config)

    def test_an_evaluation_says_so_too(self, tmp_path):
        Image.fromarray(IMAGE).save(tmp_path / "a.png")
        with pytest.raises(ConfigError, match=r"call \.build\(\)"):
            ps.evaluate(tmp_path, tmp_path, model=Pipeline().segment())
