"""Every option of a command that runs a model reaches the library: another value makes other calls, or writes other outputs."""

import inspect
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg.cli import calibrate, compare, cutout, demo, evaluate, export, finetune, segment, track
from promptseg.evaluation.results import Evaluation
from promptseg.evaluation.run import evaluate as evaluate_model
from promptseg.finetuning.result import FineTuned
from promptseg.pipeline import BuiltPipeline
from promptseg.prompts import Prompt
from promptseg.registry import list_models
from promptseg.testing import FakeConceptSegmenter, FakeDetector, FakeSegmenter

DATA = "--images images --masks masks"
DATASET = {
    "images": "--images other --masks masks",
    "masks": "--images images --masks other",
    "coco": "--images images --coco c.json",
    "labelme": "--images images --labelme masks",
    "yolo": "--images images --yolo masks",
    "names": f"{DATA} --names n.yaml",
    "davis": "--davis davis",
    "mask_kind": f"{DATA} --mask-kind labels",
    "truth": "--images images --truth masks=other",
    "boxes": f"{DATA} --boxes",
    "crowds": f"{DATA} --crowds",
}
"""Words for another value of each option; the words before it are those of the plain command."""
SCENE = "--scene s.tif --predictions p.gpkg --truth t.geojson"
TO = "--model fake --out s.json"
CUT = "--model fake --box 1,1,9,9"
CONCEPT = "--model fake --like box=1,1,9,9 --concept like"
"""Words for a model of concepts, with an example; another model has a 2 at its end."""
COMMANDS = {
    "segment": (
        segment.segment,
        "a.png --model fake --box 1,1,9,9",
        {
            "images": "b.png --model fake --box 1,1,9,9",
            "point": "a.png --model fake --box 1,1,9,9 --point 5,5",
            "box": "a.png --model fake --box 1,1,9,8",
            "text": "a.png --model fake --detector find --text dog",
            "everything": "a.png --model fake --box 1,1,9,9 --everything",
            "points_per_side": ("a.png --model fake --everything", "a.png --model fake --everything --points-per-side 2"),
            "model": "a.png --model other --box 1,1,9,9",
            "fallback": "a.png --model fake --box 1,1,9,9 --fallback other",
            "detector": ("a.png --model fake --detector find --text dog", "a.png --model fake --detector find2 --text dog"),
            "config": "a.png --config p.toml --box 1,1,9,9",
            "engine": "a.png --model fake --box 1,1,9,9 --engine second",
            "quantize": "a.png --model fake --box 1,1,9,9 --quantize int8",
            "detector_engine": (
                "a.png --model fake --detector find --text dog",
                "a.png --model fake --detector find --text dog --detector-engine second",
            ),
            "threshold": ("a.png --model fake --detector find", "a.png --model fake --detector find --threshold 0.95"),
            "like": (f"a.png {CONCEPT}", f"a.png {CONCEPT} --like point=3,3"),
            "unlike": (f"a.png {CONCEPT}", f"a.png {CONCEPT} --unlike point=3,3"),
            "label": (f"a.png {CONCEPT}", f"a.png {CONCEPT} --label cell"),
            "concept": (f"a.png {CONCEPT}", f"a.png {CONCEPT}2"),
            "device": "a.png --model fake --box 1,1,9,9 --device cuda",
            "candidates": "a.png --model fake --box 1,1,9,9 --candidates",
            "out": "a.png --model fake --box 1,1,9,9 --out new",
            "masks": "a.png --model fake --box 1,1,9,9 --masks",
            "save_crops": "a.png --model fake --box 1,1,9,9 --save-crops",
            "save_cutouts": "a.png --model fake --box 1,1,9,9 --save-cutouts",
            "matting": (f"a.png {CUT} --save-cutouts", f"a.png {CUT} --save-cutouts --matting guided"),
            "band": (f"a.png {CUT} --save-cutouts --matting guided", f"a.png {CUT} --save-cutouts --matting guided --band 3"),
            "no_cache": "a.png --model fake --box 1,1,9,9 --no-cache",
            "as_json": "a.png --model fake --box 1,1,9,9 --json",
        },
    ),
    "cutout": (
        cutout.cutout,
        f"a.png {CUT} --again",
        {
            "images": f"b.png {CUT} --again",
            "point": f"a.png {CUT} --again --point 5,5",
            "box": "a.png --again --model fake --box 1,1,9,8",
            "text": "a.png --model fake --detector find --text dog",
            "model": "a.png --model other --box 1,1,9,9",
            "detector": ("a.png --model fake --detector find --text dog", "a.png --model fake --detector find2 --text dog"),
            "engine": f"a.png {CUT} --again --engine second",
            "detector_engine": (
                "a.png --model fake --detector find --text dog",
                "a.png --model fake --detector find --text dog --detector-engine second",
            ),
            "threshold": ("a.png --model fake --detector find", "a.png --model fake --detector find --threshold 0.95"),
            "config": "a.png --config p.toml --box 1,1,9,9",
            "device": f"a.png {CUT} --again --device cuda",
            "matting": f"a.png {CUT} --again --matting guided",
            "band": (f"a.png {CUT} --again --matting guided", f"a.png {CUT} --again --matting guided --band 3"),
            "crop": f"a.png {CUT} --again --crop",
            "margin": (f"a.png {CUT} --again --crop", f"a.png {CUT} --again --crop --margin 1"),
            "out": f"a.png {CUT} --again --out new",
            "again": (f"a.png {CUT}", f"a.png {CUT} --again"),
            "as_json": f"a.png {CUT} --again --json",
        },
    ),
    "demo": (
        demo.demo,
        "--model fake",
        {"out": "--model fake --out new", "model": "--model other", "device": "--model fake --device cuda"}
        | {"engine": "--model fake --engine second", "as_json": "--model fake --json", "quantize": "--model fake --quantize int8"},
    ),
    "evaluate": (
        evaluate.evaluate,
        f"{DATA} --model fake",
        {name: f"{words} --model fake" for name, words in DATASET.items()}
        | {
            "fit": ("--images images --yolo masks --model fake", "--images images --yolo masks --model fake --fit"),
            "video": "--davis davis --video --model fake",
            "predictions": ("--davis davis --video --model fake", "--davis davis --video --predictions p"),
            "scene": (f"{DATA} --model fake", SCENE),
            "by_label": (SCENE, f"{SCENE} --by-label"),
            "summary": f"{DATA} --summary",
            "model": f"{DATA} --model other",
            "detector": (f"{DATA} --model fake --prompt text --detector find", f"{DATA} --model fake --prompt text --detector find2"),
            "prompt": f"{DATA} --model fake --prompt point",
            "seed": f"{DATA} --model fake --seed 3",
            "device": f"{DATA} --model fake --device cuda",
            "no_baselines": f"{DATA} --model fake --no-baselines",
            "calibration": f"{DATA} --model fake --calibration auto",
            "no_cache": f"{DATA} --model fake --no-cache",
            "out": f"{DATA} --model fake --out run.json",
            "rows": f"{DATA} --model fake --rows rows.csv",
            "report": f"{DATA} --model fake --report r.html",
            "failures": f"{DATA} --model fake --failures f",
            "engine": f"{DATA} --model fake --engine second",
            "quantize": f"{DATA} --model fake --quantize int8",
            "detector_engine": (
                f"{DATA} --model fake --prompt text --detector find",
                f"{DATA} --model fake --prompt text --detector find --detector-engine second",
            ),
            "threshold": (
                f"{DATA} --model fake --prompt text --detector find",
                f"{DATA} --model fake --prompt text --detector find --threshold 0.7",
            ),
            "failure_iou": (f"{DATA} --model fake --failures f", f"{DATA} --model fake --failures f --failure-iou 0.7"),
            "as_json": f"{DATA} --model fake --json",
        },
    ),
    "calibrate": (
        calibrate.calibrate,
        f"{DATA} {TO}",
        {name: f"{words} {TO}" for name, words in DATASET.items()}
        | {
            "fit": (f"--images images --yolo masks {TO}", f"--images images --yolo masks {TO} --fit"),
            "out": f"{DATA} --model fake --out other.json",
            "model": f"{DATA} --model other --out s.json",
            "engine": f"{DATA} {TO} --engine second",
            "prompt": f"{DATA} {TO} --prompt box",
            "name": f"{DATA} {TO} --name ours",
            "seed": f"{DATA} {TO} --seed 3",
            "device": f"{DATA} {TO} --device cuda",
            "no_cache": f"{DATA} {TO} --no-cache",
        },
    ),
    "compare": (
        compare.compare,
        "one.json two.json",
        {
            "runs": "two.json one.json two.json",
            "metric": "one.json two.json --metric dice",
            "trained_on": "one.json two.json --trained-on images",
            "as_json": "one.json two.json --json",
        },
    ),
    "track": (
        track.track,
        "clip --model fake --box 1,1,9,9",
        {
            "video": "other --model fake --box 1,1,9,9",
            "point": "clip --model fake --box 1,1,9,9 --point 5,5",
            "box": "clip --model fake --box 1,1,9,8",
            "text": "clip --model fake --detector find --text dog",
            "model": "clip --model other --box 1,1,9,9",
            "tracker": "clip --model fake --box 1,1,9,9 --tracker propagate2",
            "detector": "clip --model fake --box 1,1,9,9 --detector find",
            "engine": "clip --model fake --box 1,1,9,9 --engine second",
            "quantize": "clip --model fake --box 1,1,9,9 --quantize int8",
            "detector_engine": ("clip --model fake --detector find", "clip --model fake --detector find --detector-engine second"),
            "threshold": ("clip --model fake --detector find", "clip --model fake --detector find --threshold 0.4"),
            "like": (f"clip {CONCEPT}", f"clip {CONCEPT} --like point=3,3"),
            "unlike": (f"clip {CONCEPT}", f"clip {CONCEPT} --unlike point=3,3"),
            "label": (f"clip {CONCEPT}", f"clip {CONCEPT} --label cell"),
            "concept": (f"clip {CONCEPT}", f"clip {CONCEPT}2"),
            "redetect_every": ("clip --model fake --detector find", "clip --model fake --detector find --redetect-every 2"),
            "redetect_when_lost": ("clip --model fake --detector find", "clip --model fake --detector find --redetect-when-lost"),
            "start": "clip --model fake --box 1,1,9,9 --start 1",
            "stop": "clip --model fake --box 1,1,9,9 --stop 1",
            "every": "clip --model fake --box 1,1,9,9 --every 2",
            "ask_every": "clip --model fake --box 1,1,9,9 --ask-every 2",
            "drop": "clip --model fake --box 1,1,9,9 --drop late",
            "device": "clip --model fake --box 1,1,9,9 --device cuda",
            "out": "clip --model fake --box 1,1,9,9 --out new",
            "table": "clip --model fake --box 1,1,9,9 --table parquet",
            "no_timeline": "clip --model fake --box 1,1,9,9 --no-timeline",
            "as_json": "clip --model fake --box 1,1,9,9 --json",
        },
    ),
    "export": (
        export.export,
        "mobile-sam",
        {
            "model": "mini-sam",
            "out": "mobile-sam --out new",
            "weights": "mobile-sam --weights w.pt",
            "layout": "mobile-sam --layout transformers-js",
            "int8": "mobile-sam --int8",
            "overwrite": "mobile-sam --overwrite",
            "as_json": "mobile-sam --json",
        },
    ),
    "finetune": (
        finetune.finetune,
        f"{DATA} --out tuned",
        {name: f"{words} --out tuned" for name, words in DATASET.items()}
        | {"fit": ("--images images --yolo masks --out tuned", "--images images --yolo masks --out tuned --fit")}
        | {"out": f"{DATA} --out new", "model": f"{DATA} --out tuned --model mobile-sam", "as_json": f"{DATA} --out tuned --json"}
        | {
            name: f"{DATA} --out tuned --{name.replace('_', '-')} 7"
            for name in ("seed", "epochs", "patience", "objects", "prompts", "lora")
        }
        | {name: f"{DATA} --out tuned --{name.replace('_', '-')} 0.5" for name in ("learning_rate", "validation")}
        | {name: f"{DATA} --out tuned --{name.replace('_', '-')}" for name in ("prompt_encoder", "overwrite")}
        | {"folds": f"{DATA} --out tuned --folds 3", "device": f"{DATA} --out tuned --device cuda"}
        | {"precision": f"{DATA} --out tuned --precision bfloat16"},
    ),
}


