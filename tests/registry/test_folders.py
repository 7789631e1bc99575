"""Models by the name of their folder: ``hf:owner/name``, ``hf:owner/name@revision``, or a path."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

import promptseg
from entry_points import Point
from promptseg import registry
from promptseg.errors import ConfigError, LicenseError, UnknownModelError, WeightsMismatchError, WeightsNotFoundError
from promptseg.registry import BackendSpec, Engine, FolderSpec, ModelSpec
from promptseg.registry.folders import split_name
from promptseg.registry.manifest import Manifest

TENSORS = b"tensors " * 300
FOLDER = {
    "config.json": json.dumps({"model_type": "strange"}).encode(),
    "model.safetensors": TENSORS,
    "README.md": b"---\nlicense: mit\n---\n# A model",
    "pytorch_model.bin": b"pickle" * 300,
}
PAIR = ("vision_encoder", "prompt_encoder_mask_decoder")


@pytest.fixture
def requests(installed, stranger):
    """Load requests so far of two backends that read folders of type ``strange``: a segmenter ``sees`` and a concept model ``names``."""
    folders = (FolderSpec("v", frozenset({"strange"})),)
    model = ModelSpec("strange-small", "A model", "Apache-2.0", (Engine("torch", "sees", "v"),))
    segments = BackendSpec("sees", "segmenter", "stranger:load", frozenset({"box"}), folders=folders, models=(model,))
    installed(
        Point("sees", segments),
        Point("names", BackendSpec("names", "concept", "stranger:load", frozenset({"text"}), folders=folders)),
        Point("stranger", dataclasses.replace(stranger.spec, models=(), folders=(FolderSpec("any", frozenset({"x"}), onnx=("model",)),))),
    )
    return stranger.requests


@pytest.fixture
def repository(hub, requests):
    return hub.add("owner/name", FOLDER)


@pytest.fixture
def folder(tmp_path, requests):
    for name, content in FOLDER.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


class TestOnTheHub:
    def test_a_folder_is_a_model_with_its_commit_in_its_name(self, repository, requests):
        promptseg.load("hf:owner/name")
        (request,) = requests
        assert request.model.name == f"hf:owner/name@{repository.refs['main']}"
        assert request.provenance("1").model == request.model.name
        assert (request.engine.backend, request.engine.variant, request.model.license) == ("sees", "v", "MIT")

    def test_only_what_is_read_is_fetched_and_no_pickle(self, repository, requests, hub):
        promptseg.load("hf:owner/name")
        (request,) = requests
        assert {name: path.read_bytes() for name, path in request.weights.files.items()} == {
            name: FOLDER[name] for name in ("config.json", "model.safetensors")
        }
        assert not any("pytorch_model" in path for path in hub.requests)

    def test_before_it_is_loaded_no_tensors_are_fetched(self, repository, hub):
        registry.choose("hf:owner/name")
        assert not any(path.startswith("/cdn/") for path in hub.requests)

    def test_its_own_name_is_another_name_of_the_same_files(self, repository, requests):
        pinned = registry.choose("hf:owner/name").model.name
        repository.commit({**FOLDER, "model.safetensors": TENSORS[::-1]})
        promptseg.load(pinned)
        promptseg.load("hf:owner/name@main")
        assert [request.model.name for request in requests] == [pinned, pinned]
        registry.fetch("hf:owner/name")
        promptseg.load("hf:owner/name")
        assert requests[-1].weights.files["model.safetensors"].read_bytes() == TENSORS[::-1]

    def test_several_kinds_of_model_read_a_folder_and_the_wanted_one_is_chosen(self, repository, requests):
        promptseg.load_concept("hf:owner/name")
        promptseg.load_segmenter("hf:owner/name")
        promptseg.load("hf:owner/name", engine="names")
        assert [request.engine.backend for request in requests] == ["names", "sees", "names"]
        with pytest.raises(ConfigError, match="is a segmenter, not a detector"):
            promptseg.load_detector("hf:owner/name")

    @pytest.mark.parametrize("form", ["name", "argument"])
    def test_it_may_be_the_weights_of_a_model_of_the_catalog(self, form, repository, requests):
        if form == "name":
            promptseg.load("strange-small=hf:owner/name")
        else:
            promptseg.load("strange-small", weights=Path("hf:owner/name"))
        (request,) = requests
        assert request.model.name == f"strange-small=hf:owner/name@{repository.refs['main']}"
        assert (request.engine.name, request.model.license) == ("torch", "MIT")
        assert request.weights.files["model.safetensors"].read_bytes() == TENSORS

    def test_a_folder_of_another_model_is_refused_with_its_own_name(self, repository):
        with pytest.raises(WeightsMismatchError, match=r"is read by sees, names, and model 'mini-sam' by onnx_sam"):
            registry.choose("mini-sam=hf:owner/name")

    def test_a_model_of_the_catalog_with_a_repository_is_fetched_from_it(self, hub, requests, installed, stranger):
        engine = Engine("torch", "sees", "v", repository="owner/name")
        model = ModelSpec("ready", "A model", "MIT", (engine,))
        installed(Point("sees", BackendSpec("sees", "segmenter", "stranger:load", models=(model,))))
        hub.add("owner/name", FOLDER)
        promptseg.load("ready")
        assert requests[-1].weights.files["model.safetensors"].read_bytes() == TENSORS
        assert requests[-1].model.name == "ready"
        hub.repositories["owner/name"].commit({**FOLDER, "model.safetensors": TENSORS[::-1]})
        promptseg.load("ready")
        assert requests[-1].weights.files["model.safetensors"].read_bytes() == TENSORS
        assert registry.fetch("ready").files["model.safetensors"].read_bytes() == TENSORS[::-1]

    @pytest.fixture
    def cut(self, hub, installed):
        """The repository of the checkpoint of model ``cut``, whose backend reads checkpoints and no folders. The model is at its commit."""
        repository = hub.add("owner/checkpoints", {"cut.pth": TENSORS, "other.pth": TENSORS[::-1], "config.json": FOLDER["config.json"]})
        engine = Engine("torch", "cuts", "v", checkpoint="cut.pth", repository="owner/checkpoints", revision=repository.refs["main"])
        model = ModelSpec("cut", "A model", "MIT", (engine,))
        installed(Point("cuts", BackendSpec("cuts", "segmenter", "stranger:load", models=(model,))))
        return repository

    def test_of_a_backend_without_folders_the_checkpoint_alone_is_fetched_at_its_commit(self, hub, requests, cut):
        cut.commit({"cut.pth": b"newer " * 300})
        promptseg.load("cut")
        registry.fetch("cut")
        assert {name: path.read_bytes() for name, path in requests[-1].weights.files.items()} == {"cut.pth": TENSORS}
        assert requests[-1].weights.sha256 == {"cut.pth": hashlib.sha256(TENSORS).hexdigest()}
        assert not any("other.pth" in path or "config.json" in path for path in hub.requests)

    def test_such_a_checkpoint_may_be_given_as_a_file_of_any_name_or_in_a_folder(self, hub, requests, cut, tmp_path):
        (tmp_path / "cut.pth").write_bytes(b"mine")
        (tmp_path / "tuned.pth").write_bytes(b"tuned")
        promptseg.load("cut", weights=tmp_path)
        promptseg.load(f"cut={tmp_path / 'tuned.pth'}")
        assert [request.weights.files["cut.pth"].read_bytes() for request in requests] == [b"mine", b"tuned"]
        assert hub.requests == []

    def test_how_such_a_checkpoint_is_got_by_hand_is_said(self, hub, requests, cut, tmp_path):
        with pytest.raises(WeightsNotFoundError, match=r"there is no weights file .*cut\.pth"):
            promptseg.load("cut", weights=tmp_path)
        del hub.repositories["owner/checkpoints"]
        by_hand = (
            rf"the model is the file cut\.pth, .*`hf download owner/checkpoints cut\.pth --revision {cut.refs['main']} --local-dir FOLDER`"
        )
        with pytest.raises(WeightsNotFoundError, match=by_hand):
            promptseg.load("cut")

    def test_each_precision_of_onnx_files_is_fetched_by_itself(self, hub, requests):
        files = {f"onnx/model{end}.onnx": f"model{end}".encode() * 200 for end in ("", "_fp16", "_int8")}
        hub.add("owner/onnx", {**files, "onnx/model.onnx_data": b"data" * 300, "config.json": b'{"model_type": "x"}'})
        plain, half = (registry.fetch("hf:owner/onnx", engine) for engine in (None, "onnx-fp16"))
        assert sorted(plain.files) == ["config.json", "model.onnx", "model.onnx_data"]
        assert sorted(half.files) == ["config.json", "model_fp16.onnx"]
        with pytest.raises(ConfigError, match=r"has no engine 'onnx-q4': it has onnx, onnx-fp16, onnx-int8"):
            registry.choose("hf:owner/onnx", engine="onnx-q4")

    def test_what_is_absent_or_damaged_is_an_error_that_says_so(self, hub, requests):
        hub.add("owner/clip", {"config.json": b'{"model_type": "clip"}', "model.safetensors": TENSORS})
        hub.add("owner/pickle", {"config.json": FOLDER["config.json"], "pytorch_model.bin": TENSORS})
        with pytest.raises(UnknownModelError, match=r"hf:owner/clip is of model type 'clip', which this version does not run. To list"):
            promptseg.load("hf:owner/clip")
        with pytest.raises(WeightsNotFoundError, match=r"hf:owner/pickle has no model\.safetensors; its pytorch_model\.bin is a pickle"):
            promptseg.load("hf:owner/pickle")
        with pytest.raises(WeightsNotFoundError, match="shows no repository owner/absent"):
            promptseg.load("hf:owner/absent")

    @pytest.mark.parametrize(
        "name",
        ["hf:", "hf:name", "hf:owner/", "hf:owner/name/file.bin", "hf:owner/name@", "hf:../name", "hf:a b/c", "hf:o/n@a b", "hf:o/n@../x"],
    )
    def test_a_name_that_is_written_otherwise_is_refused(self, name):
        with pytest.raises(ConfigError, match=r"hf:OWNER/NAME or hf:OWNER/NAME@REVISION"):
            registry.choose(name)

    @pytest.mark.parametrize("name", ["owner/name", "https://huggingface.co/owner/name", "https://hf.co/owner/name/"])
    def test_as_others_name_it_the_message_says_how_to_write_it(self, name):
        with pytest.raises(UnknownModelError, match=r" on the Hugging Face hub is named hf:owner/name\.") as caught:
            registry.choose(name)
        assert ("There is no such folder" in str(caught.value)) == (name == "owner/name")  # It may be a relative path, too.

    def test_weights_cannot_be_given_twice(self):
        with pytest.raises(ConfigError, match="weights are given twice"):
            registry.choose("hf:owner/name", weights="mine")


def test_a_name_has_a_repository_and_a_revision():
    assert split_name("hf:owner/name") == ("owner/name", "main")
    assert split_name("hf:Owner-1/na.me_2@refs/pr/1") == ("Owner-1/na.me_2", "refs/pr/1")


class TestOnThisMachine:
    def test_the_path_of_a_folder_is_a_model(self, folder, requests):
        promptseg.load(str(folder))
        promptseg.load_concept(folder)
        assert [request.engine.backend for request in requests] == ["sees", "names"]
        assert requests[0].model.name == str(folder)
        assert requests[0].model.license == "MIT"
        assert requests[0].weights.files["model.safetensors"] == folder / "model.safetensors"

    def test_a_catalog_name_wins_over_a_folder_of_that_name(self, folder, requests, monkeypatch):
        (folder / "mini-sam").mkdir()
        (folder / "mini-sam" / "config.json").write_bytes(FOLDER["config.json"])
        monkeypatch.chdir(folder)
        assert registry.choose("mini-sam").weights is None

    def test_a_folder_that_is_not_recognized_is_no_model(self, tmp_path):
        with pytest.raises(UnknownModelError, match=r"there is no model .*The folder has no config\.json.* as NAME="):
            registry.choose(str(tmp_path))

    def test_a_folder_that_is_a_model_is_not_fetched(self, folder):
        with pytest.raises(UnknownModelError, match=r"there is no model .*It is a folder: load and --model take its path"):
            registry.fetch(str(folder))

    @pytest.mark.parametrize("name", ["./absent", "../absent", "/absent/folder", "~/absent/folder"])
    def test_a_path_without_a_folder_is_said_to_be_none(self, name):
        with pytest.raises(UnknownModelError, match=r"There is no such folder\. To list all"):
            registry.choose(name)

    def test_a_folder_of_onnx_files_is_given_to_onnx_sam_by_the_names_of_its_files(self, tmp_path):
        (tmp_path / "onnx").mkdir()
        for stem in PAIR:
            (tmp_path / "onnx" / f"{stem}_quantized.onnx").write_bytes(b"x")
        for name in (str(tmp_path), f"onnx-sam={tmp_path}"):
            chosen = registry.choose(name)
            assert (chosen.backend.name, chosen.engine.name, chosen.weights) == ("onnx_sam", "onnx-quantized", Path(tmp_path))
            assert chosen.engine.contents == tuple(f"onnx/{stem}_quantized.onnx" for stem in PAIR)


class TestMadeFromAFolder:
    """What promptseg wrote of a model of a folder."""

    @pytest.fixture
    def write(self, tmp_path):
        """Writes a folder with a manifest of a model."""

        def write(model):
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "w.bin").write_bytes(b"made")
            digest = hashlib.sha256(b"made").hexdigest()
            Manifest(model, "sees", "v", {"w.bin": digest}, engine="transformers").write(tmp_path / "out")
            return tmp_path / "out"

        return write

    @pytest.mark.parametrize("name", ["{0}", "strange-small={0}"])
    def test_it_runs_without_the_folder_and_keeps_its_license(self, name, repository, requests, write, monkeypatch):
        made = write(registry.choose(name.format("hf:owner/name")).model.name)
        monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
        promptseg.load(str(made))
        assert requests[-1].weights.files == {"w.bin": made / "w.bin"}
        assert requests[-1].model.license == "MIT"

    def test_a_folder_that_is_gone_is_not_looked_for(self, folder, requests, write):
        made = write(str(folder / "gone"))
        promptseg.load(made)
        assert requests[-1].model.name == str(folder / "gone")

    @pytest.mark.parametrize("name", ["hf:owner/unknown", "{0}", "a=hf:owner/unknown", "hf:"])
    def test_a_manifest_of_anyone_asks_nobody_for_anything(self, name, hub, requests, write, tmp_path):
        promptseg.load(str(write(name.format(tmp_path / "out"))))
        assert requests[-1].model.license == "unknown"
        assert hub.requests == []


class TestLicenses:
    def test_the_policy_asks_for_the_license_of_the_card(self, hub, requests):
        hub.add("owner/free", FOLDER)
        hub.add("owner/other", {**FOLDER, "README.md": b"---\nlicense: other\nlicense_name: sam-license\n---\n"})
        hub.add("owner/silent", {name: content for name, content in FOLDER.items() if name != "README.md"})
        pipeline = promptseg.Pipeline()
        with pytest.raises(LicenseError, match="is licensed under LicenseRef-sam-license, and the policy allows only"):
            pipeline.segment("hf:owner/other").build(licenses="permissive")
        with pytest.raises(LicenseError, match=r"is licensed under unknown.* look up the license of its weights and allow 'unknown'"):
            pipeline.segment("hf:owner/silent").build(licenses="permissive")
        assert not any(path.startswith("/cdn/") for path in hub.requests)
        with pytest.raises(AttributeError):  # The stand-in of a model is loaded; it has no provenance.
            pipeline.segment("hf:owner/free").build(licenses="permissive")
        assert requests[-1].model.license == "MIT"

    def test_a_card_of_gigabytes_is_not_fetched(self, hub, requests):
        hub.add("owner/name", FOLDER)
        hub.stated["README.md"] = {"lfs": {"sha256": "0" * 64, "size": 1 << 34}}
        assert registry.choose("hf:owner/name").model.license == "unknown"
        assert not any(path.endswith("README.md") for path in hub.requests)

    def test_what_the_catalog_says_of_a_repository_counts_before_its_card(self, hub):
        hub.add("yonigozlan/sam3-litetext-s0", {**FOLDER, "config.json": b'{"model_type": "sam3_lite_text"}'})
        assert registry.choose("hf:yonigozlan/sam3-litetext-s0").model.license == "LicenseRef-SAM"
