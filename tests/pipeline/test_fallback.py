"""A pipeline whose segmenter falls back to smaller models."""

import json

import pytest

from fake_pipelines import BLANK
from promptseg.errors import (
    ConfigError,
    IncompatibleStagesError,
    LicenseError,
    OutOfMemoryError,
    UnknownModelError,
)
from promptseg.pipeline import Pipeline
from promptseg.prompts import Prompt
from promptseg.registry.fallback import FallbackSegmenter
from promptseg.testing import FakeDetector, FakeSegmenter


class TestFallback:
    class Small(FakeSegmenter):
        """Takes images of at most 100 pixels."""

        def open(self, image):
            if image.size > 300:
                raise OutOfMemoryError("100 pixels and no more")
            return super().open(image)

    @pytest.fixture
    def models(self, add_model):
        """Models ``small``, which runs out of memory at larger images, and ``other``; returns what was loaded."""
        loaded = []
        add_model("small", "segmenter", lambda request: loaded.append("small") or self.Small(provenance=request.provenance("1.0")))
        add_model("other", "segmenter", lambda request: loaded.append("other") or FakeSegmenter(provenance=request.provenance("1.0")))
        return loaded

    def test_the_result_says_what_did_not_fit(self, models):
        pipeline = Pipeline().segment("small", fallback=["other"]).build()
        assert pipeline(BLANK[:10, :10], Prompt.point(3, 3)).provenance[0].fallback_from == ()
        assert models == ["small"]
        with pytest.warns(RuntimeWarning, match="small does not fit into memory, going on with other: 100 pixels"):
            result = pipeline(BLANK, Prompt.point(30, 30))
        assert result.provenance[0].fallback_from == ("small",)
        assert json.loads(json.dumps(result.to_dict()))["provenance"][0]["fallback_from"] == ["small"]
        assert pipeline(BLANK[:10, :10], Prompt.point(3, 3)).provenance[0].fallback_from == ("small",)
        assert models == ["small", "other"]

    def test_a_file_can_ask_for_it(self, models, tmp_path):
        (tmp_path / "a.toml").write_text('segment = {model = "small", fallback = ["other"]}')
        assert isinstance(Pipeline.from_config(tmp_path / "a.toml").build().segmenter, FallbackSegmenter)

    def test_a_result_without_a_mask_names_the_segmenter_too(self, models, add_model):
        add_model("finder", "detector", lambda _: FakeDetector({}))
        result = Pipeline().detect("finder").segment("small", fallback=["other"]).build()(BLANK, Prompt.text("dog"))
        assert [of.model for of in result.provenance] == ["fake-detector", "small"]

    def test_a_result_made_while_another_thread_steps_down_names_its_own_model(self, models):
        pipeline = Pipeline().segment("small", fallback=["other"]).build()
        segmenter, opened = pipeline.segmenter, pipeline.segmenter.open

        def overtaken(pixels):
            found = opened(pixels)
            with pytest.warns(RuntimeWarning, match="going on with other"):
                opened(BLANK)
            return found

        segmenter.open = overtaken
        assert pipeline(BLANK[:10, :10], Prompt.point(3, 3)).provenance[0].fallback_from == ()
        assert segmenter.provenance.fallback_from == ("small",)

    @pytest.mark.parametrize(
        ("fallback", "error"),
        [(["othr"], UnknownModelError), (["finder"], IncompatibleStagesError), (["small"], ConfigError), (["copyleft"], LicenseError)],
    )
    def test_a_wrong_one_is_refused_before_anything_is_loaded(self, fallback, error, models, add_model):
        add_model("finder", "detector", lambda _: models.append("finder"))
        add_model("copyleft", "segmenter", lambda _: models.append("copyleft"), license="AGPL-3.0")
        with pytest.raises(error, match=fallback[0]):
            Pipeline().detect("finder").segment("small", fallback=["other", *fallback]).build(licenses="permissive")
        assert models == []

    def test_a_detector_has_none(self):
        with pytest.raises(ConfigError, match=r"unknown key 'detect\.fallback'"):
            Pipeline().detect("yolo11n", fallback=["yolo11s"])
