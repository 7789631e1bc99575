"""Sources of images to annotate: a folder, a pattern, a list, a table, a COCO file with boxes, a video, or Python values.

A source yields `SourceImage` objects in the same order each time. Their names are unique: files with the same name in two folders stay two
images. A source is listed when it is opened, so that a file that is removed later is reported. Of a folder, memory holds only the names.
"""

from .core import AskedObject, ListedImages, NamedImages, Source, SourceImage, SourceTile
from .opening import open_source
from .values import SourceItem
from .video import VIDEO_SUFFIXES, VideoImages

__all__ = [
    "VIDEO_SUFFIXES",
    "AskedObject",
    "ListedImages",
    "NamedImages",
    "Source",
    "SourceImage",
    "SourceItem",
    "SourceTile",
    "VideoImages",
    "open_source",
]
