"""YOLO checkpoints in torch: accepted and refused files, and side effects of importing ultralytics on the process."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, OutOfMemoryError, WeightsMismatchError, WeightsNotFoundError, WeightsOfflineError
from promptseg.testing.contracts import scene

torch = pytest.importorskip("torch", reason="the backend needs torch")
if importlib.util.find_spec("ultralytics") is None:  # Not `importorskip`: imported by itself it changes the process of all tests.
    pytest.skip("ultralytics is not installed", allow_module_level=True)

from promptseg.backends import yolo  # noqa: E402 - It needs torch.
from promptseg.backends._ultralytics import import_tasks  # noqa: E402

SNAPSHOT = """
import json, logging, os, random, signal, socket, sys, warnings
import cv2, numpy, torch, PIL.Image

def state():
    return {
        "environment": dict(os.environ),
        "numpy prints": str(numpy.get_printoptions()),
        "torch prints": str(torch._tensor_str.get_printoptions()),
        "threads": (cv2.getNumThreads(), torch.get_num_threads(), torch.get_num_interop_threads()),
        "functions": [id(f) for f in (torch.save, torch.load, cv2.imread, cv2.imwrite, PIL.Image.open, sys.excepthook)],
        "safe classes": str(torch.serialization.get_safe_globals()),
        "warnings": str(warnings.filters),
        "torch": str((torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_float32_matmul_precision())),
        "determinism": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic, torch.are_deterministic_algorithms_enabled()),
        "random": (hash(random.getstate()), str(numpy.random.get_state()), torch.get_rng_state().sum().item()),
        "logging": str((logging.root.level, logging.root.handlers)),
        "signals": str([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]),
        "others": (os.getcwd(), sys.path, socket.getdefaulttimeout(), id(sys.stdout)),
    }

events = []

def audit(event, args):
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if writes or event in ("os.mkdir", "os.rename", "os.remove") or event.partition(".")[0] in ("socket", "subprocess"):
        events.append((event, str(args[0])))
