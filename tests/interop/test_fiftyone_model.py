"""Models for FiftyOne. Its package needs a database as soon as a dataset is made, so its two base classes are stand-ins here."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import promptseg
from fake_pipelines import BLANK, HEIGHT, WIDTH, built, detections
from promptseg import Prompt
from promptseg.errors import IncompatibleStagesError, MissingDependencyError, PromptError
from promptseg.interop import fiftyone_model, fiftyone_source
from promptseg.interop.fiftyone_model import as_model
from promptseg.registry.choice import choose
from promptseg.testing import FakeSegmenter

MANIFEST = Path(fiftyone_source.__file__).with_name("manifest.json")
FOUND = detections(("dog", (5, 5, 20, 20), 0.9), ("cat", (30, 5, 50, 30), 0.8))


class SamplesMixin:
    def __init__(self):
        self.needs_fields = {}


@pytest.fixture(autouse=True)
def fiftyone(monkeypatch):
    core = ModuleType("fiftyone.core.models")
    core.SamplesMixin, core.Model = SamplesMixin, type("Model", (), {})
    stub = SimpleNamespace(Detection=SimpleNamespace, Detections=SimpleNamespace)
    for name, module in (("fiftyone", stub), ("fiftyone.core", ModuleType("fiftyone.core")), ("fiftyone.core.models", core)):
        monkeypatch.setitem(sys.modules, name, module)
    return core


def pixels(label):
    whole, (x, y, _, _) = np.zeros((HEIGHT, WIDTH), bool), label.bounding_box
    left, top = round(x * WIDTH), round(y * HEIGHT)
    whole[top : top + label.mask.shape[0], left : left + label.mask.shape[1]] = label.mask
    return whole


def predicted(pipeline, field=None, text=None):
    model = as_model(pipeline, text)
    model.needs_fields = {} if field is None else {"prompt_field": "field"}
    return model.predict(BLANK, sample={"field": field}).detections


def same(labels, *prompts):
    masks = FakeSegmenter().open(BLANK).segment(prompts)
    return all((pixels(label) == mask.array).all() for label, mask in zip(labels, masks, strict=True))


def test_boxes_of_a_field_become_masks_with_their_labels():
    boxes = [SimpleNamespace(label=name, bounding_box=box) for name, box in (("cup", [0.1, 0.2, 0.5, 0.5]), (None, [0.5, 0.5, 0.25, 0.25]))]
    found = predicted(built(), SimpleNamespace(detections=boxes))
    assert [label.label for label in found] == ["cup", None]
    assert same(found, Prompt.box(6, 8, 36, 28), Prompt.box(30, 20, 45, 30))


def test_points_of_a_field_that_can_be_seen_are_one_object():
    points = [SimpleNamespace(label="cup", points=[(0.25, 0.5), (float("nan"), float("nan")), (0.5, 0.5)])]
    hidden = SimpleNamespace(label="ghost", points=[(float("nan"), float("nan"))])
    found = predicted(built(), SimpleNamespace(keypoints=[hidden, *points]))
    assert [label.label for label in found] == ["cup"]
    assert same(found, Prompt.points([[14.5, 19.5], [29.5, 19.5]]))


def test_points_on_the_border_of_the_image_are_taken():
    corners = [SimpleNamespace(label=None, points=[place]) for place in ((0.0, 0.0), (1.0, 0.5), (1.0, 1.0))]
    found = predicted(built(), SimpleNamespace(keypoints=corners))
    assert same(found, Prompt.point(-0.5, -0.5), Prompt.point(59.5, 19.5), Prompt.point(59.5, 39.5))


@pytest.mark.parametrize("field", [None, SimpleNamespace(detections=[])])
def test_a_sample_without_prompts_has_no_masks(field):
    model = as_model(built())
    model.needs_fields = {"prompt_field": "field"}
    assert model.predict(BLANK, sample={"field": field}).detections == []


def test_without_a_field_the_phrases_or_all_classes_or_everything_is_found():
    assert [label.label for label in predicted(built(FOUND), text="cat")] == ["cat"]
    assert [label.label for label in predicted(built(FOUND))] == ["dog", "cat"]
    assert len(predicted(built())) == 32 * 32


def test_the_model_is_what_apply_model_asks_for(fiftyone):
    model = as_model(built())
    assert isinstance(model, fiftyone.Model)
    assert (model.media_type, model.ragged_batches, model.transforms, model.preprocess) == ("image", True, None, False)


def test_what_cannot_be_answered_is_refused():
    with pytest.raises(IncompatibleStagesError, match="detector"):
        as_model(built(), "dog")
    with pytest.raises(PromptError, match="Detections or Keypoints, got SimpleNamespace"):
        predicted(built(), SimpleNamespace(polylines=[]))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fiftyone.core.models", None)
    with pytest.raises(MissingDependencyError, match="pip install fiftyone"):
        as_model(built())


class TestSource:
    MODELS = json.loads(MANIFEST.read_text("utf-8"))

    def test_each_model_is_one_of_the_catalog_with_its_license(self):
        for model in self.MODELS["models"]:
            name = model["base_name"].removeprefix("promptseg/")
            assert choose(name).model.license == model["license"]
            assert model["base_filename"] == f"{name}.json"

    def test_the_folder_has_the_functions_that_fiftyone_calls(self):
        for name in ("download_model", "load_model", "resolve_input"):
            assert getattr(fiftyone_source, name) is getattr(fiftyone_model, name)

    def test_its_name_is_no_module_of_ours(self):
        """FiftyOne puts the folder's module into ``sys.modules`` under this name."""
        assert self.MODELS["name"] != promptseg.__name__
        assert "/" not in self.MODELS["name"]

    def test_a_download_fetches_the_weights_and_leaves_a_file(self, monkeypatch, tmp_path):
        asked = []
        monkeypatch.setattr(fiftyone_model, "load_segmenter", lambda name: asked.append(name) or FakeSegmenter())
        fiftyone_model.download_model("promptseg/mini-sam", str(tmp_path / "mini-sam.json"))
        assert asked == ["mini-sam"]
        assert json.loads((tmp_path / "mini-sam.json").read_text())["model"] == "fake-segmenter"

    def test_a_model_is_loaded_by_its_name_in_the_zoo(self, monkeypatch):
        asked = []
        monkeypatch.setattr(fiftyone_model, "load_pipeline", lambda *names: asked.append(names) or built(FOUND))
        model = fiftyone_model.load_model("promptseg/mini-sam", "anywhere", text="dog", device="cpu")
        fiftyone_model.load_model("promptseg/mini-sam", None, pipeline="p.yaml")
        assert asked == [("mini-sam", None, None, "cpu"), (None, None, "p.yaml", None)]
        assert [label.label for label in model.predict(BLANK).detections] == ["dog"]
