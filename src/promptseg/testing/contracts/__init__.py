"""What every backend must do, as pytest classes.

A backend's test file subclasses one and gives it a model:

    @pytest.fixture(scope="module")
    def segmenter():
        return promptseg.load("my-model")


    class TestMyModel(SegmenterContract):
        accepts = frozenset({"point", "box"})

The class attributes say what the model takes. Where it takes less than all, the contract is that it refuses the rest and says so; tests of
a capability that the model lacks are not collected. The contracts ask nothing of a mask's quality, only that it answers where it was asked.
"""

from .detector import DetectorContract
from .scenes import murky_scene, prompt_for, prompt_on, scene
from .segmenter import SegmenterContract
from .video import VideoSegmenterContract

__all__ = ["DetectorContract", "SegmenterContract", "VideoSegmenterContract", "murky_scene", "prompt_for", "prompt_on", "scene"]
