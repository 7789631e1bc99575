"""Concepts in a pipeline: examples and phrases that find every instance."""

import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from fake_pipelines import BLANK, Spy
from promptseg.errors import ConfigError, IncompatibleStagesError, LicenseError, PromptError
from promptseg.masks import Masks
from promptseg.pipeline import BuiltPipeline, Pipeline
from promptseg.pipeline.config import parse_config
from promptseg.prompts import Prompt
from promptseg.protocols import ConceptMasks
from promptseg.results import Result
from promptseg.testing import FakeConceptSegmenter, FakeConceptSession, FakeConceptVideoSegmenter, FakeDetector, FakeSegmenter
from promptseg.testing.sheets import draw_sheet

CATS = FakeConceptSegmenter({"cat": [(0, 0, 4, 4), (30, 5, 50, 20)], "dog": [(5, 5, 9, 9)]})
LIKE = Prompt.example(np.zeros((40, 60, 3), np.uint8), Prompt.box(10, 10, 20, 20), label="cell")


def pipeline(concept=CATS, *, detector=None, segmenter=None, **stage):
    """A pipeline with a concept segmenter, and the other models that are given."""
    stages = {"concept": stage} | ({"detect": {"model": "fake"}} if detector else {}) | ({"segment": {}} if segmenter else {})
    return BuiltPipeline(parse_config(stages), detector, segmenter, concept)


class TestWhatIsFound:
    def test_a_phrase_gives_a_mask_for_each_instance_with_its_label_and_the_index_of_its_prompt(self):
        result = pipeline()(BLANK, Prompt.text("dog", "cat"))
        assert [(mask.label, mask.prompt_index) for mask in result.masks] == [("dog", 0), ("cat", 0), ("cat", 0)]
        assert {result.score_kind(mask) for mask in result.masks} == {"concept"}

    def test_an_example_gives_masks_with_its_label(self):
        (mask,) = pipeline()(BLANK, LIKE).masks
        assert (mask.label, mask.box.tolist()) == ("cell", [10, 10, 20, 20])

    def test_a_phrase_and_an_example_make_one_concept(self):
        result = pipeline()(BLANK, Prompt.text("dog") + LIKE)
        assert [mask.label for mask in result.masks] == ["cell", "cell"]
        assert result.phrases[0].count == 2

    def test_masks_of_concepts_come_after_all_others(self):
        everything = pipeline(FakeConceptSegmenter(), detector=FakeDetector({"dog": (1, 1, 9, 9)}), segmenter=FakeSegmenter())
        everything = replace(everything, concept_segmenter=OnlyExamples())
        result = everything(BLANK, LIKE, Prompt.text("dog"), Prompt.point(3, 3))
        assert [mask.prompt_index for mask in result.masks] == [2, None, 0]
        assert [result.score_kind(mask) for mask in result.masks] == ["mask", "product", "concept"]

    def test_the_result_says_how_many_were_found_and_how_sure_it_is_that_there_are_any(self):
        result = pipeline()(BLANK, Prompt.text("cat", "bird"), LIKE)
        assert list(map(str, result.phrases)) == ["cat 2 (presence 1.00)", "no bird (presence 0.00)", "cell 1 (presence 1.00)"]

    def test_a_concept_without_a_label_is_an_object(self):
        result = pipeline()(BLANK, Prompt.example(None, Prompt.box(1, 1, 5, 5)))
        assert str(result.phrases[0]) == "object 1 (presence 1.00)"
        assert result.masks[0].label is None

    def test_the_labels_of_concepts_are_classes_of_the_result(self):
        assert pipeline()(BLANK, Prompt.text("dog|hound"), LIKE).classes == ("dog", "cell")

    def test_each_model_has_its_provenance_and_concepts_have_a_time(self):
        result = pipeline(segmenter=FakeSegmenter())(BLANK, LIKE, Prompt.point(3, 3))
        assert [model.model for model in result.provenance] == ["fake-segmenter", "fake-concept-segmenter"]
        assert "concept" in result.timings

    def test_a_result_comes_back_from_json_except_for_the_images_of_its_examples(self):
        result = pipeline()(BLANK, LIKE + Prompt.text("cat"), Prompt.text("dog"))
        again = Result.from_dict(json.loads(json.dumps(result.to_dict())))
        assert again.to_dict() == result.to_dict()
        assert [result.score_kind(mask) for mask in again.masks] == ["concept"] * 4
        with pytest.raises(PromptError, match="is not at hand: this prompt was read from a file"):
            pipeline()(BLANK, again.prompts[0])


