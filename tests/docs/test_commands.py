"""The commands of the documentation run, or are listed here with what they need.

Models are replaced by fakes, and training and export by what takes their arguments: they have tests of their own.
"""

import glob
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import promptseg
from detector_exports import write_rf_detr
from geo_scenes import NORTH_UP, shapes
from in_process import invoke
from promptseg.datasets.reading import open_dataset
from promptseg.datasets.writing import write
from promptseg.finetuning.result import FineTuned
from promptseg.geo.label_raster import write_label_raster
from promptseg.geo.vectors import write_vectors
from promptseg.models.coco_classes import COCO_BY_NUMBER
from promptseg.prompts import Prompt
from promptseg.samples import coffee
from promptseg.testing import FakeDetector, FakeSegmenter, FakeVideoSegmenter
from promptseg.testing.fakes import FakeSession
from promptseg.testing.sheets import draw_sheet

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "examples/README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]
PROGRAMS = ("promptseg", "python", "pip", "make", "git", "cp", "labelme", "pytest", "echo", ".venv/bin/python", "benchmarks/newcomer.sh")
BLOCK = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<lines>.*?)^```$", re.DOTALL | re.MULTILINE)

NEEDS = {
    r"pip install|SAM2_BUILD_CUDA=0 pip": "the network",
    r"make demo|make test": "minutes; continuous integration runs them",
    r"make (release|study|fuzz|mutants)|git ": "a release, a dataset or hours",
    r"(\.venv/bin/)?python (benchmarks|tools)/|benchmarks/newcomer\.sh": "minutes, or datasets; the pages have the figures",
    r"python examples/": "nothing more: tests/examples runs the examples",
    r"labelme ": "a screen",
    r"python -m promptseg\.interop": "labelme or osam; tests/interop runs them without",
    r"pytest examples/": "nothing more: tests/examples runs them",
    r"promptseg weights ": "the network; tests/cli/test_weights.py runs them against a server",
    r"promptseg annotate .* --executor ray": "Ray; tests/annotation/test_ray_executor.py runs it",
    r"promptseg serve .* --executor ray": "Ray; tests/server/test_ray_engine.py runs it",
    r"promptseg segment .* --model grabcut": "the package of the tutorial; tests/examples runs it",
    r"promptseg calibrate ": "a dataset of more masks; tests/cli/test_calibrate.py runs it",
    r"promptseg cutout .* --matting vitmatte": "the weights of ViTMatte; tests/cli/test_cutout.py runs a small one",
    r"promptseg bench ": "a machine that does nothing else; tests/cli/test_bench.py runs it with small models",
    r"promptseg segment photo\.jpg --text \"red cup\"": "the weights of the detector that a plan names",
    r"promptseg (-v )?serve": "clients, for as long as it runs; tests/cli/test_serve.py and tests/server are some",
    r"promptseg studio": "a person, for as long as it runs; tests/cli/test_studio.py and tests/studio_server are some",
    r"promptseg mcp ": "an assistant on standard input; tests/assistants/test_server.py is one",
    r"promptseg demo": "the weights of mini-sam; `make demo` runs it",
}
"""Commands that do not run here, with what they need."""

STATUS = {"promptseg segment photo.jpg": 2, "promptseg segment photo.jpg missing.jpg --point 290,160": 1}
STATUS["promptseg segment photo.jpg --point 290,160 --model mini-smo"] = 2
"""Exit status of the commands that show a mistake."""


def commands(page):
    """Yield the commands of a page: the line of each, and the lines of output that the page shows below it."""
    text = (ROOT / page).read_text("utf-8")
    for block in BLOCK.finditer(text):
        if block["language"] not in ("", "sh", "bash", "console"):
            continue
        lines = block["lines"].replace("\\\n", "").splitlines()
        prompted = any(line.startswith("$ ") for line in lines)
        for number, line in enumerate(lines):
            command = line.removeprefix("$ ") if prompted else line
            if line.startswith("$ ") if prompted else command.startswith((*(f"{each} " for each in PROGRAMS), "SAM2_BUILD_CUDA=0")):
                rest = lines[number + 1 :]
                shown = rest[: next((at for at, each in enumerate(rest) if each.startswith("$ ")), len(rest))] if prompted else []
                yield re.sub(r"\s+#(?![\w:]*').*", "", command).strip(), shown


@pytest.fixture(scope="module")
def files(tmp_path_factory, write_video):
    """A folder with the files that the pages speak of."""
    folder = tmp_path_factory.mktemp("files")
    Image.fromarray(coffee()).save(folder / "photo.jpg", quality=95)
    Image.new("RGB", (1800, 1200)).save(folder / "flood.jpg")
    for number, name in enumerate(("cells.png", "more-cells.png")):
        Image.fromarray(draw_sheet("cells", seed=number, count=6, side=200).image).save(folder / name)
    mask = np.zeros((400, 600), bool)
    mask[62:330, 322:430] = True
    for images, masks in (("images", "masks"), ("other-images", "other-masks")):
        for name in (images, masks):
            (folder / name).mkdir()
        for number in range(2):
            Image.fromarray(np.roll(coffee(), number, axis=1)).save(folder / images / f"{number}.jpg")
            Image.fromarray(np.roll(mask, number, axis=1)).save(folder / masks / f"{number}.png")
    dataset = open_dataset(folder / "images", masks=folder / "masks")
    write("coco", open_dataset(folder / "other-images", masks=folder / "other-masks"), folder / "other-dataset")
    write("coco", dataset, folder)
    (folder / "coco.json").rename(folder / "annotations.json")
    (folder / "folds").mkdir()
    for prompt, place in (("box", "folds/base-box"), ("box", "folds/tuned-box"), ("box", "box"), ("point", "point")):
        promptseg.evaluate(dataset, model=FakeSegmenter(), prompt=prompt, baselines=False).save(folder / f"{place}.json")
    write_video(folder / "clip.mp4", 3, size=(580, 460))
    davis = folder / "DAVIS"
    for place in (davis / "JPEGImages" / "480p" / "clip", davis / "Annotations" / "480p" / "clip", folder / "label_images" / "clip"):
        place.mkdir(parents=True)
        for number in range(2):
            image = coffee() if "JPEGImages" in place.parts else mask.astype(np.uint8)
            Image.fromarray(image).save(place / f"{number:05}.{'jpg' if image.ndim == 3 else 'png'}")
    (davis / "ImageSets" / "2017").mkdir(parents=True)
    (davis / "ImageSets" / "2017" / "val.txt").write_text("clip\n")
    write_rf_detr(folder / "rfdetr" / "onnx" / "model.onnx", classes=91, layout="transformers")
    (folder / "rfdetr" / "config.json").write_text(json.dumps({"model_type": "rf_detr", "id2label": COCO_BY_NUMBER}), "utf-8")
    _write_scene(folder)
    for name, page in (("pipeline.yaml", "docs/reference/configuration.md"), ("street.yaml", "docs/how-to/config-file.md")):
        text = (ROOT / page).read_text("utf-8")
        (folder / name).write_text(re.search(r"^```yaml[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1], "utf-8")
    return folder


