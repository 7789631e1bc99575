"""The plugin of napari: its manifest, and its widget's function on napari's own layers, without a window."""

from pathlib import Path

import numpy as np
import pytest

import promptseg.interop
from fake_pipelines import BLANK, built
from promptseg import Prompt
from promptseg.errors import ConfigError, PromptError
from promptseg.interop import napari_plugin
from promptseg.testing import FakeSegmenter

MANIFEST = Path(promptseg.interop.__file__).with_name("napari.yaml")


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(napari_plugin, "_pipeline", lambda model: built())


@pytest.fixture
def layers():
    return pytest.importorskip("napari.layers", reason="napari is not installed", exc_type=ImportError)


def masks_of(*prompts):
    return [mask.array for mask in FakeSegmenter().open(BLANK).segment(prompts)]


def test_the_manifest_is_valid_and_what_it_names_exists():
    npe2 = pytest.importorskip("npe2", reason="npe2 is not installed", exc_type=ImportError)
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert [widget.command for widget in manifest.contributions.widgets] == ["promptseg.segment_layer"]


def test_the_labels_are_those_of_the_python_call_and_make_a_layer(layers):
    image = layers.Image(BLANK, rgb=True, name="cup")
    on, beside = layers.Points([[15, 20], [16, 22]]), layers.Points([[30, 50]])
    boxes = layers.Shapes([[[5, 30], [5, 50], [25, 50], [25, 30]]], shape_type="rectangle")
    [(labels, arguments, kind)] = napari_plugin.segment_layer(image, on, beside, boxes)
    points, box = masks_of(Prompt.points([[20, 15], [22, 16], [50, 30]], [1, 1, 0]), Prompt.box(30, 5, 50, 25))
    np.testing.assert_array_equal(labels == 2, box)
    np.testing.assert_array_equal(labels == 1, points & ~box)
    layer = layers.Layer.create(labels, arguments, kind)
    assert (layer.name, layer.data.shape) == ("cup masks", BLANK.shape[:2])


def test_layers_of_another_scale_and_place_are_converted_and_the_labels_lie_on_the_image(layers):
    image = layers.Image(BLANK[..., 0], scale=(2, 4), translate=(10, 5))
    [(labels, arguments, _)] = napari_plugin.segment_layer(image, layers.Points([[15 * 2 + 10, 20 * 4 + 5]]))
    np.testing.assert_array_equal(labels == 1, masks_of(Prompt.point(20, 15))[0])
    assert (arguments["scale"].tolist(), arguments["translate"].tolist()) == ([2, 4], [10, 5])


def test_points_beside_the_object_alone_are_nothing_to_segment(layers):
    image = layers.Image(BLANK, rgb=True)
    for prompts in ((None, None, None), (None, layers.Points([[3, 3]]), None), (layers.Points(), None, layers.Shapes())):
        with pytest.raises(PromptError, match="nothing to segment"):
            napari_plugin.segment_layer(image, *prompts)


def test_a_stack_is_refused(layers):
    with pytest.raises(ConfigError, match="single images"):
        napari_plugin.segment_layer(layers.Image(np.zeros((3, 40, 60)), name="stack"), layers.Points([[0, 15, 20]]))


def test_the_sample_is_a_layer(layers):
    [layer] = napari_plugin.sample()
    assert layers.Layer.create(*layer).rgb
