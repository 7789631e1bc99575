"""Grounding DINO: packing of phrases into captions, two engines, and one score per phrase and box.

S. Liu et al., "Grounding DINO: Marrying DINO with Grounded Pre-Training for Open-Set Object Detection", ECCV 2024.
"""