def _write_scene(folder):
    """Write a raster with world coordinates, its true objects, and what was found of them."""
    if not all(map(find_spec, ("rasterio", "pyogrio"))):
        return
    write_label_raster(shapes(), folder / "scene.tif", georeference=NORTH_UP)
    shutil.copy(folder / "scene.tif", folder / "earth.tif")
    write_vectors(shapes(), folder / "truth.geojson", georeference=NORTH_UP)
    write_vectors(shapes()[:4], folder / "objects.gpkg", georeference=NORTH_UP)
    write_vectors(shapes()[:2], folder / "points.geojson", georeference=NORTH_UP)


@pytest.fixture
def folder(files, tmp_path, monkeypatch, add_model, standing_out):
    """A copy of the files as the working directory, and fakes for the models."""
    shutil.copytree(files, tmp_path / "page")
    monkeypatch.chdir(tmp_path / "page")
    found = dict.fromkeys(("cup", "coffee cup", "cup of coffee", "dog", "bicycle", "bowl", "person"), (170, 18, 421, 315))
    found |= dict.fromkeys(("spoon", "silver spoon", "cat", "wet road", "table"), (322, 62, 430, 330))
    for name in ("grounding-dino-swin-t", "owlv2-base", "d-fine-n", "yolov8n"):
        add_model(name, "detector", lambda _: FakeDetector(found))
    add_model("isnet-general-use", "detector", standing_out)
    for name in ("mini-sam", "sam-vit-b"):
        add_model(name, "segmenter", lambda _: FakeSegmenter(), options={"threads": None})
    monkeypatch.setattr("promptseg.cli.track.load_video", lambda *_, **__: FakeVideoSegmenter())
    everything = FakeSession.everything  # Of a thousand masks an image, drawing and writing would take half a minute.
    monkeypatch.setattr(FakeSession, "everything", lambda self, prompt=None: everything(self, Prompt.everything(points_per_side=8)))


