"""Label Studio: one JSON file of tasks, with masks as brush strokes."""

from __future__ import annotations

from ...descriptor import FIT, Format, Option, OutputVariant, Reader
from .reading import read_label_studio
from .writing import LOCAL_FILES, LabelStudioWriter

__all__ = ["FORMAT", "LOCAL_FILES", "LabelStudioWriter", "read_label_studio"]

_ADDRESS = Option("URL prefix of image names.", LOCAL_FILES)

FORMAT = Format(
    "label-studio",
    "Label Studio tasks with brush strokes",
    Reader(read_label_studio, "Label Studio JSON export", options={"fit": FIT}),
    (OutputVariant("label-studio", "label-studio.json, label-studio.xml", LabelStudioWriter, {"address": _ADDRESS}),),
)
