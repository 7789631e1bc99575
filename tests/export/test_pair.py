"""Export of a model to a pair of files in a folder."""

import json
import subprocess
import sys

import numpy as np
import pytest

import promptseg
from promptseg import registry
from promptseg.errors import BackendError, ConfigError, MissingDependencyError, OutputError, WeightsNotFoundError
from promptseg.export.pair import export_onnx, write_pair
from promptseg.prompts import Prompt
from promptseg.registry import manifest
from promptseg.samples import coffee


def test_the_call_is_there_without_torch_or_onnx_runtime():
    program = "import sys, promptseg; promptseg.export_onnx; assert not {'torch', 'onnxruntime', 'onnx'} & set(sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


class TestRefusals:
    """Before weights are fetched or anything is written."""

    def test_a_model_that_does_not_run_in_torch_is_refused_with_those_that_can_be_exported(self, tmp_path):
        with pytest.raises(
            ConfigError,
            match=r"'superpixel' cannot be exported; these can: mini-sam, sam-vit-h, -l, -b, mobile-sam, sam2-hiera-tiny, -small",
        ) as caught:
            export_onnx("superpixel", tmp_path / "out")
        assert "yolo" not in str(caught.value)

    def test_a_folder_that_holds_files_is_refused(self, tmp_path):
        (tmp_path / "notes.txt").touch()
        with pytest.raises(ConfigError, match="holds files: give another folder"):
            export_onnx("mobile-sam", tmp_path)

    def test_a_file_in_place_of_the_folder_is_refused(self, tmp_path):
        (tmp_path / "out").touch()
        with pytest.raises(OutputError, match="out: this is a file, and a folder is expected"):
            export_onnx("mobile-sam", tmp_path / "out", overwrite=True)

    def test_weights_given_twice_are_refused(self, tmp_path):
        with pytest.raises(ConfigError, match=r"given twice: 'a.pt' in the name and 'b.pt'"):
            export_onnx("mobile-sam=a.pt", tmp_path / "out", weights="b.pt")

    def test_a_missing_package_is_named_with_how_to_install_it(self, tmp_path, monkeypatch):
        missing = {"requires": ("no_such_module",), "install": "pip install it"}
        spec = registry.BackendSpec("mobile_sam", "segmenter", "x:y", export_layouts={"original": "x:ExportLayout"}, **missing)
        monkeypatch.setitem(registry.backends(), "mobile_sam", spec)
        with pytest.raises(MissingDependencyError, match="needs no_such_module, which is not installed: pip install it"):
            export_onnx("mobile-sam", tmp_path / "out")


@pytest.fixture(scope="module")
def traces():
    """Graphs that were traced, by what they are of."""
    return {}


@pytest.fixture(autouse=True)
def _traced_once(request, traces, monkeypatch):
    """Trace the tiny model once: all tests of folders have the same one."""
    if not {"tiny_layout", "tiny_torch_model"} & set(request.fixturenames):
        return
    graphs = pytest.importorskip("promptseg.export.graphs", reason="the export needs torch", exc_type=ImportError)
    trace = graphs._trace

    def once(graph, path):
        kind = type(graph.module), tuple(graph.outputs)
        if kind not in traces:
            trace(graph, path)
            traces[kind] = path.read_bytes()
        path.write_bytes(traces[kind])

    monkeypatch.setattr(graphs, "_trace", once)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


PAIR = ["promptseg.json", "tiny.decoder.onnx", "tiny.encoder.onnx"]


def test_a_pair_stands_in_the_folder_with_what_the_loader_needs_to_know(tiny_torch_model, tmp_path):
    done = export_onnx("tiny", tmp_path / "out", weights=tmp_path / "tiny.pt")
    assert names(tmp_path / "out") == PAIR
    assert done.files == {name: (tmp_path / "out" / name).stat().st_size for name in PAIR[:0:-1]}
    assert done.agreement.holds(int8=False)
    written = manifest.read(tmp_path / "out")
    assert (written.model, written.backend, written.variant) == ("tiny", "onnx_sam", "sam")
    assert set(written.sha256) == {"tiny.encoder.onnx", "tiny.decoder.onnx"}
    assert json.loads(json.dumps(done.to_dict()))["check"]["mask_iou"] == pytest.approx([1.0] * 5, abs=1e-3)
    assert names(tmp_path) == ["out", "tiny.pt"]


@pytest.mark.parametrize("form", ["name", "argument"])
def test_own_weights_come_in_the_name_or_as_an_argument(form, tiny_torch_model, tmp_path):
    path = tmp_path / "tiny.pt"
    export_onnx(f"tiny={path}" if form == "name" else "tiny", tmp_path / "out", weights=None if form == "name" else str(path))
    assert tiny_torch_model.requests[0].weights.files == {"tiny.pt": path}


