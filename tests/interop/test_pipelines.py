"""Pipelines of the options that tools pass on."""

import pytest

from fake_pipelines import built
from promptseg.errors import ConfigError
from promptseg.interop import pipelines
from promptseg.pipeline.builder import Pipeline


@pytest.fixture
def stages(monkeypatch):
    """The stages that are built, without their models."""
    asked = []
    monkeypatch.setattr(Pipeline, "build", lambda self, device=None: asked.append((self.to_config(), device)) or built())
    return asked


def test_the_default_is_the_default_model(stages):
    pipelines.load_pipeline()
    assert stages == [({"segment": {}}, None)]


def test_model_detector_and_device_are_those_that_are_named(stages):
    pipelines.load_pipeline("sam-vit-b", "d-fine-n", device="cpu")
    assert stages == [({"segment": {"model": "sam-vit-b"}, "detect": {"model": "d-fine-n"}}, "cpu")]


def test_a_file_describes_all_stages(stages, tmp_path):
    file = tmp_path / "pipeline.yaml"
    file.write_text("segment: {model: superpixel}\nclean: {min_area: 9}\n")
    pipelines.load_pipeline(pipeline=str(file))
    assert stages == [({"segment": {"model": "superpixel"}, "clean": {"min_area": 9}}, None)]


@pytest.mark.parametrize("named", [{"model": "mini-sam"}, {"detector": "d-fine-n"}])
def test_a_file_and_a_model_contradict_each_other(stages, named):
    with pytest.raises(ConfigError, match="or the file"):
        pipelines.load_pipeline(pipeline="pipeline.yaml", **named)
    assert stages == []


def test_an_error_ends_a_program_with_its_message_alone():
    def fail():
        raise ConfigError("there is no such model")

    with pytest.raises(SystemExit, match="error: there is no such model"):
        pipelines.run(fail)
