"""Local weight files in a folder that promptseg wrote."""

import hashlib

import pytest

from promptseg import registry
from promptseg.errors import (
    ConfigError,
    UnknownModelError,
    WeightsMismatchError,
    WeightsNotFoundError,
)
from promptseg.pipeline import Pipeline
from promptseg.registry import list_models, load, manifest, weight_files
from promptseg.weights.store import ModelWeights


class TestExportedWeights:
    """A folder that promptseg exported, whose manifest names the engine that reads it."""

    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("strange.encoder.onnx", "strange.decoder.onnx"):
            (tmp_path / name).write_bytes(name.encode())
        return tmp_path

    @pytest.fixture
    def write_manifest(self, folder, stranger):
        def write(**changes):
            digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.onnx")}
            values = {"model": "strange", "backend": "stranger", "variant": "exported", "sha256": digests, **changes}
            manifest.Manifest(**values).write(folder)

        return write

    @pytest.mark.parametrize("engine", [None, "onnx"])
    def test_it_runs_with_the_engine_of_its_manifest_that_the_catalog_lacks(self, engine, write_manifest, folder, stranger):
        write_manifest()
        load("strange", weights=folder, engine=engine)
        (request,) = stranger.requests
        assert (request.engine.name, request.engine.backend, request.engine.variant) == ("onnx", "stranger", "exported")
        assert request.weights.files == {path.name: path for path in folder.glob("*.onnx")}

    def test_its_path_alone_names_the_model(self, write_manifest, folder, stranger, monkeypatch):
        write_manifest()
        monkeypatch.chdir(folder.parent)
        for path in (str(folder), folder.name):
            assert registry.choose(path).model.name == "strange"
        load(str(folder))
        assert stranger.requests[0].engine.variant == "exported"

    @pytest.mark.parametrize("path", ["no-such-folder", "a" * 5000, "~nobody-of-this-name/x", "a\0b"])
    def test_a_path_of_nothing_is_an_unknown_model(self, path):
        with pytest.raises(UnknownModelError, match="there is no model"):
            registry.choose(path)

    def test_a_decoder_comes_with_the_published_files_of_its_base_model(self, write_manifest, folder, stranger, monkeypatch, tmp_path):
        published = tmp_path / "published.bin"
        published.write_bytes(b"weights")
        (cataloged,) = list_models()["strange"].engine("two").files
        write_manifest(base={cataloged.name: cataloged.sha256}, engine="torch")
        monkeypatch.setattr(
            weight_files, "fetch_weights", lambda *_: ModelWeights({cataloged.name: published}, {cataloged.name: cataloged.sha256})
        )
        load("strange", weights=folder)
        assert stranger.requests[0].weights.files == {cataloged.name: published, **{path.name: path for path in folder.glob("*.onnx")}}
        assert next(iter(stranger.requests[0].weights.files)) == cataloged.name
        assert stranger.requests[0].engine.name == "torch"

    def test_a_pipeline_checks_the_backend_that_reads_it(self, write_manifest, folder, stranger):
        write_manifest(backend="of_another_version")
        with pytest.raises(ConfigError, match="needs backend 'of_another_version'"):
            Pipeline().segment("strange", weights=str(folder)).build()
        with pytest.raises(ConfigError, match="needs backend 'of_another_version'"):
            Pipeline().segment(f"strange={folder}").build()

    def test_the_weights_of_another_model_are_refused(self, write_manifest, folder, stranger):
        write_manifest(model="mini-sam")
        with pytest.raises(WeightsMismatchError, match="by its manifest, not 'strange': give its path alone, or mini-sam="):
            load("strange", weights=folder)

    def test_a_file_that_changed_since_is_refused_with_its_path(self, write_manifest, folder, stranger):
        write_manifest()
        (folder / "strange.encoder.onnx").write_bytes(b"something else")
        with pytest.raises(WeightsMismatchError, match=r"strange\.encoder\.onnx changed since the folder was written"):
            load("strange", weights=folder)
        assert stranger.requests == []

    def test_a_file_of_the_base_model_that_changed_since_is_refused_with_its_path(self, write_manifest, folder, stranger):
        (folder / "w.bin").write_bytes(b"weights")
        digest = hashlib.sha256(b"weights").hexdigest()
        write_manifest(base={"w.bin": digest})
        load("strange", weights=folder)
        assert stranger.requests[0].weights.sha256["w.bin"] == digest
        (folder / "w.bin").write_bytes(b"something else")
        with pytest.raises(WeightsMismatchError, match=r"w\.bin changed since the folder was written"):
            load("strange", weights=folder)

    def test_a_file_that_is_missing_is_named(self, write_manifest, folder, stranger):
        write_manifest()
        (folder / "strange.decoder.onnx").unlink()
        with pytest.raises(WeightsNotFoundError, match=r"strange\.decoder\.onnx"):
            load("strange", weights=folder)

    def test_another_engine_does_not_read_it(self, write_manifest, folder, stranger):
        write_manifest()
        with pytest.raises(WeightsNotFoundError, match=r"w\.bin"):
            load("strange", weights=folder, engine="two")
