"""Evaluation against ground truth: simulated prompts, metrics with intervals, paired comparisons."""
