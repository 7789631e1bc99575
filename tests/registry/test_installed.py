"""What runs in place of a model whose packages are missing."""

from dataclasses import replace

import pytest

from promptseg import registry
from promptseg.errors import MissingDependencyError
from promptseg.registry.catalog import backends
from promptseg.registry.installed import check_installed


@pytest.fixture
def without(monkeypatch):
    """A function that makes packages of a backend missing."""

    def remove(*names):
        for name in names:
            monkeypatch.setitem(backends(), name, replace(backends()[name], requires=("no_such_package", "no_other")))

    return remove


@pytest.mark.parametrize(
    ("name", "engine"), [("edgetam", "transformers"), ("grounding-dino-swin-t", "transformers"), ("sam-vit-b", "torch")]
)
def test_another_engine_of_the_model_is_named_that_fetches_its_own_weights(name, engine, without):
    without("hf_sam", "sam", "grounding_dino", "grounding_dino_original")
    with pytest.raises(MissingDependencyError, match="of this model is installed: choose it with engine='onnx'"):
        check_installed(registry.choose(name, engine=engine))


def test_another_engine_without_published_weights_needs_some(without):
    without("rf_detr")
    with pytest.raises(MissingDependencyError, match="is installed: give it weights of your own, such as rf-detr-"):
        check_installed(registry.choose("rf-detr-nano"))


def test_own_weights_are_for_one_engine(without, tmp_path):
    without("hf_sam")
    chosen = registry.choose("edgetam", weights=tmp_path, engine="transformers")
    with pytest.raises(MissingDependencyError, match="give it weights of your own"):
        check_installed(chosen)


def test_models_of_the_same_kind_are_named_where_no_engine_is_installed(without):
    without("sam2")
    chosen = registry.choose("sam2-hiera-tiny")
    with pytest.raises(MissingDependencyError, match=r"which are not installed: pip install .*What is installed runs mini-sam,"):
        check_installed(chosen)
