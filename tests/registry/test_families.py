"""Families of models, and the order of models for each task."""

from fnmatch import fnmatchcase

import pytest

from promptseg.pipeline.plan import TASKS
from promptseg.registry.catalog import backends, list_models
from promptseg.registry.families import OTHERS, families, in_families, rankings
from promptseg.registry.spec import Engine, ModelSpec


@pytest.mark.parametrize("name", list_models())
def test_every_model_is_in_one_family(name):
    assert [family.name for family in families() if name in family] != []
    assert len([family for family in families() if name in family]) == 1


def test_every_family_has_models():
    for family in families():
        for pattern in family.models:
            assert [name for name in list_models() if fnmatchcase(name, pattern)], (family.name, pattern)


def test_a_model_of_an_installed_package_is_among_the_others():
    model = ModelSpec("of-a-package", "For a test", "MIT", (Engine("fake", "fake", ""),))
    assert in_families([model]) == [(OTHERS, [model])]


def test_models_stay_in_their_order():
    listed = [model.name for _, members in in_families(list_models().values()) for model in members]
    assert sorted(listed) == sorted(list_models())
    assert listed[0] == "mini-sam"


@pytest.mark.parametrize("task", TASKS)
def test_the_models_for_a_task_are_of_its_kind(task):
    kinds = {"detect": "detector", "segment": "segmenter", "concept": "concept"}
    for name in rankings()[task].order:
        backend = backends()[list_models()[name].engines[0].backend]
        assert backend.kind == kinds[TASKS[task][0]], name


UNMEASURED = {
    "needs weights of one's own, of any size": {"onnx-sam", "yolo", "onnx-detector", "salient", "timm-vit"},
    "has no weights": {"superpixel", "propagate", "exemplar"},
    "needs what its detector and its segmenter need": {"owlv2-base-concepts", "owlv2-large-concepts"},
    "its need depends on the size of the object": {"vitmatte-small-composition-1k", "vitmatte-base-composition-1k"},
    "its published file, which decides how deformable convolutions are computed, was not at hand": {
        "birefnet-general",
        "birefnet-general-lite",
    },
    "published as ONNX alone, and the file was not at hand": {"efficient-sam-vitt", "efficient-sam-vits"},
    "its files are gated, and it is in no permissive plan": {"sam3", "sam3-lite-text"},
}
"""Models whose memory is not known, by the reason."""


def test_the_memory_of_each_model_is_known_or_there_is_a_reason():
    excused = set().union(*UNMEASURED.values())
    unknown = {model.name for model in list_models().values() if not any(engine.memory for engine in model.engines)}
    assert unknown == excused
