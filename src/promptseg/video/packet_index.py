"""Index of the frames of a video file, made from its packets: no frame is decoded, so that an hour takes a second or so.

The packets of some files do not tell how many frames come of them, such as those with hidden frames or damaged ones. They have no index.
"""

from __future__ import annotations

from typing import Any

Key = tuple[int, int]
"""Index of a key frame, and its presentation time in units of the stream."""

CODECS = frozenset({"av1", "ffv1", "h264", "hevc", "mjpeg", "mpeg4", "prores", "vp9"})
"""Codecs of which every packet gives one frame."""


def packet_index(container: Any, stream: Any) -> tuple[int, list[Key]] | None:
    """Return the number of frames and the key frames of a file, or None if its packets do not tell them.

    Args:
        container: The file, opened by PyAV at its start.
        stream: Its video stream.
    """
    if stream.codec_context.name not in CODECS and stream.codec_context.codec.canonical_name not in CODECS:
        return None
    times: list[int] = []
    keys: list[int] = []
    try:
        for packet in container.demux(stream):
            if packet.pts is None and not packet.size:  # The end.
                continue
            if packet.pts is None or packet.is_corrupt:
                return None
            if packet.is_discard:  # Decoded, but not shown.
                continue
            times.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
    except Exception:  # FFmpeg's errors have many base classes. Who reads the damaged place is told.
        return None
    if not keys or times[0] != min(times):  # Frames before the first key frame may not be shown.
        return None
    places = {time: index for index, time in enumerate(sorted(times))}
    if len(places) != len(times):  # Two packets of one time are one frame, or one of them is hidden.
        return None
    return len(times), [(places[time], time) for time in sorted(keys)]