"""

LOAD = """
import promptseg
before = state()
sys.addaudithook(audit)
detector = promptseg.load("yolo", weights=sys.argv[1], device="cpu")
found = detector.detect(numpy.zeros((48, 64, 3), numpy.uint8))
after = state()
changed = [name for name in before if before[name] != after[name]]
print(json.dumps({"changed": {name: (str(before[name]), str(after[name])) for name in changed}, "events": events}))
"""


def in_a_process(code, path, tmp_path, **environment):
    """Run code in a new process with an empty home folder and return the last line that it prints, parsed from JSON."""
    home = tmp_path / "user"
    home.mkdir()
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("YOLO_", "ULTRALYTICS_", "OMP_"))}
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={**inherited, "HOME": str(home), "PROMPTSEG_HOME": str(tmp_path / "promptseg"), **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1]), run.stdout, list(home.rglob("*"))


class TestTheProcessAround:
    def test_nothing_of_it_changes_and_nothing_is_sent_run_or_written_outside_promptsegs_folder(self, tiny_yolo, tmp_path):
        report, printed, in_home = in_a_process(SNAPSHOT + LOAD, tiny_yolo(), tmp_path)
        assert report["changed"] == {}
        outside = [(event, path) for event, path in report["events"] if not path.startswith(str(tmp_path / "promptseg"))]
        assert outside == []
        assert in_home == []
        assert len(printed.splitlines()) == 1, "something else was printed"

    def test_the_users_own_settings_for_ultralytics_are_kept(self, tiny_yolo, tmp_path):
        chosen = {"YOLO_OFFLINE": "maybe", "YOLO_CONFIG_DIR": str(tmp_path / "promptseg" / "chosen"), "OMP_NUM_THREADS": "2"}
        report, _, _ = in_a_process(SNAPSHOT + LOAD, tiny_yolo(), tmp_path, **chosen)
        assert report["changed"] == {}
        assert (tmp_path / "promptseg" / "chosen" / "Ultralytics" / "settings.json").exists()

    def test_a_program_that_imported_ultralytics_before_finds_it_as_it_was(self, tiny_yolo, tmp_path):
        before = "os.environ['YOLO_OFFLINE'] = 'true'\nimport ultralytics.utils as u\nmine = torch.save, u.AUTOINSTALL, u.SETTINGS.file\n"
        after = "assert mine == (torch.save, u.AUTOINSTALL, u.SETTINGS.file)\nprint(json.dumps({'changed': changed}))"
        code = SNAPSHOT + before + LOAD + after
        report, _, _ = in_a_process(code, tiny_yolo(), tmp_path)
        assert report["changed"] == []

    def test_listing_and_finding_models_does_not_import_ultralytics(self):
        code = "import sys\nfrom promptseg import registry\nregistry.find_model('yolo11n')\nregistry.backends()['yolo'].missing()\n"
        code += "sys.exit('ultralytics' in sys.modules or 'torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestWeights:
    def test_a_checkpoint_by_path_is_loaded_by_the_generic_name(self, tiny_yolo):
        path = tiny_yolo(names=("crack", "spalling"))
        detector = promptseg.load(f"yolo={path}", device="cpu")
        assert detector.classes == ("crack", "spalling")
        assert detector.provenance.license == "AGPL-3.0"
        assert detector.provenance.backend == "yolo"
        assert "ultralytics" in detector.provenance.version
        assert list(detector.provenance.weights.values()) == [promptseg.weights.store.file_sha256(path)]

    def test_the_generic_model_asks_for_weights(self):
        with pytest.raises(WeightsNotFoundError, match="model 'yolo' runs weights of your own: 'yolo=PATH' or weights=PATH"):
            promptseg.load("yolo")

    def test_weights_that_are_not_there_are_an_error_and_not_a_download(self):
        with pytest.raises(WeightsNotFoundError, match=r"there is no weights file yolov8n\.pt"):
            promptseg.load("yolo", weights="yolov8n.pt")

    def test_without_network_and_without_a_cached_file_the_error_says_what_is_missing(self, monkeypatch):
        monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
        with pytest.raises(WeightsOfflineError, match=r"weights yolo11n\.pt of yolo11n are not in "):
            promptseg.load("yolo11n")

    def test_the_moving_average_is_preferred_as_ultralytics_does(self, tiny_yolo, tmp_path):
        first, second = (torch.load(tiny_yolo(seed=seed), weights_only=False) for seed in (0, 1))
        torch.save({**first, "ema": second["model"]}, tmp_path / "both.pt")
        torch.save({**first, "model": second["model"]}, tmp_path / "second.pt")
        found = [promptseg.load("yolo", weights=tmp_path / name, device="cpu").detect(scene()) for name in ("both.pt", "second.pt")]
        assert np.array_equal(found[0].scores, found[1].scores)

    def test_a_checkpoint_in_half_precision_is_computed_in_full(self, tiny_yolo, tmp_path):
        saved = torch.load(tiny_yolo(), weights_only=False)
        torch.save({**saved, "model": saved["model"].half()}, tmp_path / "half.pt")
        assert len(promptseg.load("yolo", weights=tmp_path / "half.pt", device="cpu").detect(scene())) > 3

    def test_a_model_whose_layers_were_folded_before_it_was_saved_is_the_same(self, tiny_yolo, tmp_path):
        path = tiny_yolo()
        saved = torch.load(path, weights_only=False)
        torch.save({**saved, "model": saved["model"].eval().fuse(verbose=False)}, tmp_path / "folded.pt")
        found, expected = (promptseg.load("yolo", weights=p, device="cpu").detect(scene()) for p in (tmp_path / "folded.pt", path))
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)

    @pytest.mark.parametrize("name", ["yolov8n", "yolov8n-seg", "yolo11n", "yolo11s-seg"])
    def test_a_model_by_name_takes_weights_of_its_architecture(self, name, tiny_yolo):
        path = tiny_yolo(name, names=("crack",), scale=None)
        assert promptseg.load(name, weights=path, device="cpu").classes == ("crack",)

    @pytest.mark.parametrize(
        ("name", "of", "difference"),
        [
            ("yolo11n", "yolov8n", "has 23 layers, and yolo11n has 24"),
            ("yolov8s", "yolov8n", "layer 0 is a Conv of 16 channels, and should be a Conv of 32 channels"),
            ("yolov8n", "yolov8n-seg", "layer 22 is a Segment, and should be a Detect"),
            ("yolo11l", "yolo11m", "layer 2 is a C3k2 of 1 blocks, and should be a C3k2 of 2 blocks"),
            ("yolo11n-seg", "yolo11n", "layer 23 is a Detect, and should be a Segment"),
        ],
    )
    def test_weights_of_another_architecture_are_refused_with_the_difference(self, name, of, difference, tiny_yolo):
        with pytest.raises(WeightsMismatchError, match=difference):
            promptseg.load(name, weights=tiny_yolo(of, scale=None), device="cpu")

    def test_a_model_for_another_task_is_refused(self, tmp_path):
        for name, kind in (("yolov8n-pose", "PoseModel"), ("yolov8n-cls", "ClassificationModel"), ("yolov8n-obb", "OBBModel")):
            path = tmp_path / f"{name}.pt"
            with torch.random.fork_rng(devices=[]):
                torch.save({"model": getattr(import_tasks(), kind)(f"{name}.yaml", verbose=False)}, path)
            with pytest.raises(WeightsMismatchError, match=r"another kind|something else"):
                promptseg.load("yolo", weights=path, device="cpu")

    @pytest.mark.parametrize(
        "content",
        [
            {"weights": [1, 2]},
            {"model": torch.nn.Conv2d(3, 4, 1).state_dict()},
            torch.nn.Conv2d(3, 4, 1).state_dict(),
            [1, 2, 3],
        ],
        ids=["a dictionary", "wrapped tensors", "tensors", "a list"],
    )
    def test_what_is_no_checkpoint_of_ultralytics_is_refused(self, content, tmp_path):
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(WeightsMismatchError, match=r"other\.pt is not a checkpoint of ultralytics"):
            promptseg.load("yolo", weights=tmp_path / "other.pt", device="cpu")

    def test_a_module_of_another_library_is_refused(self, tmp_path):
        torch.save({"model": torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1))}, tmp_path / "other.pt")
        with pytest.raises(WeightsMismatchError, match=r"other\.pt: .*a Sequential"):
            promptseg.load("yolo", weights=tmp_path / "other.pt", device="cpu")

    def test_layers_that_ultralytics_does_not_have_are_refused_by_name(self, tiny_yolo, tmp_path):
        saved = torch.load(tiny_yolo(), weights_only=False)
        saved["model"].model[3] = Foreign()
        torch.save(saved, tmp_path / "foreign.pt")
        with pytest.raises(WeightsMismatchError, match=r"contains a .*Foreign, which is not a layer"):
            promptseg.load("yolo", weights=tmp_path / "foreign.pt", device="cpu")

    def test_a_hostile_checkpoint_around_a_real_model_runs_nothing(self, tiny_yolo, tmp_path):
        saved = torch.load(tiny_yolo(), weights_only=False)
        target = tmp_path / "touched"
        saved["train_args"] = Call(os.mkdir, str(target))
        saved["model"].names = {**saved["model"].names}
        saved["model"].forward = Call(os.mkdir, str(target))
        saved["model"].model[0]._forward_pre_hooks[0] = Call(os.mkdir, str(target))
        torch.save(saved, tmp_path / "hostile.pt")
        assert len(promptseg.load("yolo", weights=tmp_path / "hostile.pt", device="cpu").detect(scene())) > 3
        assert not target.exists()

    @pytest.mark.parametrize("names", [{0: "a"}, {0: "a", 2: "b", 3: "c"}, ["a", "b", 3], None], ids=str)
    def test_class_names_that_do_not_fit_are_refused(self, names, tiny_yolo, tmp_path):
        saved = torch.load(tiny_yolo(), weights_only=False)
        saved["model"].names = names
        torch.save(saved, tmp_path / "names.pt")
        with pytest.raises(WeightsMismatchError, match="no list of 3 class names"):
            promptseg.load("yolo", weights=tmp_path / "names.pt", device="cpu")

    @pytest.mark.parametrize("content", [b"", b"garbage"])
    def test_a_damaged_file_is_refused(self, content, tmp_path):
        (tmp_path / "broken.pt").write_bytes(content)
        with pytest.raises(WeightsMismatchError, match=r"broken\.pt is not a file that torch\.save wrote"):
            promptseg.load("yolov8n", weights=tmp_path / "broken.pt", device="cpu")

    def test_an_exported_file_for_a_named_model_is_refused_with_how_to_load_it(self, tiny_onnx_yolo):
        path = tiny_onnx_yolo()
        with pytest.raises(WeightsMismatchError, match=r"is not for engine 'torch', which runs \.pt files: load it as 'yolo="):
            promptseg.load("yolo11n", weights=path)

    @pytest.mark.parametrize(
        ("imgsz", "input_size"), [(64, (64, 64)), ([64, 96], (64, 96)), (70, (96, 96)), ("x", (640, 640)), (None, (640, 640))]
    )
    def test_the_input_size_is_the_one_that_it_was_trained_with(self, imgsz, input_size, tiny_yolo, tmp_path):
        saved = torch.load(tiny_yolo(), weights_only=False)
        torch.save({**saved, "train_args": {"imgsz": imgsz}}, tmp_path / "trained.pt")
        assert promptseg.load("yolo", weights=tmp_path / "trained.pt", device="cpu")._network.metadata.input_size == input_size


class Foreign(torch.nn.Module):
    """Layer of an unknown library."""


class Call:
    """Object that pickles as a function call."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __call__(self, *args, **kwargs):
        raise AssertionError

    def __reduce__(self):
        return self.function, self.args


