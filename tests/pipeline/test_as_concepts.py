"""A pipeline as a concept segmenter."""

import pytest

from fake_pipelines import BLANK, built
from promptseg.errors import ConfigError, PromptError
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.as_concepts import PipelineConcepts
from promptseg.pipeline.config import parse_config
from promptseg.prompts import Concept, Prompt
from promptseg.testing import FakeConceptSegmenter, FakeDetector, FakeSegmenter
from promptseg.testing.contracts import ConceptContract

FOUND = {"dog": [(10, 10, 30, 30), (40, 5, 60, 60)], "cat": [(0, 0, 5, 5)]}


class TestDetectorAndConceptSegmenter(ConceptContract):
    finds_alike = True

    @pytest.fixture
    def concepts(self):
        config = parse_config({"detect": {"model": "fake"}, "segment": {}, "concept": {}})
        return PipelineConcepts(BuiltPipeline(config, FakeDetector(FOUND), FakeSegmenter(), OnlyExamples()))


class OnlyExamples(FakeConceptSegmenter):
    accepts = frozenset({"example"})


def test_the_presence_of_a_phrase_is_the_best_score_of_a_detection():
    concepts = PipelineConcepts(built({"dog": (30, 5, 50, 20)}))
    found, missing = concepts.find(BLANK, [Concept("dog"), Concept("cat")])
    assert (len(found.masks), found.presence) == (1, pytest.approx(0.9))
    assert (len(missing.masks), missing.presence) == (0, 0.0)


def test_a_phrase_with_examples_is_refused_where_they_are_for_two_models():
    config = parse_config({"detect": {"model": "fake"}, "segment": {}, "concept": {}})
    concepts = PipelineConcepts(BuiltPipeline(config, FakeDetector(FOUND), FakeSegmenter(), OnlyExamples()))
    with pytest.raises(PromptError, match="reads no words"):
        concepts.find(BLANK, [Prompt.text("dog") + Prompt.example(None, Prompt.point(3, 3))])


def test_a_pipeline_that_finds_no_concepts_is_refused():
    with pytest.raises(ConfigError, match="finds no concepts"):
        PipelineConcepts(BuiltPipeline(parse_config({"clean": {}})))
