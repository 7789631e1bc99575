"""What was clicked, as Python and as a command: both really run, and find what the page had."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")

import promptseg as ps
from in_process import invoke
from promptseg._prompt_values import prompt_from_dict
from promptseg.pipeline.config import parse_config
from promptseg.studio_server.copied_code import copied_code, quoted

PLAIN = parse_config({"segment": {"model": "mini-sam"}})

NAMES = (
    "plain.jpg",
    "two words.jpg",
    'it\'s "quoted" $(touch hacked) `touch hacked` ; touch hacked #.jpg',
    "-dash.jpg",
    "-",
    "café ☕.jpg",
    "new\nline\tand \x1b[31m.jpg",
    "caf\udce9.jpg",
    "\udce91'.jpg",
    "back\\slash.jpg",
    "[glob]*?.jpg",
    "~user.jpg",
    "a:box=1,2,3,4.jpg",
    "'''.jpg",
    "END_OF_CODE",
    "\nEND_OF_CODE\n",
)
CLICK = {"points": [[290, 160]], "foreground": [True]}
CLICKS = {"points": [[290, 160.5], [560, 20]], "foreground": [True, False], "box": [160, 40, 430.25, 300]}
MASK = {"mask": ps.Mask.from_coco_rle({"size": [400, 600], "counts": [4000, 3000, 233000]}).to_coco_rle()}


@pytest.fixture
def words_of(tmp_path):
    """Returns the words that a shell gives to promptseg for a command line."""
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("there is no bash on this machine")
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "promptseg"
    program.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
    program.chmod(0o755)

    def run(command, folder):
        found = subprocess.run(
            [shell, "-c", command], cwd=folder, env={"PATH": f"{programs}:/usr/bin:/bin"}, stdout=subprocess.PIPE, check=True
        )
        return [os.fsdecode(word) for word in found.stdout.split(b"\0")[:-1]]

    return run


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_characters_stays_one_name_in_both_languages(name, tmp_path, words_of, monkeypatch):
    folder = tmp_path / "images"
    folder.mkdir()
    code = copied_code(name, [CLICK], PLAIN)

    words = words_of(code.command, folder)
    assert words[0] == "segment"
    assert os.path.normpath(words[1]) == os.path.normpath(name)
    assert words[2:] == ["--point", "290,160"]

    asked = []
    monkeypatch.setattr(ps, "segment", lambda *given, **named: asked.append((given, named)) or ps.Result(ps.Masks([], (1, 1))))
    monkeypatch.chdir(tmp_path)
    exec(code.python, {})
    ((image, prompt), named) = asked[0]
    assert (image, named) == (name, {"model": "mini-sam"})
    assert prompt.same_as(prompt_from_dict(CLICK))
    assert not list(folder.iterdir())
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("word", ["", "a", "'", "\\", "\x01" + "7", "\udcff8", "$HOME", "\n'\\\n"])
def test_a_word_is_read_back_by_a_shell(word, tmp_path, words_of):
    assert words_of(f"promptseg {quoted(word)} end", tmp_path) == [word, "end"]


@pytest.fixture
def cup(tmp_path):
    """The sample image under a name that must be quoted."""
    folder = tmp_path / "some photos"
    folder.mkdir()
    shutil.copy(Path(ps.__file__).parent / "data" / "coffee.jpg", folder / "it's a cup.jpg")
    return folder / "it's a cup.jpg"


def masks_in(folder):
    (written,) = folder.rglob("*-masks.json")
    return list(ps.Result.from_dict(json.loads(written.read_text())).masks)


def masks_of_page(image, prompts):
    return list(ps.Pipeline().segment("mini-sam").build()(image, *map(prompt_from_dict, prompts)).masks)


@pytest.mark.weights
@pytest.mark.parametrize("prompts", [[CLICK], [{"box": [160, 40, 430, 300]}, {"box": [20, 60, 120, 380]}], [{**MASK, **CLICK}]])
def test_both_find_the_masks_of_the_page(prompts, mini_sam, cup, tmp_path, words_of, monkeypatch):
    code, page = copied_code(str(cup), prompts, PLAIN), masks_of_page(cup, prompts)
    for language in ("python", "command"):
        (tmp_path / language).mkdir()
        monkeypatch.chdir(tmp_path / language)
        if language == "python" or "mask" in prompts[0]:
            exec(code.python, {})
        else:
            assert invoke(words_of(code.command, tmp_path)).exit_code == 0
        assert masks_in(tmp_path / language) == page


@pytest.mark.weights
def test_several_clicks_find_the_mask_of_the_last_with_its_run_lengths_out_of_the_call(mini_sam, cup, tmp_path, monkeypatch):
    page, clicks, prompt = None, [([290, 160], True), ([100, 380], True), ([560, 20], False)], {}
    monkeypatch.chdir(tmp_path)
    for number in range(1, len(clicks) + 1):
        points, foreground = zip(*clicks[:number], strict=True)
        prompt = {"points": [*points], "foreground": [*foreground], **({} if page is None else {"mask": page.to_coco_rle()})}
        (page,) = masks_of_page(cup, [prompt])
        found = {}
        exec(copied_code(str(cup), [prompt], PLAIN).python, found)
        assert [mask.counts for mask in found["result"].masks] == [page.counts]
    call = next(line for line in copied_code("cup.jpg", [prompt], PLAIN).python.splitlines() if line.startswith("result = "))
    points = "[(290, 160), (100, 380), (560, 20)], [True, True, False]"
    assert call == f"result = ps.segment(image, ps.Prompt.points({points}) + ps.Prompt.mask(earlier), model='mini-sam')"


def test_two_earlier_masks_are_two_variables():
    python = copied_code("cup.jpg", [MASK, {**MASK, **CLICK}], PLAIN).python
    assert "ps.Prompt.mask(earlier), ps.Prompt.point(290, 160) + ps.Prompt.mask(earlier_2), model=" in python
    assert python.count("from_coco_rle") == 2


@pytest.mark.weights
def test_a_candidate_that_was_chosen_is_the_mask_of_the_script(mini_sam, cup, tmp_path, monkeypatch, words_of):
    code = copied_code(str(cup), [CLICK], PLAIN, candidate=2)
    page = ps.Pipeline().segment("mini-sam").build()(cup, prompt_from_dict(CLICK), candidates=True).masks
    found = {}
    monkeypatch.chdir(tmp_path)
    exec(code.python, found)
    assert found["mask"] == page[2]
    assert words_of(code.command, tmp_path)[-1] == "--candidates"


@pytest.mark.weights
def test_both_run_in_a_shell(mini_sam, cup, tmp_path):
    code, page = copied_code(str(cup), [CLICKS], PLAIN), masks_of_page(cup, [CLICKS])
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
    for language, words in {"python": [sys.executable, "-c", code.python], "command": ["bash", "-c", code.command]}.items():
        (place := tmp_path / language).mkdir()
        subprocess.run(words, cwd=place, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert masks_in(place) == page


LIKE = {"concept": {"label": "cup", "examples": [{"prompt": CLICKS}, {"prompt": CLICK, "positive": False}]}}
SEGMENT = {"model": "mini-sam"}


@pytest.mark.parametrize(
    ("config", "prompts"),
    [
        ({"segment": SEGMENT, "detect": {"model": "yolo", "weights": "my w.onnx", "threshold": 0.25}}, [{"text": ["a cup", "spoon"]}]),
        ({"segment": {**SEGMENT, "engine": "onnx", "options": {"quantize": "int8"}}}, [{"everything": {"points_per_side": 16}}]),
        ({"segment": {**SEGMENT, "weights": "folder"}, "concept": {"model": "exemplar"}, "device": "cpu"}, [LIKE]),
        ({"detect": {"model": "yolo", "engine": "onnx"}}, []),
    ],
)
def test_options_name_the_models_and_the_prompts_of_the_page(config, prompts, words_of, tmp_path, monkeypatch):
    config = parse_config(config)
    code = copied_code("cup.jpg", prompts, config)
    asked = {name: prompt_from_dict(value) if name != "concept" else None for each in prompts for name, value in [(next(iter(each)), each)]}

    built = []

    def stop(pipeline, device, no_cache):
        built.append(pipeline.config.model_copy(update={"device": device or "auto"}))
        raise ps.PromptSegError("no model is needed to see which one was named")

    monkeypatch.setattr("promptseg.cli.segment.build", stop)
    shutil.copy(Path(ps.__file__).parent / "data" / "coffee.jpg", tmp_path / "cup.jpg")
    monkeypatch.chdir(tmp_path)
    invoke(words_of(code.command, tmp_path))
    assert with_weights_apart(built[0]) == with_weights_apart(config)

    calls = []

    def build(pipeline, device=None):
        calls.append(pipeline.config.model_copy(update={"device": device or "auto"}))
        return lambda image, *given: calls.append((image, given)) or ps.Result(ps.Masks([], (1, 1)))

    monkeypatch.setattr(ps.Pipeline, "build", build)
    monkeypatch.setattr(
        ps, "segment", lambda image, *given, **named: calls.extend([config, (image, given)]) or ps.Result(ps.Masks([], (1, 1)))
    )
    exec(code.python, {})
    assert calls[0].model_dump() == config.model_dump()
    assert calls[1][0] == "cup.jpg"
    assert len(calls[1][1]) == len(prompts)
    if "text" in asked:
        assert calls[1][1][0].phrases == asked["text"].phrases


@pytest.mark.parametrize(
    ("config", "prompts"),
    [
        (PLAIN, [MASK]),
        (PLAIN, [CLICK, CLICKS]),
        (PLAIN, [{"points": [[0.5, 0.25]]}]),
        (PLAIN, [{"everything": {"points_per_side": 8, "min_mask_region_area": 50}}]),
        (parse_config({"segment": {"model": "mini-sam"}, "clean": {"min_area": 64}}), [CLICK]),
        (parse_config({"segment": {"model": "mini-sam", "score": "mask"}}), [CLICK]),
    ],
)
def test_what_no_option_says_becomes_a_command_that_runs_the_script(config, prompts, tmp_path):
    code = copied_code("cup.jpg", prompts, config)
    assert code.command.startswith("python - <<'")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python").write_text("#!/bin/sh\nexec cat\n")
    (programs / "python").chmod(0o755)
    script = subprocess.run(
        ["sh", "-c", code.command], env={"PATH": f"{programs}:/usr/bin:/bin"}, stdout=subprocess.PIPE, check=True
    ).stdout
    assert script.decode() == code.python


def with_weights_apart(config):
    """Return the values of a configuration in which ``NAME=WEIGHTS``, as it is written on the command line, is a model and its weights."""
    values = config.model_dump()
    for stage in filter(None, (values["detect"], values["segment"], values["concept"])):
        model, _, weights = stage["model"].partition("=")
        stage |= {"model": model, "weights": weights or stage["weights"]}
    return values


def test_models_that_a_click_does_not_ask_are_left_out():
    config = parse_config({"segment": {"model": "mini-sam"}, "detect": {"model": "yolo"}, "concept": {"model": "exemplar"}})
    assert copied_code("cup.jpg", [CLICK, {"everything": {}}], config) == copied_code("cup.jpg", [CLICK, {"everything": {}}], PLAIN)
    assert "--detector yolo" in copied_code("cup.jpg", [CLICK, {"text": ["cup"]}], config).command


@pytest.mark.parametrize("value", [0.0, 12.0, 384.1819982090603, 1 / 3, 1e-7, 123456.789])
def test_numbers_are_short_and_those_of_the_prompt(value):
    code = copied_code("cup.jpg", [{"points": [[value, 2]]}], PLAIN)
    written = code.python.partition("ps.Prompt.point(")[2].partition(",")[0]
    assert np.float32(written) == np.float32(value)
    assert len(written) <= 12


def test_an_example_in_another_image_is_named_by_its_path():
    example = {"concept": {"examples": [{"prompt": {"box": [40, 40, 80, 80]}, "image": {"id": "a" * 64}}]}}
    code = copied_code("cup.jpg", [example], PLAIN, {"a" * 64: "other.png"})
    assert "ps.Prompt.example('other.png', ps.Prompt.box(40, 40, 80, 80))" in code.python
    assert "--like other.png:box=40,40,80,80" in code.command
    with pytest.raises(KeyError):
        copied_code("cup.jpg", [example], PLAIN)