class TestPresence:
    def test_masks_of_a_concept_that_is_probably_absent_are_dropped_and_counted(self):
        unsure = FixedPresence(0.3)
        assert len(pipeline(unsure)(BLANK, LIKE).masks) == 1
        result = pipeline(unsure, min_presence=0.5)(BLANK, LIKE)
        assert (len(result.masks), dict(result.dropped)) == (0, {"presence": 1})
        assert str(result.phrases[0]) == "no cell (presence 0.30)"


class TestWhoIsAsked:
    def test_phrases_go_to_the_detector_where_the_concept_segmenter_reads_no_words(self):
        both = pipeline(OnlyExamples(), detector=FakeDetector({"dog": (1, 1, 9, 9)}), segmenter=FakeSegmenter())
        result = both(BLANK, Prompt.text("dog"), LIKE)
        assert [mask.label for mask in result.masks] == ["dog", "cell"]
        assert [found.presence for found in result.phrases] == [None, 1.0]

    def test_a_phrase_with_examples_is_refused_where_no_words_are_read(self):
        with pytest.raises(PromptError, match=r"reads no words, .*: give the phrase as its label"):
            pipeline(OnlyExamples())(BLANK, Prompt.text("dog") + LIKE)

    def test_an_example_without_a_model_for_it_is_refused(self):
        with pytest.raises(IncompatibleStagesError, match=r"needs a segmenter: add \.segment"):
            BuiltPipeline(parse_config({"detect": {"model": "fake"}}), FakeDetector({"dog": (1, 1, 9, 9)}))(BLANK, LIKE)

    def test_points_need_a_segmenter_beside_the_concept_segmenter(self):
        with pytest.raises(IncompatibleStagesError, match="needs a segmenter"):
            pipeline()(BLANK, Prompt.point(3, 3))

    def test_a_concept_segmenter_over_the_segmenter_works_in_its_session(self):
        segmenter = Spy(FakeSegmenter())
        shared = pipeline(InSessions(segmenter), segmenter=segmenter)
        shared(BLANK, Prompt.point(3, 3), LIKE)
        assert segmenter.opened == 1

    def test_with_another_cache_both_still_share_a_session(self):
        opened = []

        class Cached(Spy):
            def with_cache(self, cache):
                opened.append(Cached(FakeSegmenter()))
                return opened[-1]

        segmenter = Cached(FakeSegmenter())
        pipeline(InSessions(segmenter), segmenter=segmenter).with_cache(None)(BLANK, Prompt.point(3, 3), LIKE)
        assert [each.opened for each in opened] == [1]

    def test_an_example_is_found_by_the_segmenters_features_without_a_stage_for_it(self):
        image = draw_sheet("coins", count=6, side=160).image
        segmenter = Cached(FakeSegmenter(radius=12))
        result = BuiltPipeline(parse_config({"segment": {}}), None, segmenter)(
            image, Prompt.example(None, Prompt.point(80, 80), label="coin")
        )
        assert result.provenance[-1].backend == "exemplar"
        assert result.phrases[0].presence is not None
        assert segmenter.opened == 1

    def test_a_number_of_answers_that_is_not_that_of_the_concepts_is_an_error(self):
        class Mute(FakeConceptSession):
            def find(self, concepts):
                return []

        class Broken(FakeConceptSegmenter):
            def open(self, image):
                return Mute(np.asarray(image), self)

        with pytest.raises(Exception, match="gave 0 answers for 1 concepts"):
            pipeline(Broken())(BLANK, LIKE)


