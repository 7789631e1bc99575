"""GrabCut as a promptseg backend, from a package of its own.

promptseg imports this module whenever it lists its backends, so it describes the backend in strings and imports nothing heavy: OpenCV is
imported by `promptseg_grabcut.segmenter`, and that when a model is loaded.
"""

from __future__ import annotations

from promptseg.registry import BackendSpec, Engine, ModelSpec

BACKEND = BackendSpec(
    name="grabcut",
    kind="segmenter",
    factory="promptseg_grabcut.segmenter:load",
    accepts=frozenset({"box", "point"}),
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
"""What the entry point names: the backend and the model that comes with it."""
