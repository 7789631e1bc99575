"""Contract tests for backends, as pytest classes.

A test file of a backend subclasses one of them and provides the model as a fixture:

    @pytest.fixture(scope="module")
    def segmenter():
        return promptseg.load("my-model")


    class TestMyModel(SegmenterContract):
        accepts = frozenset({"point", "box"})

The class attributes describe the abilities of the model. The model must refuse prompts that it does not accept with an error that names
what it accepts. Tests of abilities that the model lacks are not collected. The contracts do not test the quality of masks, only that a mask
overlaps the prompted object.
"""

from .concept import ConceptContract
from .concept_video import ConceptVideoContract
from .detector import DetectorContract
from .scenes import murky_scene, prompt_for, prompt_on, scene
from .segmenter import SegmenterContract
from .video import VideoSegmenterContract

__all__ = [
    "ConceptContract",
    "ConceptVideoContract",
    "DetectorContract",
    "SegmenterContract",
    "VideoSegmenterContract",
    "murky_scene",
    "prompt_for",
    "prompt_on",
    "scene",
]