@pytest.fixture(autouse=True)
def _nothing_is_trained_or_exported(monkeypatch):
    def takes_its_arguments(target, result):
        module, _, name = target.rpartition(".")
        signature = inspect.signature(getattr(__import__(module, fromlist=[name]), name))

        def called(*args, **kwargs):
            signature.bind(*args, **kwargs)
            return result

        monkeypatch.setattr(target, called)

    agreement = SimpleNamespace(iou=[1.0], logit_difference=0.0, largest_logit=1.0)
    takes_its_arguments(
        "promptseg.export.pair.export_onnx",
        SimpleNamespace(model="m", folder=Path("x"), files={}, agreement=agreement, to_dict=dict),
    )
    takes_its_arguments("promptseg.finetuning.run.finetune_decoder", FineTuned("m", Path("x"), "MIT", (1, 1), 1, 1, 1, {}, None, 1.0, 1))
    crossed = SimpleNamespace(comparisons=dict, tuned={}, to_dict=dict, findings=())
    takes_its_arguments("promptseg.finetuning.cross_validation.cross_validate", crossed)


def runner(words):
    """Run a command of the command line as a shell would: with patterns of names, and standard output into a file after ``>``."""
    command, _, target = words.partition(" > ")
    words = [each for word in shlex.split(command) for each in (sorted(glob.glob(word)) or [word])]  # noqa: PTH207 - As a shell does.
    done = invoke(words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if target:
        Path(target).write_text(done.stdout, "utf-8")
    return done


def needs(command):
    return next((what for pattern, what in NEEDS.items() if re.match(pattern, command)), None)


@pytest.mark.parametrize("page", [page for page in PAGES if any(command.startswith("promptseg") for command, _ in commands(page))])
@pytest.mark.usefixtures("folder")
def test_the_commands_of_a_page_run(page):
    status, last = 0, ""
    for command, shown in commands(page):
        if needs(command):
            continue
        program, _, words = command.partition(" ")
        if program == "cp":
            shutil.copy(*words.split())
            continue
        if program == "echo":
            assert shown == [str(status)], f"{page}: the page shows another exit status than {status} after {last}"
            continue
        if program == "python":
            exec(shlex.split(words)[1], {})
            continue
        assert program == "promptseg", f"{page}: {command} is of no program that runs here: say in NEEDS what it needs"
        done = runner(
            re.sub(r"=(tuned|sam-vit-b-onnx|owlv2)\b", "", words.replace("--model tuned", "--model mini-sam"))
        )  # The fakes have no weights.
        status, last = done.exit_code, command
        assert status == STATUS.get(command, 0), f"{page}: {command} ended with status {status}:\n{done.output}"


@pytest.mark.parametrize("words", ["--help", "--version"])
def test_the_page_of_the_command_line_shows_what_is_printed(words):
    environment = {**os.environ, "COLUMNS": "80"}
    code = f"from promptseg.cli import app; app([{words!r}], prog_name='promptseg')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    (shown,) = [shown for command, shown in commands("docs/reference/command-line.md") if command == f"promptseg {words}"]
    assert done.stdout.splitlines() == shown


def test_what_the_list_of_needs_says_is_still_in_the_pages():
    every = [command for page in PAGES for command, _ in commands(page)]
    idle = [pattern for pattern in NEEDS if not any(re.match(pattern, command) for command in every)]
    assert not idle
