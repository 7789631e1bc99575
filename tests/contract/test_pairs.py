"""Pipelines of every detector with every segmenter of the catalog, from a configuration file."""

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


PAIRS = list(itertools.product(cataloged("detector"), cataloged("segmenter")))


@pytest.mark.parametrize(("detector", "segmenter"), PAIRS, ids=["-".join([*one, *other]) for one, other in PAIRS])
def test_text_becomes_labeled_masks(detector, segmenter, small_models, photo, tmp_path):
    path = tmp_path / "pipeline.yaml"
    stages = {"detect": {**small_models.stage(*detector), "threshold": 0.0, "max_detections": 3}, "segment": small_models.stage(*segmenter)}
    path.write_text(yaml.safe_dump({**stages, "device": "cpu"}), "utf-8")
    result = ps.Pipeline.from_config(path).build()(photo(), ps.Prompt.text("dog", "cat"))
    assert result.size == photo().shape[:2]
    assert [used.model for used in result.provenance] == [detector[0], segmenter[0]]
    assert len(result.masks) == len(result.detections) > 0
    assert [mask.label for mask in result.masks] == list(result.detections.labels)
    assert set(result.detections.labels) <= {"dog", "cat"}


def test_there_are_pairs_of_every_backend():
    assert {name for name, spec in registry.backends().items() if spec.kind in ("detector", "segmenter")} == {
        ps.list_models()[name].engine(engine).backend for pair in PAIRS for name, engine in pair
    }
