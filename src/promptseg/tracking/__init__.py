"""Tracking with any segmenter: propagation from frame to frame, redetection and association of objects, and outputs."""
