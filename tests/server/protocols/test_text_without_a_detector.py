"""A phrase that no model of the server reads: each protocol tells with which option a server reads it, and nothing in Python."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import PipelineConfig
from promptseg.testing import FakeSegmenter
from running_server import running

httpx = pytest.importorskip("httpx2")

CONFIG = """<View><Image name="image" value="$image"/><TextArea name="prompt" toName="image"/>
<BrushLabels name="brush" toName="image"><Label value="cup"/></BrushLabels></View>"""
TEXT_AREA = {"id": "t", "from_name": "prompt", "to_name": "image", "type": "textarea", "value": {"text": ["cup"]}}
PYTHON = re.compile(r"Prompt\.|Pipeline|\.\w+\(|ps\.")


def png():
    file = io.BytesIO()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


IMAGE = png()
TASK = {"id": 1, "data": {"image": f"data:image/png;base64,{IMAGE}"}}
BODIES = {
    "/v1/segment": {"image": {"data": IMAGE}, "prompts": [{"text": ["cup"]}]},
    "/v1/jobs": {"image": {"data": IMAGE}, "prompts": [{"text": ["cup"]}]},
    "/api/generate": {"model": "fake", "image": IMAGE, "prompt": {"texts": ["cup"]}},
    "/sam/sam3/": {"type": "sam3", "b64img": IMAGE, "text_prompt": "cup"},
    "/sam3/concept_segment": {"image": {"type": "base64", "value": IMAGE}, "prompts": [{"type": "text", "text": "cup"}]},
    "/x-anylabeling/v1/predict": {"model": "fake", "image": IMAGE, "params": {"text_prompt": "cup", "current_task": "text"}},
    "/predict": {"tasks": [TASK], "project": "1.1", "label_config": CONFIG, "params": {"context": {"result": [TEXT_AREA]}}},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    for name in ("fastapi", "uvicorn", "prometheus_client"):
        pytest.importorskip(name)
    pipeline = BuiltPipeline(PipelineConfig(), segmenter=FakeSegmenter())
    with running({"fake": pipeline}, folder=tmp_path_factory.mktemp("server")) as server:
        yield server.url


@pytest.mark.parametrize("path", BODIES)
def test_the_option_of_the_server_is_named(url, path):
    answer = httpx.post(url + path, json=BODIES[path], timeout=60)
    assert 400 <= answer.status_code < 500, answer.text
    assert "--detector or --concept" in answer.text
    assert not PYTHON.search(answer.text), answer.text
