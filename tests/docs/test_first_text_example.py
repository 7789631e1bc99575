"""The first example with words on each page is a pipeline of models with permissive licenses, which run without torch."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

import promptseg as ps
from detector_exports import write_rf_detr
from promptseg.models.coco_classes import COCO_CLASSES
from promptseg.pipeline.config import PERMISSIVE
from promptseg.testing.contracts import scene

from .test_snippets import blocks

PAGES = ["README.md", "docs/start/quickstart.md", "docs/how-to/segment.md"]


def first_example(page):
    return next(code for _, _, code, _ in blocks(page) if ".detect(" in code)


@pytest.mark.parametrize("page", PAGES)
def test_its_models_have_permissive_licenses(page):
    code = first_example(page)
    models = [ps.list_models()[name] for name in re.findall(r'\.(?:detect|segment)\("([\w.-]+)"', code)]
    assert len(models) == 2
    assert {model.license for model in models} <= PERMISSIVE
    assert [model.engines[0].name for model in models] == ["onnx", "onnx"]
    assert '.build(licenses="permissive")' in code


def test_that_of_the_readme_runs_with_models_in_onnx(tmp_path, monkeypatch, sam_pair, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(scene()).save("photo.jpg")
    write_rf_detr(tmp_path / "tiny" / "onnx" / "model.onnx", classes=80, layout="transformers")
    config = {"model_type": "d_fine", "id2label": dict(enumerate(COCO_CLASSES))}
    Path("tiny/config.json").write_text(json.dumps(config), "utf-8")
    code = first_example("README.md").replace('"d-fine-n"', '"d-fine-n=tiny"').replace('"mini-sam"', f'"mini-sam={sam_pair}"')
    namespace = {"ps": ps}
    exec(code, namespace)
    result = namespace["result"]
    assert [used.backend for used in result.provenance] == ["onnx_detector", "onnx_sam"]
    assert {mask.label for mask in result.masks} == {"cup", "spoon"}
    assert len(capsys.readouterr().out.splitlines()) == len(result.masks)
