"""``promptseg cutout``: what is cut out, where it is written, how a run goes on, and wrong usage."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptseg.registry import list_models
from promptseg.testing import FakeDetector, FakeSegmenter

RED = np.array([220, 30, 30])


@pytest.fixture
def red(tiny_salient, red_things, monkeypatch):
    """Name of the model that finds what is red; the images ``a.png`` and ``b.png`` have two red things."""
    image, _, _ = red_things
    for name, pixels in (("a.png", image), ("b.png", image[:, ::-1])):
        Image.fromarray(np.ascontiguousarray(pixels)).save(name)
    return f"salient={tiny_salient()}"


@pytest.fixture
def fakes(add_model):
    add_model("cutter", "segmenter", lambda _: FakeSegmenter())
    add_model("finder", "detector", lambda _: FakeDetector({"dog": (5, 5, 20, 20)}))


def files():
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def alpha(path):
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGBA")
        return np.asarray(image)[..., 3]


class TestCutouts:
    def test_what_stands_out_is_cut_out_without_a_prompt(self, run, red, red_things):
        done = run("cutout", "a.png", "--detector", red)
        assert (done.exit_code, done.stderr) == (0, "")
        made = Path("promptseg-out") / "a-cutout.png"
        assert done.stdout == f"a.png: {made}\n"
        _, large, small = red_things
        found, wanted = alpha(made) > 0, large | small
        assert (found & wanted).sum() / (found | wanted).sum() > 0.9

    @pytest.mark.usefixtures("fakes")
    def test_what_a_prompt_names_is_cut_out(self, run, save_image):
        save_image("a.png")
        boxes = "--box", "10,10,30,30", "--box", "40,20,70,50"
        run("cutout", "a.png", "--model", "cutter", *boxes, "--out", "box.png")
        wanted = np.zeros((60, 80), bool)
        wanted[10:30, 10:30] = wanted[20:50, 40:70] = True
        assert np.array_equal(alpha("box.png") > 0, wanted)
        run("cutout", "a.png", "--model", "cutter", "--detector", "finder", "--text", "dog", "--out", "text.png")
        assert np.argwhere(alpha("text.png") > 0).min(0).tolist() == [5, 5]

    def test_the_part_with_the_object_alone(self, run, red):
        run("cutout", "a.png", "--detector", red, "--crop", "--margin", "2", "--out", "a-part.png")
        assert alpha("a-part.png").shape == pytest.approx((76, 108), abs=3)

    def test_soft_borders(self, run, red):
        run("cutout", "a.png", "--detector", red, "--out", "hard.png")
        run("cutout", "a.png", "--detector", red, "--matting", "guided", "--band", "5", "--out", "soft.png")
        assert set(np.unique(alpha("hard.png")).tolist()) == {0, 255}
        assert len(np.unique(alpha("soft.png"))) > 4

    def test_soft_borders_by_a_model(self, run, red, saved_models):
        folder = saved_models("vitmatte")[1]
        words = "--matting", f"vitmatte-small-composition-1k={folder}", "--band", "5", "--device", "cpu"
        run("cutout", "a.png", "--detector", red, *words, "--out", "model.png")
        assert len(np.unique(alpha("model.png"))) > 10

    def test_a_pipeline_file_says_what_is_cut_out(self, run, red, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter(), accepts=frozenset({"point", "box", "mask"}))
        weights = red.partition("=")[2]
        Path("p.yaml").write_text(f"detect: {{model: salient, weights: {weights}}}\nsegment: {{model: cutter, refine: true}}\n")
        assert run("cutout", "a.png", "--config", "p.yaml", "--out", "a-cut.png").exit_code == 0
        assert alpha("a-cut.png").any()

    def test_a_segmenter_refines_what_stands_out(self, run, red, add_model, monkeypatch):
        made = []
        fake = FakeSegmenter()
        add_model("cutter", "segmenter", lambda _: fake, accepts=frozenset({"point", "box", "mask"}))
        monkeypatch.setattr("promptseg.cli.cutout.DEFAULT_SALIENT_MODEL", red)
        original = type(fake.open(np.zeros((4, 4, 3), np.uint8))).segment
        monkeypatch.setattr(
            type(fake.open(np.zeros((4, 4, 3), np.uint8))),
            "segment",
            lambda self, prompts, **more: made.extend(prompts) or original(self, prompts, **more),
        )
        assert run("cutout", "a.png", "--model", "cutter", "--out", "x.png").exit_code == 0
        assert made[0].kinds == {"point", "box", "mask"}

    def test_the_engine_of_the_default_detector_can_be_named(self, run, red, monkeypatch):
        monkeypatch.setattr("promptseg.cli.cutout.DEFAULT_SALIENT_MODEL", red)
        assert run("cutout", "a.png", "--detector-engine", "onnx").exit_code == 0
        assert "model 'salient' has no engine 'onx'" in run("cutout", "a.png", "--detector-engine", "onx").stderr

    def test_an_engine_of_a_segmenter_that_there_is_not_is_refused(self, run, red):
        done = run("cutout", "a.png", "--engine", "torch")
        assert done.exit_code == 2
        assert "--engine torch is for a segmenter, and without a prompt there is none: give --model" in done.stderr

    def test_many_images_and_one_that_fails(self, run, red):
        Path("c.png").write_bytes(b"no image")
        Image.new("RGB", (40, 30), (90, 90, 90)).save("gray.png")
        done = run("cutout", "a.png", "c.png", "gray.png", "b.png", "--detector", red, "--json")
        assert done.exit_code == 1
        said = json.loads(done.stdout)
        assert [each["source"] for each in said["written"]] == ["a.png", "b.png"]
        assert [each["source"] for each in said["failed"]] == ["c.png", "gray.png"]
        assert "nothing was found in gray.png: no cutout" in done.stderr
        assert [name for name in files() if name.startswith("promptseg-out")] == [
            str(Path("promptseg-out") / f"{name}-cutout.png") for name in "ab"
        ]

    def test_the_model_without_a_name_is_one_of_the_catalog(self, run, red, monkeypatch):
        monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
        done = run("cutout", "a.png")
        assert done.exit_code == 1
        assert "isnet-general-use" in done.stderr


class TestGoingOn:
    def _times(self):
        return {path.name: path.stat().st_mtime_ns for path in Path("promptseg-out").iterdir()}

    def test_a_run_goes_on_where_it_was_stopped(self, run, red):
        run("cutout", "a.png", "--detector", red)
        before = self._times()
        done = run("cutout", "a.png", "b.png", "--detector", red)
        assert "b.png: " in done.stdout
        assert "1 cutout kept, which this command made before" in done.stdout
        assert self._times().items() > before.items()

    @pytest.mark.parametrize("words", [["--matting", "guided"], ["--crop"], ["--threshold", "0.1"], ["--again"]])
    def test_other_settings_make_it_anew(self, run, red, words):
        run("cutout", "a.png", "--detector", red)
        before = self._times()
        assert "kept" not in run("cutout", "a.png", "--detector", red, *words).stdout
        assert self._times() != before

    def test_another_image_makes_it_anew(self, run, red):
        run("cutout", "a.png", "--detector", red)
        before = self._times()
        Path("a.png").write_bytes(Path("b.png").read_bytes())
        run("cutout", "a.png", "--detector", red)
        assert self._times() != before

    def test_other_weights_at_the_same_path_make_it_anew(self, run, red, tiny_salient, tmp_path):
        path = tmp_path / "own.onnx"
        for sharpness in (8.0, 9.0):
            path.write_bytes(tiny_salient(sharpness=sharpness).read_bytes())
            assert "kept" not in run("cutout", "a.png", "--detector", f"salient={path}").stdout
        assert "1 cutout kept" in run("cutout", "a.png", "--detector", f"salient={path}").stdout

    @pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\nbroken"])
    def test_a_file_that_this_command_did_not_finish_is_made_anew(self, run, red, content):
        Path("promptseg-out").mkdir()
        (Path("promptseg-out") / "a-cutout.png").write_bytes(content)
        run("cutout", "a.png", "--detector", red)
        assert alpha("promptseg-out/a-cutout.png").any()

    def test_cutouts_in_a_folder_are_not_cut_again(self, run, red):
        run("cutout", "a.png", "--detector", red, "--out", "images")
        Path("images/new.png").write_bytes(Path("b.png").read_bytes())
        done = run("cutout", "images", "--detector", red, "--json")
        assert [each["source"] for each in json.loads(done.stdout)["written"]] == [str(Path("images") / "new.png")]


@pytest.mark.usefixtures("fakes")
class TestWrongUsage:
    @pytest.mark.parametrize(
        ("words", "status", "parts"),
        [
            (["--box", "1,1,9,9", "--model", "cutter", "--margin", "3"], 2, ["--margin", "with --crop"]),
            (["--box", "1,1,9,9", "--model", "cutter", "--crop", "--margin", "-3"], 2, ["--margin", "-3"]),
            (["--box", "1,1,9,9", "--model", "cutter", "--band", "3"], 2, ["--band 3", "--matting guided"]),
            (["--box", "1,1,9,9", "--model", "cutter", "--matting", "guided", "--band", "900"], 2, ["from 1 to 256", "900"]),
            (["--box", "1,1,9,9", "--model", "cutter", "--matting", "gided"], 2, ["gided", "guided"]),
            (["--box", "1,1,9,9", "--model", "cutter", "--out", "a.jpg"], 1, ["a.jpg", "give a.png, or a folder"]),
            (["b.png", "--box", "1,1,9,9", "--model", "cutter", "--out", "x.png"], 1, ["x.png", "2 images"]),
            (["--box", "1,1,9,9", "--model", "cutter", "--out", "a.png"], 1, ["a.png", "never overwritten"]),
            (["--detector", "finder"], 1, ["makes boxes without masks", "--model NAME"]),
            (["--model", "none", "--box", "1,1,9,9"], 2, ["--model none", "--detector"]),
            (["--text", "dog"], 2, ["--text 'dog'", "--detector"]),
        ],
        ids=str,
    )
    def test_the_message_names_the_value_and_what_to_do(self, run, save_image, words, status, parts, monkeypatch):
        monkeypatch.setenv("PROMPTSEG_OFFLINE", "1")
        save_image("a.png"), save_image("b.png")
        done = run("cutout", "a.png", *words)
        assert done.exit_code == status, done.stderr
        assert all(part in done.stderr for part in parts), done.stderr

    def test_the_default_model_is_in_the_catalog_and_permissive(self):
        assert list_models()["isnet-general-use"].license == "Apache-2.0"


def test_a_pipeline_file_without_a_detector_needs_a_prompt(run, save_image):
    Path("p.yaml").write_text("segment: {model: mini-sam}")
    done = run("cutout", save_image("a.png"), "--config", "p.yaml")
    assert done.exit_code == 2
    assert "nothing to cut out: the pipeline in p.yaml has no detector: give --point or --box" in done.stderr
