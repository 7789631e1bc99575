"""Tracking with any segmenter, and keeping hold of objects: optical flow, appearance, one object from frame to frame, events."""
