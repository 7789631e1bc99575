"""Bodies and answers of the studio's routes, each in the file of what it describes. A new one is also named here.

`studio/web/src/model/types.ts` says the same in TypeScript.
"""

from __future__ import annotations

from .code import CodeIn, CodeOut
from .documents import (
    ChangedOut,
    ChangeIn,
    ChangesIn,
    ConflictOut,
    DocumentOut,
    MaskIn,
    ObjectIn,
    ObjectOut,
    change_of,
    document_values,
    object_of,
)
from .images import ImagesOut, OpenImageOut, SummaryOut, TilesOut, TrueObjectOut, summary_values
from .labels import LabelIn, LabelOut, LabelsIn, LabelsOut, label_of
from .names import Color, Key, Uid
from .project import AddressOut, FormatOut, ProjectOut
from .work import ExportedOut, ExportIn, ExportOut, ImportedOut, SuggestedOut, SuggestIn, UndoneImportOut

__all__ = [
    "AddressOut",
    "ChangeIn",
    "ChangedOut",
    "ChangesIn",
    "CodeIn",
    "CodeOut",
    "Color",
    "ConflictOut",
    "DocumentOut",
    "ExportIn",
    "ExportOut",
    "ExportedOut",
    "FormatOut",
    "ImagesOut",
    "ImportedOut",
    "Key",
    "LabelIn",
    "LabelOut",
    "LabelsIn",
    "LabelsOut",
    "MaskIn",
    "ObjectIn",
    "ObjectOut",
    "OpenImageOut",
    "ProjectOut",
    "SuggestIn",
    "SuggestedOut",
    "SummaryOut",
    "TilesOut",
    "TrueObjectOut",
    "Uid",
    "UndoneImportOut",
    "change_of",
    "document_values",
    "label_of",
    "object_of",
    "summary_values",
]
