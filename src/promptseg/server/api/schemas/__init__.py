"""Bodies and answers of the API, each in the file of what it describes. A new one is also named here."""

from __future__ import annotations

from .annotation import AnnotateIn, AnnotationOut
from .base import Body, Corners, Number, Pair
from .images import ByData, ById, ByPath, ByUrl, EncodeIn, ImageId, ImageOut, ImageRef, SizeOut
from .jobs import JobOut, JobsOut, ProgressOut
from .masks import MaskOut, RunLengths
from .problems import ProblemOut
from .prompts import ConceptIn, ConceptValues, EverythingIn, EverythingValues, ExampleIn, PromptIn, SpatialIn, TextIn
from .segment import ResultOut, SegmentIn
from .status import HealthOut, ModelOut, ModelsOut
from .videos import FrameOut, FramesOut, ObjectMaskOut, OpenVideoIn, PropagateIn, VideoOut, VideoPromptIn, VideosOut

__all__ = [
    "AnnotateIn",
    "AnnotationOut",
    "Body",
    "ByData",
    "ById",
    "ByPath",
    "ByUrl",
    "ConceptIn",
    "ConceptValues",
    "Corners",
    "EncodeIn",
    "EverythingIn",
    "EverythingValues",
    "ExampleIn",
    "FrameOut",
    "FramesOut",
    "HealthOut",
    "ImageId",
    "ImageOut",
    "ImageRef",
    "JobOut",
    "JobsOut",
    "MaskOut",
    "ModelOut",
    "ModelsOut",
    "Number",
    "ObjectMaskOut",
    "OpenVideoIn",
    "Pair",
    "ProblemOut",
    "ProgressOut",
    "PromptIn",
    "PropagateIn",
    "ResultOut",
    "RunLengths",
    "SegmentIn",
    "SizeOut",
    "SpatialIn",
    "TextIn",
    "VideoOut",
    "VideoPromptIn",
    "VideosOut",
]