class TestComputing:
    @pytest.mark.parametrize(("dtype", "pixels"), [("bfloat16", 2), ("float16", 0.2)])
    def test_fewer_digits_give_nearly_the_same_boxes_whose_coordinates_keep_theirs(self, dtype, pixels, tiny_yolo):
        path = tiny_yolo(seed=3)
        full, short = (promptseg.load("yolo", weights=path, device="cpu", dtype=name, allow_slow=True) for name in ("float32", dtype))
        assert short.provenance.dtype == dtype
        image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        expected, computed = (model._network(image).predictions for model in (full, short))
        assert np.median(np.abs(computed[:4] - expected[:4])) < pixels
        assert np.median(np.abs(computed[4:] - expected[4:])) < 0.02
        rounded = torch.tensor(computed[:4]).to(getattr(torch, dtype)).float().numpy()
        assert (rounded != computed[:4]).mean() > 0.9

    def test_memory_that_runs_out_while_loading_is_named_with_what_to_try(self, tiny_yolo, monkeypatch):
        def place(*args):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(yolo, "_placed", place)
        with pytest.raises(OutOfMemoryError, match=r"out of memory on cpu: .*the model does not fit; try a smaller imgsz"):
            promptseg.load("yolo", weights=tiny_yolo(), device="cpu")

    def test_memory_that_runs_out_on_an_image_is_named_with_the_input_size(self, tiny_yolo, monkeypatch):
        detector = promptseg.load("yolo", weights=tiny_yolo(), device="cpu", imgsz=96)

        def compute(letterboxed):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

        monkeypatch.setattr(detector._network, "_compute", compute)
        with pytest.raises(OutOfMemoryError, match="no room for an input of 96 x 96 pixels"):
            detector.detect(np.zeros((96, 96, 3), np.uint8))

    @pytest.mark.parametrize(("option", "value"), [("dtype", "int8"), ("threshold", 7), ("conf", 0.3)])
    def test_wrong_options_are_refused_before_the_weights_are_read(self, option, value, tmp_path):
        (tmp_path / "broken.pt").write_bytes(b"")
        with pytest.raises(ConfigError, match=option):
            promptseg.load("yolo", weights=tmp_path / "broken.pt", device="cpu", **{option: value})

    def test_a_pipeline_takes_it_as_its_detector_and_its_masks(self, tiny_yolo):
        pipeline = promptseg.Pipeline().detect(f"yolo={tiny_yolo('yolov8n-seg')}", threshold=0.3).build(device="cpu")
        result = pipeline(scene(), promptseg.Prompt.text("Dogs", "cat"))
        assert set(result.masks.labels) <= {"Dogs", "cat"}
        assert len(result.masks) == len(result.detections) > 0

    def test_a_permissive_pipeline_refuses_it(self, tiny_yolo):
        with pytest.raises(promptseg.errors.LicenseError, match=r"AGPL-3\.0"):
            promptseg.Pipeline().detect(f"yolo={tiny_yolo()}").segment("mini-sam").build(licenses="permissive")


def test_every_named_model_has_an_architecture_of_ultralytics_and_a_checkpoint_of_its_own():
    tasks = import_tasks()
    models = [model for model in promptseg.list_models().values() if model.engines[0].backend == "yolo" and model.name != "yolo"]
    assert len(models) == 20
    for model in models:
        (engine,) = model.engines
        configuration = tasks.yaml_model_load(f"{engine.variant}.yaml")
        assert configuration["scale"] in configuration["scales"]
        assert configuration["head"][-1][2] == ("Segment" if model.name.endswith("-seg") else "Detect")
        (file,) = engine.files
        assert Path(file.name).stem == model.name == engine.variant
        assert all(source.endswith(f"/{file.name}") for source in file.sources)
