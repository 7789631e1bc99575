"""How often a pipeline resolves the names of its models."""

import hashlib
from types import SimpleNamespace

import pytest

from fake_pipelines import BLANK
from promptseg.errors import IncompatibleStagesError
from promptseg.pipeline import Pipeline
from promptseg.prompts import Prompt
from promptseg.registry import choice, loading, manifest
from promptseg.testing import FakeDetector, FakeSegmenter


class TestResolution:
    """A model name is resolved once, and the choice is handed on."""

    @pytest.fixture
    def resolved(self, monkeypatch):
        """The names that were resolved so far, and the folders whose manifest was read."""
        seen = SimpleNamespace(names=[], manifests=[], files=[])

        def counting(function, calls):
            def count(first, *arguments, **settings):
                calls.append(str(first))
                return function(first, *arguments, **settings)

            return count

        named, read, of = choice._named, manifest.read, loading.weights_of
        monkeypatch.setattr(choice, "_named", counting(named, seen.names))
        monkeypatch.setattr(manifest, "read", counting(read, seen.manifests))
        monkeypatch.setattr(loading, "weights_of", counting(of, seen.files))
        return seen

    def test_it_is_once_a_stage_and_once_a_model_of_the_fallback(self, resolved, add_model):
        add_model("finder", "detector", lambda _: FakeDetector({}), options={"threshold": 0.05, "max_detections": 300})
        for name in ("large", "small"):
            add_model(name, "segmenter", lambda _: FakeSegmenter())
        pipeline = Pipeline().detect("finder", threshold=0.01, max_detections=1000).segment("large", fallback=["small"], refine=True)
        with pytest.raises(IncompatibleStagesError, match="takes no"):
            pipeline.build()
        assert resolved.names == ["finder", "large", "small"]
        resolved.names.clear()
        built = pipeline.segment("large", fallback=["small"]).build(licenses="permissive")
        assert resolved.names == ["finder", "large", "small"]
        assert len(resolved.files) == 2  # The detector's and the first segmenter's: the fallback's are not needed.
        built(BLANK, Prompt.text("dog"))
        list(built.track([BLANK], Prompt.box(1, 1, 9, 9)))
        assert len(resolved.names) == 3

    def test_the_manifest_of_a_folder_is_read_once(self, resolved, add_model, tmp_path):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        (tmp_path / "w.bin").write_bytes(b"weights")
        digest = hashlib.sha256(b"weights").hexdigest()
        manifest.Manifest("cutter", "cutter backend", "", {"w.bin": digest}, engine="fake").write(tmp_path)
        Pipeline().segment(str(tmp_path)).build()
        assert (resolved.names, resolved.manifests) == ([str(tmp_path)], [str(tmp_path)])

    def test_a_users_weights_are_hashed_once_although_a_detector_is_told_what_the_stage_wants(self, add_model, monkeypatch, tmp_path):
        from promptseg.weights import store

        (tmp_path / "own.bin").write_bytes(b"weights")
        hashed, digest = [], store.file_sha256
        monkeypatch.setattr(store, "file_sha256", lambda path: hashed.append(path) or digest(path))
        add_model("finder", "detector", lambda _: FakeDetector({}), options={"threshold": 0.05})
        Pipeline().detect("finder", weights=str(tmp_path / "own.bin"), threshold=0.01, max_detections=1000).build()
        assert hashed == [tmp_path / "own.bin"]
