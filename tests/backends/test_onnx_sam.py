"""Backend ``onnx_sam``: accepted files and names, and refusals."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

import promptseg
from promptseg import registry
from promptseg.errors import ConfigError, WeightsMismatchError, WeightsNotFoundError
from promptseg.models.sam.onnx.efficient_sam import OnnxEfficientSam
from promptseg.models.sam.onnx.model import OnnxSam
from promptseg.models.sam.onnx.sam2 import OnnxSam2
from promptseg.models.sam.onnx.transformers_js import OnnxTransformersJs
from promptseg.prompts import Prompt
from promptseg.registry import catalog
from promptseg.runtime.home import cache_dir
from promptseg.runtime.prepared import check_prepared
from promptseg.weights.store import WeightFile, file_sha256

LAYOUTS = {
    "sam_pair": ("sam-vit-b", "sam", OnnxSam),
    "sam_int8_pair": ("sam-vit-b", "sam", OnnxSam),
    "sam2_pair": ("sam2.1-hiera-tiny", "sam2", OnnxSam2),
    "samexporter_pair": ("sam2.1-hiera-small", "sam2", OnnxSam2),
    "efficient_sam_pair": ("efficient-sam-vits", "efficient-sam", OnnxEfficientSam),
    "sam2_js_pair": ("sam2.1-hiera-large", "transformers-js", OnnxTransformersJs),
}


@pytest.fixture(params=LAYOUTS)
def pair(request, prepared_once):
    """A folder with a pair in each layout, the name of a model in that layout, the layout, and the class that runs it."""
    return request.getfixturevalue(request.param), *LAYOUTS[request.param]


class TestByPath:
    def test_a_folder_is_recognized_by_its_two_files_whatever_their_names(self, pair):
        folder, model, _, kind = pair
        segmenter = promptseg.load(f"{model}={folder}")  # The engine, too, is told from the files.
        assert isinstance(segmenter.model, kind)
        provenance = segmenter.provenance
        assert (provenance.model, provenance.backend, provenance.license) == (model, "onnx_sam", "Apache-2.0")
        assert provenance.weights == {path.name: file_sha256(path) for path in folder.iterdir()}

    def test_a_pair_of_a_model_that_is_not_in_the_catalog_has_a_name_of_its_own(self, pair, photo):
        folder, model, _, _ = pair
        segmenter = promptseg.load("onnx-sam", weights=folder)
        assert (segmenter.provenance.model, segmenter.provenance.license) == ("onnx-sam", "unknown")
        prompt = [Prompt.point(40, 50)]
        known = promptseg.load(model, weights=folder)
        assert list(segmenter.open(photo()).segment(prompt)) == list(known.open(photo()).segment(prompt))

    def test_another_layout_than_the_models_is_refused_with_both(self, pair):
        folder, _, layout, _ = pair
        other, needed = ("efficient-sam-vitt", "efficient-sam") if layout != "efficient-sam" else ("sam-vit-b", "sam or transformers-js")
        with pytest.raises(WeightsMismatchError, match=f"is in layout {layout}, model '{other}' needs {needed}"):
            promptseg.load(other, weights=folder)

    def test_an_encoder_and_a_decoder_of_two_layouts_are_refused(self, sam_pair, sam2_pair, tmp_path):
        shutil.copy(sam_pair / "encoder.onnx", tmp_path)
        shutil.copy(sam2_pair / "sam2.onnx", tmp_path)
        with pytest.raises(WeightsMismatchError, match=r"encoder\.onnx gives image_embeddings .*, but the decoder .*sam2\.onnx takes"):
            promptseg.load("onnx-sam", weights=tmp_path)

    def test_without_a_path_it_is_said_that_one_is_needed(self):
        with pytest.raises(WeightsNotFoundError, match="'onnx-sam' has no weights of its own: pass weights=FOLDER, or onnx-sam=FOLDER"):
            promptseg.load("onnx-sam")
        assert registry.fetch("onnx-sam").files == {}

    def test_a_folder_with_more_files_is_refused_with_their_names(self, sam_pair, tmp_path):
        for name in ("a.onnx", "b.onnx", "c.onnx"):
            shutil.copy(sam_pair / "decoder.onnx", tmp_path / name)
        with pytest.raises(WeightsNotFoundError, match=r"should hold 2 files \(\.onnx, \.onnx\); .* a\.onnx, b\.onnx, c\.onnx"):
            promptseg.load("onnx-sam", weights=tmp_path)

    def test_the_list_of_models_says_that_weights_have_to_be_given(self):
        from promptseg.registry.readiness import readiness

        model = registry.find_model("onnx-sam")
        assert readiness(model, model.engine(None)) == ("own", "needs weights of your own: onnx-sam=PATH")


class TestByName:
    @pytest.mark.parametrize("layout", ["sam_int8_pair", "sam2_pair", "efficient_sam_pair"])
    def test_published_files_are_fetched_verified_prepared_and_run(self, layout, request, file_server, monkeypatch, photo):
        folder, (model, _, kind) = request.getfixturevalue(layout), LAYOUTS[layout]
        spec = registry.find_model(model)
        engine = spec.engine("onnx")
        files = []
        for file, path in zip(engine.files, sorted(folder.iterdir(), key=lambda path: "coder" not in path.name), strict=True):
            file_server.files[f"/{file.name}"] = path.read_bytes()
            files.append(WeightFile(file.name, file_sha256(path), (file_server.url(f"/{file.name}"),)))
        tiny = replace(spec, engines=(replace(engine, files=tuple(files)),))
        monkeypatch.setitem(registry.list_models(), model, tiny)
        segmenter = promptseg.load(model, engine="onnx")
        assert isinstance(segmenter.model, kind)
        assert segmenter.provenance.weights == {file.name: file.sha256 for file in files}
        assert len(segmenter.open(photo()).segment([Prompt.point(40, 50)])) == 1
        assert bool(list(cache_dir().glob("prepared/*/decoder.onnx"))) is (layout == "sam_int8_pair")

    @pytest.mark.parametrize(
        "model", [model for model in registry.list_models().values() for e in model.engines if e.backend == "onnx_sam"]
    )
    def test_every_variant_of_the_catalog_is_one_that_the_backend_runs(self, model):
        assert catalog.backend_for(model, model.engine("onnx")).name == "onnx_sam"


class TestPreparedGraphs:
    def test_a_cache_that_cannot_be_written_costs_nothing_but_time(self, sam_pair, photo, monkeypatch):
        prompt = [Prompt.point(40, 50)]
        expected = promptseg.load("onnx-sam", weights=sam_pair).open(photo()).segment(prompt)
        assert list(cache_dir().glob("prepared/*/*.onnx"))
        occupied = cache_dir() / "a file"
        occupied.touch()
        monkeypatch.setenv("PROMPTSEG_HOME", str(occupied))
        assert list(promptseg.load("onnx-sam", weights=sam_pair).open(photo()).segment(prompt)) == list(expected)

    def test_they_are_made_once(self, sam_pair):
        promptseg.load("onnx-sam", weights=sam_pair)
        made = {path: path.stat().st_mtime_ns for path in cache_dir().glob("prepared/*/*.onnx")}
        promptseg.load("onnx-sam", weights=sam_pair)
        assert {path: path.stat().st_mtime_ns for path in cache_dir().glob("prepared/*/*.onnx")} == made

    @pytest.mark.parametrize("damage", ["cut", "altered", "absent", "empty", "another graph", "digests", "no digests"])
    def test_damaged_ones_are_made_again(self, damage, sam_pair, photo):
        prompt = [Prompt.point(40, 50)]
        expected = promptseg.load("onnx-sam", weights=sam_pair).open(photo()).segment(prompt)
        (path,) = cache_dir().glob("prepared/*/decoder.onnx")
        whole = path.read_bytes()
        digests = path.with_name("sha256.json")
        if damage in ("absent", "no digests"):
            (path if damage == "absent" else digests).unlink()
        elif damage == "digests":
            digests.write_text("[" * 100_000)
        else:
            content = {"cut": whole[:-9], "empty": b"", "another graph": path.with_name("context.onnx").read_bytes()}
            path.write_bytes(content.get(damage, whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:]))
        assert list(promptseg.load("onnx-sam", weights=sam_pair).open(photo()).segment(prompt)) == list(expected)
        assert path.read_bytes() == whole
        assert set(check_prepared(file_sha256(sam_pair / "decoder.onnx")).values()) == {"ok"}


class TestOptions:
    @pytest.mark.parametrize(("name", "span"), [("threads", "of at least 1"), ("decode_batch", "from 1 to 4096")])
    def test_a_count_is_a_whole_number_of_at_least_1(self, name, span, sam_pair):
        with pytest.raises(ConfigError, match=f"option {name} is a whole number {span}, got 0"):
            promptseg.load("onnx-sam", weights=sam_pair, **{name: 0})

    def test_a_device_that_is_not_there_is_refused_with_those_that_are(self, sam_pair):
        with pytest.raises(ConfigError, match="device 'mps' is not available in this build of ONNX Runtime: use auto or cpu"):
            promptseg.load("onnx-sam", weights=sam_pair, device="mps")

    def test_option_selection_decides_which_candidate_becomes_the_mask(self, sam2_pair, photo):
        prompt = [Prompt.box(15, 20, 70, 95)]
        best = promptseg.load("onnx-sam", weights=sam2_pair, selection="best").open(photo())
        assert best.segment(prompt)[0].score == max(best.segment(prompt, candidates=True).scores)


WITHOUT_TORCH = """
import sys
for name in ("torch", "torchvision", "transformers", "segment_anything", "sam2", "mobile_sam"):
    sys.modules[name] = None
import numpy as np, promptseg
for pair in sys.argv[1:]:
    segmenter = promptseg.load(pair, device="cpu")
    masks = segmenter.open(np.zeros((40, 50, 3), np.uint8)).segment([promptseg.Prompt.point(20, 20)])
    print(type(segmenter.model).__name__, len(masks))
"""


def test_no_layout_needs_torch(request):
    pairs = [f"{model}={request.getfixturevalue(folder)}" for folder, (model, _, _) in LAYOUTS.items()]
    run = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *pairs], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [f"{kind.__name__} 1" for _, _, kind in LAYOUTS.values()]
