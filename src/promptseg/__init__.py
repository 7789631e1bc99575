"""promptseg: promptable segmentation with pluggable backends.

    import promptseg as ps

    result = ps.segment("photo.jpg", ps.Prompt.box(322, 62, 430, 330))
    result.save("photo-masks.png")

Names are imported when they are first used, so that ``import promptseg`` is quick and loads no backend.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())  # Silent until the application configures logging.

_HOMES = {
    "BackendSpec": "registry.spec",
    "ConceptSegmenter": "protocols",
    "ConceptVideoSegmenter": "protocols",
    "Detections": "detections",
    "Detector": "protocols",
    "EmbeddingCache": "models.sam.cache",
    "FeatureExtractor": "protocols",
    "FrameMasks": "results",
    "Mask": "masks",
    "Masks": "masks",
    "Pipeline": "pipeline.builder",
    "Prompt": "prompts",
    "PromptSegError": "errors",
    "Result": "results",
    "SceneMask": "scene_masks",
    "SceneMasks": "scene_masks",
    "Segmenter": "protocols",
    "Session": "protocols",
    "TiledSession": "tiling.session",
    "VideoSegmenter": "protocols",
    "VideoSession": "protocols",
    "annotate": "annotation.run",
    "bench": "speed.measuring",
    "calibrate": "evaluation.score_fitting",
    "click": "widgets.opening",
    "evaluate": "evaluation.run",
    "export_onnx": "export.pair",
    "fetch_image": "web_images",
    "finetune_decoder": "finetuning.run",
    "list_models": "registry.catalog",
    "load": "registry.loading",
    "load_concept": "registry.loading",
    "load_detector": "registry.loading",
    "load_features": "registry.loading",
    "load_image": "images",
    "load_matting": "registry.loading",
    "load_segmenter": "registry.loading",
    "load_video": "registry.loading",
    "open_frames": "video.frames",
    "open_raster": "rasters.opening",
    "open_tiled": "tiling.session",
    "segment": "pipeline.builder",
    "studio": "widgets.opening",
}

__all__ = [*_HOMES, "__version__"]

if TYPE_CHECKING:
    from .annotation.run import annotate as annotate
    from .detections import Detections as Detections
    from .errors import PromptSegError as PromptSegError
    from .evaluation.run import evaluate as evaluate
    from .evaluation.score_fitting import calibrate as calibrate
    from .export.pair import export_onnx as export_onnx
    from .finetuning.run import finetune_decoder as finetune_decoder
    from .images import load_image as load_image
    from .masks import Mask as Mask
    from .masks import Masks as Masks
    from .models.sam.cache import EmbeddingCache as EmbeddingCache
    from .pipeline.builder import Pipeline as Pipeline
    from .pipeline.builder import segment as segment
    from .prompts import Prompt as Prompt
    from .protocols import ConceptSegmenter as ConceptSegmenter
    from .protocols import ConceptVideoSegmenter as ConceptVideoSegmenter
    from .protocols import Detector as Detector
    from .protocols import FeatureExtractor as FeatureExtractor
    from .protocols import Segmenter as Segmenter
    from .protocols import Session as Session
    from .protocols import VideoSegmenter as VideoSegmenter
    from .protocols import VideoSession as VideoSession
    from .rasters.opening import open_raster as open_raster
    from .registry.catalog import list_models as list_models
    from .registry.loading import load as load
    from .registry.loading import load_concept as load_concept
    from .registry.loading import load_detector as load_detector
    from .registry.loading import load_features as load_features
    from .registry.loading import load_matting as load_matting
    from .registry.loading import load_segmenter as load_segmenter
    from .registry.loading import load_video as load_video
    from .registry.spec import BackendSpec as BackendSpec
    from .results import FrameMasks as FrameMasks
    from .results import Result as Result
    from .scene_masks import SceneMask as SceneMask
    from .scene_masks import SceneMasks as SceneMasks
    from .speed.measuring import bench as bench
    from .tiling.session import TiledSession as TiledSession
    from .tiling.session import open_tiled as open_tiled
    from .video.frames import open_frames as open_frames
    from .web_images import fetch_image as fetch_image
    from .widgets.opening import click as click
    from .widgets.opening import studio as studio


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'promptseg' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
