"""Grounding DINO: phrases packed into captions, run by either of two engines, and scored phrase by phrase on the tokens of each.

S. Liu et al., "Grounding DINO: Marrying DINO with Grounded Pre-Training for Open-Set Object Detection", ECCV 2024.
"""
