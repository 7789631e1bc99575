"""Backend `sam3_video`: the folder of `sam3` finds phrases in videos, options are checked, and models without a tracker are refused."""

import numpy as np
import pytest

import promptseg
from promptseg.errors import ConfigError, WeightsMismatchError
from promptseg.prompts import Prompt
from promptseg.protocols import ConceptVideoSegmenter

torch = pytest.importorskip("torch", reason="transformers needs torch")
pytest.importorskip("transformers", minversion="5.23", reason="SAM 3 needs transformers")


def load(folder, name="sam3", **options):
    return promptseg.load_video(name, weights=folder, device="cpu", **options)


def test_the_folder_of_the_concept_model_finds_phrases_in_videos(tiny_sam3_video_folder):
    segmenter = load(tiny_sam3_video_folder, memory=300, prompted_frames=5)
    assert isinstance(segmenter, ConceptVideoSegmenter)
    assert (segmenter.provenance.model, segmenter.provenance.backend) == ("sam3", "sam3_video")
    assert segmenter.provenance.version.startswith("transformers 5.")
    model = segmenter.model
    assert model.max_objects == (300 << 20) // model.object_bytes
    assert model.delay == 4
    session = segmenter.open([np.full((30, 40, 3), 90, np.uint8)])
    session.find([Prompt.text("cat, dog")])
    assert [at.frame for at in session.propagate()] == [0]


def test_without_hot_start_masks_are_not_late(tiny_sam3_video_folder):
    assert load(tiny_sam3_video_folder, hot_start=False).model.delay == 1


def test_a_model_without_a_tracker_is_refused(tiny_sam3, tiny_sam3_tracker_video, tmp_path):
    tiny_sam3(lite_text=True).save_pretrained(tmp_path / "lite")
    with pytest.raises(ConfigError, match="images alone"):
        load(tmp_path / "lite", "sam3-lite-text")
    tiny_sam3_tracker_video().save_pretrained(tmp_path / "tracker")
    with pytest.raises(WeightsMismatchError, match=r"is read by sam3_tracker, and model 'sam3' by sam3"):
        load(tmp_path / "tracker")


@pytest.mark.parametrize(
    ("option", "value"), [("memory", 0), ("memory", "big"), ("prompted_frames", 1), ("hot_start", 1), ("dtype", "int8"), ("logits", True)]
)
def test_an_option_with_another_value_is_refused_by_its_name(tiny_sam3_video_folder, option, value):
    with pytest.raises(ConfigError, match=option):
        load(tiny_sam3_video_folder, **{option: value})
