"""Calibration: thresholds of phrases, and scores that say which IoU to expect."""
