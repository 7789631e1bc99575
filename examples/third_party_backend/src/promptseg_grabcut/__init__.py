"""GrabCut as a backend of promptseg, in a separate package.

promptseg imports this module whenever it lists its backends. The module therefore describes the backend in strings and imports nothing
heavy. OpenCV is imported by `promptseg_grabcut.segmenter` when a model is loaded.
"""

from __future__ import annotations

from promptseg.registry import BackendSpec, Engine, ModelSpec

BACKEND = BackendSpec(
    name="grabcut",
    kind="segmenter",
    factory="promptseg_grabcut.segmenter:load",
    accepts=frozenset({"box", "point"}),
    options={"rounds": 5},
    score="agreement of the last two rounds",
    requires=("cv2",),
    install="pip install promptseg-grabcut",
    models=(
        ModelSpec(
            name="grabcut",
            summary="GrabCut of OpenCV: the object in a box by its colors, no weights",
            license="Apache-2.0",
            engines=(Engine(name="opencv", backend="grabcut", variant="rectangle"),),
        ),
    ),
)
"""Backend with its model. The entry point names this value."""