class TestBuilding:
    def test_a_pipeline_may_consist_of_a_concept_segmenter_alone(self, add_model):
        add_model("finder", "concept", lambda _: CATS, accepts=frozenset({"text", "example"}))
        built = Pipeline().concept("finder").build()
        assert len(built(BLANK, Prompt.text("cat")).masks) == 2
        assert Pipeline.from_config({"concept": {"model": "finder"}}).config == Pipeline().concept("finder").config
        assert repr(Pipeline().concept("finder")) == "Pipeline().concept('finder')"

    def test_two_stages_for_phrases_are_refused(self, add_model):
        add_model("finder", "concept", lambda _: CATS, accepts=frozenset({"text", "example"}))
        add_model("find", "detector", lambda _: FakeDetector({}))
        with pytest.raises(IncompatibleStagesError, match="phrases would be for two stages: the detector and model 'finder'"):
            Pipeline().detect("find").concept("finder").build()

    def test_a_model_of_another_kind_is_refused(self, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        with pytest.raises(IncompatibleStagesError, match="takes a concept model, and model 'cutter' is a segmenter"):
            Pipeline().concept("cutter").build()

    def test_a_concept_segmenter_of_any_segmenter_gets_that_of_the_pipeline(self, add_model):
        given = []
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        add_model("finder", "concept", lambda request: given.append(request.options) or CATS, options={"segmenter": "mini-sam"})
        built = Pipeline().segment("cutter").concept("finder").build()
        assert given == [{"segmenter": built.segmenter}]
        with pytest.raises(IncompatibleStagesError, match="has two segmenters"):
            Pipeline().segment("cutter").concept("finder", options={"segmenter": "mini-sam"}).build()

    def test_the_license_policy_holds_for_the_models_behind_a_concept_segmenter(self, add_model):
        add_model("closed", "features", lambda _: None, license="Closed")
        add_model("finder", "concept", lambda _: CATS, options={"segmenter": "mini-sam", "features": None})
        with pytest.raises(LicenseError, match="model 'closed' is licensed under Closed"):
            Pipeline().concept("finder", options={"features": "closed"}).build(licenses="permissive")


class TestVideo:
    def test_all_instances_of_an_example_are_tracked_with_ids(self):
        pytest.importorskip("scipy", reason="tracking needs scipy")
        frames = [BLANK] * 3
        tracked = list(pipeline(segmenter=FakeSegmenter()).track(frames, Prompt.text("cat")))
        assert [frame.object_ids for frame in tracked] == [(1, 2)] * 3
        assert {mask.label for mask in tracked[-1].masks} == {"cat"}

    def test_an_example_without_an_image_is_on_the_first_frame(self):
        pytest.importorskip("scipy", reason="tracking needs scipy")
        seen = []

        class Noting(FakeConceptSegmenter):
            def open(self, image):
                return NotingSession(np.asarray(image), self)

        class NotingSession(FakeConceptSession):
            def find(self, concepts):
                seen.append([int(example.image[0, 0, 0]) for concept in concepts for example in concept.examples])
                return super().find(concepts)

        frames = [np.full((40, 60, 3), value, np.uint8) for value in (5, 6, 7)]
        like = Prompt.example(None, Prompt.box(10, 10, 20, 20))
        list(pipeline(Noting(), segmenter=FakeSegmenter()).track(frames, like, redetect_every=1))
        assert seen == [[5], [5], [5]]

    def test_a_tracker_that_finds_concepts_needs_no_stage_of_the_pipeline(self):
        tracker = FakeConceptVideoSegmenter({"cat": [(0, 0, 4, 4), (30, 5, 50, 20)]}, shift=(1, 0))
        nothing = BuiltPipeline(parse_config({}))
        tracked = list(nothing.track([BLANK] * 3, Prompt.text("cat"), tracker=tracker))
        assert [frame.object_ids for frame in tracked] == [(1, 2)] * 3
        assert tracked[2].masks[0].box.tolist() == [2, 0, 6, 4]
        with pytest.raises(PromptError):
            list(nothing.track([BLANK], Prompt.point(3, 3), tracker=tracker))
        with pytest.raises(ConfigError, match="looks for concepts on every frame"):
            nothing.track([BLANK], Prompt.text("cat"), tracker=tracker, redetect_every=2)


class Cached(Spy):
    """A segmenter that counts the images that it opens, and those of its copies."""

    def __init__(self, model):
        super().__init__(model)
        self.copies = []

    def with_cache(self, cache):
        self.copies.append(Cached(self.model))
        return self.copies[-1]


class OnlyExamples(FakeConceptSegmenter):
    """A concept segmenter that reads no words."""

    accepts = frozenset({"example"})


@dataclass(frozen=True)
class FixedPresence(FakeConceptSegmenter):
    """A concept segmenter that is always equally sure."""

    presence: float = 0.0

    def __init__(self, presence):
        super().__init__()
        object.__setattr__(self, "presence", presence)

    def open(self, image):
        session = super().open(image)
        found = ConceptMasks(Masks(session.find([LIKE])[0].masks, session.size), self.presence)

        class Session(FakeConceptSession):
            def find(self, concepts):
                return [found for _ in concepts]

        return Session(session.image, self)


@dataclass(frozen=True)
class InSessions(FakeConceptSegmenter):
    """A concept segmenter that works with the sessions of a segmenter."""

    segmenter: object = field(default=None)

    def __init__(self, segmenter):
        super().__init__()
        object.__setattr__(self, "segmenter", segmenter)

    def on(self, session):
        return FakeConceptSession(session.image, self)

    def with_segmenter(self, segmenter):
        return InSessions(segmenter)

    def open(self, image):
        return self.on(self.segmenter.open(image))