@pytest.fixture
def calls(monkeypatch, add_model, photo, tmp_path):
    """The calls of the library that a command makes. What computes for long is replaced by what only keeps its arguments."""
    made = []

    def note(target, result=None, keep=False):
        module, _, name = target.rpartition(".")
        original = getattr(__import__(module, fromlist=[name]), name)

        def called(*args, **kwargs):
            made.append((name, repr(args), repr(kwargs)))
            found = original(*args, **kwargs) if keep else result
            return found(*args) if callable(found) and not keep else found

        monkeypatch.setattr(target, called)

    for name in ("fake", "other"):
        add_model(name, "segmenter", lambda _: FakeSegmenter(), options={"quantize": None})
        add_engine(monkeypatch, name)
    for name in ("find", "find2"):
        add_model(name, "detector", lambda _: FakeDetector({"dog": (1, 1, 9, 9)}))
        add_engine(monkeypatch, name)
    for name in ("like", "like2"):
        add_model(name, "concept", lambda _: FakeConceptSegmenter(), accepts=frozenset({"example"}))
    for name in ("images", "masks", "clip", "other", "p", "davis"):
        Path(name).mkdir()
    Path("p.toml").write_text("[segment]\nmodel = 'other'")
    mask = np.zeros((20, 24), np.uint8)
    mask[3:12, 2:14] = 255
    for path in ("a.png", "b.png", "images/0.png", "clip/0.png", "clip/1.png", "clip/2.png", "other/0.png"):
        Image.fromarray(photo(20, 24, len(path))).save(path)
    Image.fromarray(mask).save("masks/0.png")
    run = evaluate_model("images", "masks", model=FakeSegmenter(), baselines=False)
    run.save("one.json")
    Evaluation.from_dict({**run.to_dict(), "model": "second"}).save("two.json")

    dataset = SimpleNamespace(entries=(), source="data", __len__=lambda: 0)
    for name in ("open_dataset", "open_named"):
        note(f"promptseg.datasets.reading.{name}", dataset)
    note("promptseg.evaluation.run.evaluate", run)
    note("promptseg.evaluation.score_fitting.calibrate", SimpleNamespace(prompts={}, save=lambda path: path.write_text("{}")))
    note("promptseg.datasets.summary.summarize", SimpleNamespace(findings=(), to_dict=dict))
    note("promptseg.evaluation.failures.find_failures", SimpleNamespace(to_dict=dict))
    note("promptseg.evaluation.failures.draw_failures")
    note("promptseg.evaluation.report.write_report")
    score = SimpleNamespace(name="a", j=1.0, f=1.0, j_and_f=1.0, switches=0, objects={}, to_dict=dict)
    note("promptseg.evaluation.video.evaluate_video", [score])
    note("promptseg.cli.evaluate.evaluate_scene_files")
    note("promptseg.registry.load_video")
    note("promptseg.cli.track.load_video")
    note("promptseg.cli.track._propagates", lambda _model, _engine, tracker: tracker is None)
    note("promptseg.cli.track.open_frames", keep=True)
    monkeypatch.setattr(
        BuiltPipeline, "track", lambda _, frames, *args, **kwargs: made.append(("track", repr(args), repr(kwargs))) or iter(())
    )
    build, with_cache = segment.Pipeline.build, BuiltPipeline.with_cache
    monkeypatch.setattr(segment.Pipeline, "build", lambda self, *args: made.append(("build", repr(self.config), repr(args))) or build(self))
    monkeypatch.setattr(
        BuiltPipeline, "with_cache", lambda self, cache: made.append(("with_cache", str(cache is None), "")) or with_cache(self, None)
    )
    monkeypatch.setitem(demo.PROMPTS, "everything", Prompt.everything(points_per_side=4))  # A thousand masks show no more than these.
    segment_image = BuiltPipeline.__call__

    def call(self, *args, **kwargs):
        made.append(("call", repr(args), repr(kwargs)))
        return segment_image(self, *args, **kwargs)

    monkeypatch.setattr(BuiltPipeline, "__call__", call)
    soften = promptseg.Mask.cutout
    monkeypatch.setattr(
        promptseg.Mask, "cutout", lambda self, *args, **how: made.append(("cutout", "", repr(how))) or soften(self, *args, **how)
    )
    cutouts = promptseg.Result.cutouts
    monkeypatch.setattr(promptseg.Result, "cutouts", lambda self, **how: made.append(("cutouts", repr(how))) or cutouts(self, **how))
    outputs = track.TrackOutputs

    def track_outputs(*args, table, timeline, **kwargs):
        made.append(("TrackOutputs", repr(args), repr((table, timeline))))
        return outputs(*args, timeline=False, **kwargs)

    monkeypatch.setattr("promptseg.cli.track.TrackOutputs", track_outputs)
    agreement = SimpleNamespace(iou=[1.0], logit_difference=0.0, largest_logit=1.0)
    exported = SimpleNamespace(model="m", folder=Path("x"), files={}, agreement=agreement, to_dict=dict)
    note("promptseg.export.pair.export_onnx", exported)
    tuned = FineTuned("m", Path("x"), "MIT", (1, 1), 1, 1, 1, {}, None, 1.0, 1)
    note("promptseg.finetuning.run.finetune_decoder", tuned)
    crossed = SimpleNamespace(comparisons=dict, tuned={}, to_dict=dict, findings=())
    note("promptseg.finetuning.cross_validation.cross_validate", crossed)
    note("promptseg.evaluation.train_overlap.training_images", {})
    return made


def add_engine(monkeypatch, name):
    """Give a model of a test a second engine ``second``, which does the same."""
    model = list_models()[name]
    monkeypatch.setitem(list_models(), name, replace(model, engines=(*model.engines, replace(model.engines[0], name="second"))))


def effects(run, calls, command, words):
    """Return what a command does: its calls, what it prints without times, and the files that it makes."""
    calls.clear()
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*") if path.is_file()}
    done = run(command, *words.split())
    assert done.exit_code in (0, 1), (words, done.stderr)
    made = sorted(str(path) for path in Path().rglob("*") if path.is_file() and path.stat().st_mtime_ns != before.get(path))
    return list(calls), re.sub(r"[\d.]+ s", "", done.stdout), made


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_every_command_reaches_the_library(command, run, calls):
    function, plain, others = COMMANDS[command]
    assert set(inspect.signature(function).parameters) == set(others)
    unchanged = effects(run, calls, command, plain)
    assert effects(run, calls, command, plain) == unchanged
    for option, words in others.items():
        base, changed = words if isinstance(words, tuple) else (plain, words)
        assert effects(run, calls, command, changed) != effects(run, calls, command, base), f"{option} has no effect"
