"""An image that a pipeline has opened: it is encoded once, and gives what the pipeline gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from promptseg import Pipeline, Prompt
from promptseg.errors import IncompatibleStagesError, InputError, PromptError
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import CleanStage, DetectStage
from promptseg.testing import FakeDetector, FakeSegmenter

BOX, POINT, OUTSIDE = Prompt.box(4, 4, 20, 16), Prompt.point(12, 9), Prompt.point(99, 9)


class Counting(FakeSegmenter):
    """A fake that counts the images that it opens."""

    def open(self, image):
        opened.append(image)
        return super().open(image)


opened: list = []


@pytest.fixture
def pipeline():
    opened.clear()
    config = Pipeline().segment("mini-sam").config.model_copy(update={"detect": DetectStage(model="find")})
    return BuiltPipeline(config, detector=FakeDetector({"dog": (5, 5, 25, 15)}), segmenter=Counting())


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("prompts", [[POINT], [BOX, POINT], [Prompt.text("dog")], [], [Prompt.everything(2)], [BOX, Prompt.text("dog")]])
def test_it_gives_what_the_pipeline_gives_and_encodes_once(pipeline, image, prompts):
    expected = pipeline(image, *prompts)
    opened.clear()
    open_image = pipeline.open(image)
    for _ in range(2):
        result = open_image(*prompts)
        assert result.masks == expected.masks
        assert [(mask.score, mask.label, mask.prompt_index) for mask in result.masks] == [
            (mask.score, mask.label, mask.prompt_index) for mask in expected.masks
        ]
        assert result.provenance == expected.provenance
        assert result.phrases == expected.phrases
    assert len(opened) == 1


def test_later_changes_of_the_array_do_not_matter(pipeline, image):
    open_image = pipeline.open(image)
    before = open_image.image.copy()
    image[:] = 0
    assert np.array_equal(open_image.image, before)
    assert (open_image.size, open_image.nbytes) == ((24, 32), 24 * 32 * 3)


def test_each_list_of_prompts_gets_its_own_result_or_error(pipeline, image):
    open_image = pipeline.open(image)
    asked = [[POINT], [OUTSIDE], [BOX, POINT], [Prompt.text("dog")], [Prompt.text("dog"), OUTSIDE]]
    point, outside, two, text, both = open_image.each(asked)
    assert isinstance(outside, PromptError)
    assert isinstance(both, PromptError)
    for result, prompts in ((point, asked[0]), (two, asked[2]), (text, asked[3])):
        expected = open_image(*prompts)
        assert result.masks == expected.masks
        assert [mask.prompt_index for mask in result.masks] == [mask.prompt_index for mask in expected.masks]
        assert result.prompts == tuple(prompts)


def test_masks_of_one_list_are_cleaned_apart_from_those_of_another(pipeline, image):
    keeps_one = replace(pipeline, config=pipeline.config.model_copy(update={"clean": CleanStage(max_masks=1)}))
    results = keeps_one.open(image).each([[BOX, POINT], [POINT], [POINT, BOX]])
    assert [len(result.masks) for result in results] == [1, 1, 1]


def test_candidates_go_to_the_prompt_that_they_are_of(pipeline, image):
    open_image = pipeline.open(image)
    results = open_image.each([[POINT], [BOX, POINT]], candidates=True)
    alone = [open_image(*prompts, candidates=True) for prompts in ([POINT], [BOX, POINT])]
    assert [len(result.masks) for result in results] == [len(result.masks) for result in alone]
    assert {mask.prompt_index for mask in results[1].masks} == {0, 1}


def test_several_images_are_opened_together_where_the_segmenter_can(pipeline, image):
    class Together(Counting):
        def open_all(self, images):
            together.append(len(images))
            return [FakeSegmenter().open(each) for each in images]

    together = []
    built = replace(pipeline, segmenter=Together())
    images = [image, image[:, ::-1], image[::-1]]
    assert [np.array_equal(each.image, given) for each, given in zip(built.open_all(images), images, strict=True)] == [True] * 3
    assert together == [3]
    assert len(pipeline.open_all(images)) == 3
    assert len(opened) == 3


def test_a_pipeline_without_a_segmenter_opens_images_too(pipeline, image):
    alone = replace(pipeline, segmenter=None).open(image)
    assert alone.nbytes == image.nbytes
    with pytest.raises(IncompatibleStagesError, match="without masks"):
        alone(Prompt.text("dog"))
    with pytest.raises(IncompatibleStagesError):
        alone(POINT)


def test_what_is_no_image_is_refused(pipeline, tmp_path):
    with pytest.raises(InputError):
        pipeline.open(tmp_path / "none.png")
    with pytest.raises(InputError):
        pipeline.open_all([np.zeros((2, 2, 7))])
