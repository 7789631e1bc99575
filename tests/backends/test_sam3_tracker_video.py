"""Backend `sam3_tracker_video`: it reads folders of the tracker and of the whole model, checks options and refuses other weights."""

import json

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, WeightsMismatchError, WeightsNotFoundError
from promptseg.prompts import Prompt

torch = pytest.importorskip("torch", reason="transformers needs torch")
pytest.importorskip("transformers", minversion="5.23", reason="SAM 3 needs transformers")


def load(folder, **options):
    return promptseg.load_video("sam3-tracker", weights=folder, device="cpu", **options)


@pytest.fixture(scope="module")
def folder(tiny_sam3_tracker_video, tmp_path_factory):
    path = tmp_path_factory.mktemp("tracker")
    tiny_sam3_tracker_video().save_pretrained(path)
    return path


def first_mask(segmenter):
    return segmenter.open([np.full((30, 40, 3), 90, np.uint8)]).add(0, 1, Prompt.box(4, 4, 20, 20))


def test_a_folder_of_the_tracker_is_loaded(folder):
    segmenter = load(folder, memory=300, prompted_frames=5, logits=True)
    assert (segmenter.provenance.model, segmenter.provenance.backend) == ("sam3-tracker", "sam3_tracker_video")
    assert segmenter.provenance.version.startswith("transformers 5.")
    assert (segmenter.memory, segmenter.prompted_frames, segmenter.model.input_size) == (300 << 20, 5, 56)
    assert first_mask(segmenter).logits.shape == (16, 16)


def test_the_tracker_of_a_folder_of_the_whole_model_is_loaded(tiny_sam3_video_folder, tiny_sam3_video):
    ours, whole = load(tiny_sam3_video_folder), tiny_sam3_video()
    assert torch.equal(ours.model._model.no_object_pointer, whole.tracker_model.no_object_pointer)
    neck, expected = ours.model._model.vision_encoder.neck.state_dict(), whole.tracker_neck.state_dict()
    assert all(torch.equal(neck[name], tensor) for name, tensor in expected.items())
    assert first_mask(ours).size == (30, 40)


def test_a_folder_of_another_model_or_without_a_configuration_is_refused(folder, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["Sam2VideoModel"]}))
    with pytest.raises(WeightsMismatchError, match="Sam2VideoModel"):
        load(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(WeightsNotFoundError, match=r"config\.json"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("option", "value"), [("memory", 0), ("memory", "big"), ("prompted_frames", 1), ("logits", 1), ("dtype", "int8"), ("allow_slow", "yes")]
)
def test_an_option_with_another_value_is_refused_by_its_name(folder, option, value):
    with pytest.raises(ConfigError, match=option):
        load(folder, **{option: value})