def test_the_folder_is_named_after_the_model_by_default(tiny_torch_model, tmp_path):
    assert str(export_onnx("tiny=tiny.pt").folder) == "tiny-onnx"
    assert names(tmp_path / "tiny-onnx") == PAIR


def test_weights_that_are_not_there_are_named_and_nothing_is_written(tiny_torch_model, tmp_path):
    with pytest.raises(WeightsNotFoundError, match="absent"):
        export_onnx("tiny", tmp_path / "out", weights=tmp_path / "absent.pt")
    assert names(tmp_path) == ["tiny.pt"]


class TestAPairThatDoesNotAgree:
    @pytest.fixture
    def wrong(self, tiny_layout):
        layout = tiny_layout()
        layout.encode = lambda pixels: type(layout).encode(layout, pixels) + 1
        return layout

    def test_nothing_is_left_of_it(self, wrong, tmp_path):
        with pytest.raises(OutputError, match=r"tiny does not agree with the torch model: mask IoU .*; nothing was written to"):
            write_pair(wrong, "tiny", tmp_path / "out")
        assert not list(tmp_path.iterdir())

    def test_an_earlier_export_stands_as_it_was(self, wrong, tiny_layout, tmp_path):
        write_pair(tiny_layout(), "tiny", tmp_path / "out")
        before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        with pytest.raises(OutputError):
            write_pair(wrong, "tiny", tmp_path / "out")
        assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_failure_on_the_way_leaves_nothing(tiny_layout, tmp_path, monkeypatch):
    from promptseg.export import check

    def fail(*_):
        raise BackendError("no")

    monkeypatch.setattr(check, "compare", fail)
    with pytest.raises(BackendError, match="no"):
        write_pair(tiny_layout(), "tiny", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_overwriting_replaces_an_earlier_export_and_leaves_other_files(tiny_torch_model, tmp_path, monkeypatch):
    from promptseg.export import check

    monkeypatch.setattr(check, "INT8_IOU", 0.0)  # Random weights may lose any accuracy.
    out = tmp_path / "out"
    done = export_onnx("tiny=tiny.pt", out, int8=True)
    assert (done.dtype, names(out)) == ("int8", ["promptseg.json", "tiny.decoder.onnx", "tiny.int8.encoder.onnx"])
    (out / "notes.txt").touch()
    with pytest.raises(ConfigError, match="holds files"):
        export_onnx("tiny=tiny.pt", out)
    assert export_onnx("tiny=tiny.pt", out, overwrite=True).dtype == "float32"
    assert names(out) == ["notes.txt", *PAIR]


def test_the_record_of_a_training_stands_beside_the_pair_until_it_is_that_of_other_weights(tiny_layout, tmp_path):
    (tmp_path / "record.json").write_text("{}")
    write_pair(tiny_layout(), "tiny", tmp_path / "out", record=tmp_path / "record.json")
    assert names(tmp_path / "out") == [*PAIR, "training.json"]
    write_pair(tiny_layout(), "tiny", tmp_path / "out")
    assert names(tmp_path / "out") == PAIR


def test_int8_is_a_smaller_encoder(tiny_layout, tmp_path, monkeypatch):
    from promptseg.export import check

    monkeypatch.setattr(check, "INT8_IOU", 0.0)
    whole = write_pair(tiny_layout(), "tiny", tmp_path / "whole").files
    small = write_pair(tiny_layout(), "tiny", tmp_path / "small", int8=True).files
    assert small["tiny.decoder.onnx"] == whole["tiny.decoder.onnx"]
    assert small["tiny.int8.encoder.onnx"] != whole["tiny.encoder.onnx"]


PROMPTS = (Prompt.point(290, 160), Prompt.box(322, 62, 430, 330), Prompt.point(130, 270) + Prompt.point(290, 160, foreground=False))


@pytest.mark.shared
def test_mini_sam_at_full_size_gives_the_masks_of_the_torch_engine(shared, tmp_path):
    pytest.importorskip("mobile_sam", reason="MobileSAM's own code is not installed")
    weights = shared / "weights" / "minisam" / "mobile_sam.pt"
    if not weights.is_file():
        pytest.skip(f"there is no {weights.name} of mini-sam's weights beside the project")
    assert export_onnx("mini-sam", tmp_path / "pair", weights=weights).agreement.worst_iou > 0.9999
    onnx_model, torch_model = (promptseg.load("mini-sam", weights=path) for path in (tmp_path / "pair", weights))
    assert (onnx_model.provenance.backend, torch_model.provenance.backend) == ("onnx_sam", "mobile_sam")
    found, expected = (model.open(coffee()).segment(PROMPTS) for model in (onnx_model, torch_model))
    for one, other in zip(found, expected, strict=True):
        assert one.iou(other) > 0.999
        assert one.score == pytest.approx(other.score, abs=1e-4)
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-3 * np.abs(other.logits).max())
