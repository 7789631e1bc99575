"""Pipelines of detectors with segmenters of the catalog, from a configuration file.

A pair of models differs from another by its backends. By default there are all pairs of backends, and every model once at least; the other
pairs of models are marked `full_size`.
"""

import itertools

import pytest
import yaml

import promptseg as ps
from promptseg import registry

pytest.importorskip("torch", reason="most models need torch")


def cataloged(kind):
    """Return the name and engine of every model of a kind that this version can run."""
    backends = {name: spec.kind for name, spec in registry.backends().items()}
    return [
        (name, engine.name) for name, model in ps.list_models().items() for engine in model.engines if backends.get(engine.backend) == kind
    ]


DETECTORS, SEGMENTERS = cataloged("detector"), cataloged("segmenter")
PAIRS = list(itertools.product(DETECTORS, SEGMENTERS))


def backend(name, engine):
    return ps.list_models()[name].engine(engine).backend


def cover():
    """Return pairs in which each two backends meet, and each model is once at least."""
    first = {(backend(*detector), backend(*segmenter)): (detector, segmenter) for detector, segmenter in reversed(PAIRS)}
    count = max(len(DETECTORS), len(SEGMENTERS))
    return {*first.values(), *((DETECTORS[at % len(DETECTORS)], SEGMENTERS[at % len(SEGMENTERS)]) for at in range(count))}


COVER = cover()


def parameter(detector, segmenter):
    marks = () if (detector, segmenter) in COVER else (pytest.mark.full_size,)
    return pytest.param(detector, segmenter, marks=marks, id="-".join([*detector, *segmenter]))


def pytest_generate_tests(metafunc):
    """Make the tests of all pairs only where others than the default ones are chosen: they are thousands."""
    if "segmenter" in metafunc.fixturenames:
        by_default = metafunc.config.getoption("markexpr") == "not full_size"
        metafunc.parametrize(("detector", "segmenter"), [parameter(*pair) for pair in PAIRS if pair in COVER or not by_default])


def test_text_becomes_labeled_masks(detector, segmenter, small_models, photo, tmp_path):
    path = tmp_path / "pipeline.yaml"
    stages = {"detect": {**small_models.stage(*detector), "threshold": 0.0, "max_detections": 3}, "segment": small_models.stage(*segmenter)}
    path.write_text(yaml.safe_dump({**stages, "device": "cpu"}), "utf-8")
    phrases = ("object",) if backend(*detector) == "salient" else ("dog", "cat")
    result = ps.Pipeline.from_config(path).build()(photo(), ps.Prompt.text(*phrases))
    assert result.size == photo().shape[:2]
    assert [used.model for used in result.provenance] == [detector[0], segmenter[0]]
    assert len(result.masks) == len(result.detections) > 0
    assert [mask.label for mask in result.masks] == list(result.detections.labels)
    assert set(result.detections.labels) <= set(phrases)


def test_there_are_pairs_of_every_two_backends_and_of_every_model():
    kinds = {kind: {name for name, spec in registry.backends().items() if spec.kind == kind} for kind in ("detector", "segmenter")}
    assert {(backend(*detector), backend(*segmenter)) for detector, segmenter in COVER} == set(itertools.product(*kinds.values()))
    assert [{pair[side] for pair in COVER} for side in (0, 1)] == [set(DETECTORS), set(SEGMENTERS)]
