"""A studio of a video: its objects on all frames, as a person marked them and as a tracker found them.

- Values: `objects`, `masks`, `changes`; `documents` shows the objects on one frame as a document like that of an image.
- Keeping: `project` is what all of it works on; `journal` is its file, `known` what the file tells, `compaction` shortens it, and
  `checks` checks each change.
- Frames for the page: `frames`, and `frame_pyramids` for their tiles.
- Work: `tracking` and `export`.
- The server: `app` makes it, and `state` is what its routes in ``studio_server/api`` speak to.
"""
