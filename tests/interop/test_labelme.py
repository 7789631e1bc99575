"""promptseg in the menus of labelme. labelme brings Qt, so its two forms are stand-ins here: modules with what is changed in them."""

import sys
import types
from dataclasses import dataclass

import pytest

from fake_pipelines import built, detections
from promptseg.errors import ConfigError, MissingDependencyError
from promptseg.interop import labelme

PLACES, TEXTS = built(), built(detections(("dog", (5, 5, 20, 20), 0.9)))
TITLE = "promptseg (fake-segmenter)"
BOTH = "promptseg (fake-detector, fake-segmenter)"


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """What osam's registry is given."""
    calls = []
    monkeypatch.setattr(labelme, "register", lambda *values, **settings: calls.append((*values, settings)))
    for name in [name for name in sys.modules if name.partition(".")[0] == "labelme"]:
        monkeypatch.delitem(sys.modules, name)
    return calls


@pytest.fixture
def install(monkeypatch):
    def put(**modules):
        package = types.ModuleType("labelme")
        package.__path__ = []
        monkeypatch.setitem(sys.modules, "labelme", package)
        for name, contents in modules.items():
            monkeypatch.setitem(sys.modules, f"labelme.{name}", types.SimpleNamespace(**contents))
        return types.SimpleNamespace(**{name: sys.modules[f"labelme.{name}"] for name in modules})

    return put


@dataclass(frozen=True)
class Option:
    model_name: str
    display_name: str
    supports_point_prompts: bool


@pytest.fixture
def seven(install):
    """labelme 7.9: two tuples of a module."""
    options = (Option("sam2:latest", "Sam2 (balanced)", True),)
    menus = {"AI_ASSIST_MODEL_OPTIONS": options, "AI_TEXT_MODEL_OPTIONS": (("sam3:latest", "SAM3"),), "_AiAssistModelOption": Option}
    return install(_ai_models=menus)._ai_models


@pytest.fixture
def six(install):
    """labelme 6.3: an attribute of two classes."""

    points = type("AiAssistedAnnotationWidget", (), {"_available_models": [("sam2:latest", "Sam2 (balanced)")]})
    texts = type("AiTextToAnnotationWidget", (), {"_available_models": [("sam3:latest", "SAM3")]})
    return install(widgets={each.__name__: each for each in (points, texts)}).widgets


def test_labelme_7_has_it_first_in_the_menu_of_clicks(seven, registered):
    labelme.add_to_menus(PLACES)
    assert seven.AI_ASSIST_MODEL_OPTIONS[0] == Option("promptseg:latest", TITLE, True)
    assert len(seven.AI_ASSIST_MODEL_OPTIONS) == 2
    assert len(seven.AI_TEXT_MODEL_OPTIONS) == 1  # It has no detector.
    assert registered == [(PLACES, "promptseg", {"lenient": False, "reverse": False})]


def test_labelme_7_has_it_in_the_menu_of_texts_with_a_detector(seven):
    labelme.add_to_menus(TEXTS, "own")
    assert seven.AI_TEXT_MODEL_OPTIONS[0] == ("own:latest", "own (fake-detector, fake-segmenter)")


def test_labelme_6_has_it_in_both_menus(six, registered):
    labelme.add_to_menus(TEXTS)
    for menu in (six.AiAssistedAnnotationWidget, six.AiTextToAnnotationWidget):
        assert menu._available_models[0] == ("promptseg:latest", BOTH)
        assert len(menu._available_models) == 2
    assert registered == [(TEXTS, "promptseg", {"lenient": True, "reverse": True})]  # Errors end labelme 6, and its images are BGR.


def test_a_window_that_is_open_is_too_late(seven, install):
    install(_ai_models=vars(seven), _app={})
    with pytest.raises(ConfigError, match="before"):
        labelme.add_to_menus(PLACES)


@pytest.mark.parametrize("modules", [{}, {"widgets": {}}, {"_ai_models": {}}])
def test_a_menu_at_an_unknown_place_is_named_and_nothing_is_registered(install, modules, registered):
    install(**modules)
    with pytest.raises(MissingDependencyError, match=r"labelme>=6\.3,<7\.10"):
        labelme.add_to_menus(PLACES)
    assert registered == []


def test_a_missing_labelme_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "labelme", None)
    with pytest.raises(MissingDependencyError, match="pip install labelme"):
        labelme.main(["images"])


def test_labelme_gets_its_own_arguments_and_promptseg_its_own(seven, install, monkeypatch):
    started, asked = [], []
    install(_ai_models=vars(seven), __main__={"main": lambda: started.append(sys.argv)})
    monkeypatch.setattr("promptseg.interop.pipelines.load_pipeline", lambda **options: asked.append(options) or PLACES)
    monkeypatch.setattr(sys, "argv", ["python"])
    labelme.main(["images", "--model", "mobile-sam", "--labels", "cup,saucer", "--output", "out"])
    assert asked == [{"model": "mobile-sam", "detector": None, "pipeline": None, "device": None}]
    assert started == [["labelme", "images", "--labels", "cup,saucer", "--output", "out"]]
